//! What holds when many come at once.

use std::{collections::BTreeSet, time::Duration};

use comptoir_mesh::error::ErrorReason as Reason;
use futures::future::join_all;

use super::{
    LONG, SHORT, STAFF, categories::named, create, draft, field, ledger, ledger_sum, products::file, read,
    reason, reservation, stock::adjustment, units,
};
use crate::{
    domain::{ImportOutcome, ProductDraft, SlugChoice},
    store::Store,
};

pub(in crate::store) async fn one_of_several_takes_a_slug(store: &dyn Store) {
    let exact = || ProductDraft {
        slug: SlugChoice::Exact("the-one".to_owned()),
        ..draft("The One", 0)
    };
    let outcomes = join_all((0..8).map(|_| store.create_product(exact(), STAFF))).await;
    let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for refusal in refused {
        assert_eq!(field(refusal), "slug");
    }
    // Numbered ones beside those that ask for a number.
    let derived = (0..6).map(|_| store.create_product(draft("Green Hat", 0), STAFF));
    let exact = (2..5).map(|number| {
        let slug = SlugChoice::Exact(format!("green-hat-{number}"));
        store.create_product(
            ProductDraft {
                slug,
                ..draft("Hat", 0)
            },
            STAFF,
        )
    });
    let (derived, exact) = futures::join!(join_all(derived), join_all(exact));
    let made = derived.into_iter().map(Result::unwrap);
    let slugs: Vec<String> = made
        .chain(exact.into_iter().filter_map(Result::ok))
        .map(|product| product.slug)
        .collect();
    let distinct: BTreeSet<_> = slugs.iter().collect();
    assert_eq!(distinct.len(), slugs.len(), "{slugs:?}");
}

pub(in crate::store) async fn imports_at_once_make_one_product(store: &dyn Store) {
    let imports = join_all((0..8).map(|_| store.import_product(file(), STAFF))).await;
    let outcomes: Vec<_> = imports
        .into_iter()
        .map(|imported| imported.unwrap().outcome)
        .collect();
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    assert_eq!(
        (count(ImportOutcome::Created), count(ImportOutcome::Unchanged)),
        (1, 7)
    );
    assert_eq!(store.all_products(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.pending(10).await.unwrap().len(), 1);
}

pub(in crate::store) async fn moves_at_once_make_no_circle(store: &dyn Store) {
    for round in 0..5 {
        let one = store
            .create_category(named(&format!("One {round}"), None))
            .await
            .unwrap();
        let other = store
            .create_category(named(&format!("Other {round}"), None))
            .await
            .unwrap();
        let (below, above) = futures::join!(
            store.update_category(&one.id, named("One", Some(&other))),
            store.update_category(&other.id, named("Other", Some(&one)))
        );
        assert!(below.is_ok() != above.is_ok());
    }
    let twins = join_all((0..5).map(|_| store.create_category(named("Twin", None)))).await;
    let mut slugs: Vec<_> = twins.into_iter().map(|twin| twin.unwrap().slug).collect();
    slugs.sort();
    assert_eq!(slugs, ["twin", "twin-2", "twin-3", "twin-4", "twin-5"]);
}

pub(in crate::store) async fn what_comes_into_a_category_that_goes_is_refused_or_moves(store: &dyn Store) {
    for round in 0..5 {
        let going = store
            .create_category(named(&format!("Going {round}"), None))
            .await
            .unwrap();
        let mut placed = draft(&format!("Thing {round}"), 0);
        placed.content.category_id = Some(going.id.clone());
        let come = join_all((0..4).map(|_| store.create_product(placed.clone(), STAFF)));
        let (come, gone) = futures::join!(come, store.delete_category(&going.id));
        gone.unwrap();
        for outcome in come {
            match outcome {
                Ok(product) => {
                    let stored = read(store, &product.id).await.unwrap();
                    assert_eq!(stored.content.category_id, None);
                }
                Err(refusal) => assert_eq!(refusal.field_violations()[0].field, "category_id"),
            }
        }
    }
}

pub(in crate::store) async fn adjusting_takes_nothing_that_is_held_meanwhile(store: &dyn Store) {
    let product = create(store, "Brush", 30).await;
    let brush = product.variants[0].id.as_str();
    let buyers = join_all((0..40).map(|buyer| async move {
        let id = format!("order_{buyer}");
        store
            .reserve_stock(reservation(&id, &[(brush, 1)], LONG))
            .await
            .is_ok()
    }));
    let takers = join_all((0..40).map(|taker| async move {
        let key = format!("key-{taker}");
        store.adjust_stock(adjustment(brush, -1, &key)).await.is_ok()
    }));
    let (held, taken) = futures::join!(buyers, takers);
    let count = |outcomes: Vec<bool>| i32::try_from(outcomes.into_iter().filter(|ok| *ok).count()).unwrap();
    let (held, taken) = (count(held), count(taken));
    assert_eq!(held + taken, 30);
    assert_eq!(units(store, brush).await, (held, held));
    assert_eq!(ledger_sum(store, brush).await, held);
}

pub(in crate::store) async fn many_buyers_sell_what_there_is(store: &dyn Store) {
    let product = create(store, "Lamp", 10).await;
    let lamp = product.variants[0].id.as_str();
    let buyers = (0..64).map(|buyer| {
        let id = format!("order_{buyer}");
        async move {
            store.reserve_stock(reservation(&id, &[(lamp, 1)], LONG)).await?;
            store.confirm_reservation(&id).await
        }
    });
    let outcomes = join_all(buyers).await;
    let sold = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(sold, 10);
    for refusal in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(refusal.reason(), Reason::InsufficientStock);
    }
    assert_eq!(units(store, lamp).await, (0, 0));
    assert_eq!(ledger_sum(store, lamp).await, 0);
    assert_eq!(ledger(store, lamp).await.len(), 11);
}

pub(in crate::store) async fn the_same_step_at_once_happens_once(store: &dyn Store) {
    let product = create(store, "Stool", 50).await;
    let stool = product.variants[0].id.as_str();
    let reserved =
        join_all((0..20).map(|_| store.reserve_stock(reservation("order_1", &[(stool, 2)], LONG)))).await;
    let ends: Vec<_> = reserved.into_iter().map(Result::unwrap).collect();
    assert!(ends.iter().all(|end| *end == ends[0]));
    assert_eq!(units(store, stool).await, (50, 2));
    join_all((0..20).map(|_| store.confirm_reservation("order_1")))
        .await
        .into_iter()
        .for_each(Result::unwrap);
    assert_eq!(units(store, stool).await, (48, 0));
    join_all((0..20).map(|_| store.release_reservation("order_1", "")))
        .await
        .into_iter()
        .for_each(Result::unwrap);
    assert_eq!(units(store, stool).await, (50, 0));
    assert_eq!(ledger(store, stool).await[0].reason, "returned");
}

pub(in crate::store) async fn a_release_at_once_with_its_hold_leaves_nothing(store: &dyn Store) {
    let product = create(store, "Bench", 20).await;
    let bench = product.variants[0].id.as_str();
    let both = (0..20).map(|order| async move {
        let id = format!("order_{order}");
        let (reserved, released) = futures::join!(
            store.reserve_stock(reservation(&id, &[(bench, 1)], LONG)),
            store.release_reservation(&id, "canceled")
        );
        released.unwrap();
        if let Err(refusal) = reserved {
            assert_eq!(refusal.reason(), Reason::InvalidState);
        }
        assert_eq!(reason(store.confirm_reservation(&id).await), Reason::InvalidState);
    });
    join_all(both).await;
    assert_eq!(units(store, bench).await, (20, 0));
}

pub(in crate::store) async fn ended_holds_make_room_for_all_who_come(store: &dyn Store) {
    let product = create(store, "Basket", 12).await;
    let basket = product.variants[0].id.as_str();
    let over = (0..12).map(|order| async move {
        let id = format!("order_over_{order}");
        store.reserve_stock(reservation(&id, &[(basket, 1)], SHORT)).await
    });
    for reserved in join_all(over).await {
        reserved.unwrap();
    }
    // All at once, and with them the sweeper: each gets what is free.
    let come = (0..12).map(|order| async move {
        let id = format!("order_{order}");
        store.reserve_stock(reservation(&id, &[(basket, 1)], LONG)).await
    });
    let (come, swept) = futures::join!(join_all(come), store.expire_reservations(5));
    swept.unwrap();
    for reserved in come {
        reserved.unwrap();
    }
    assert_eq!(units(store, basket).await, (12, 12));
}

pub(in crate::store) async fn opposite_orders_do_not_meet(store: &dyn Store) {
    let (one, other) = (create(store, "Fork", 40).await, create(store, "Knife", 40).await);
    let (fork, knife) = (one.variants[0].id.as_str(), other.variants[0].id.as_str());
    let orders = (0..40_u32).map(|order| {
        let lines = if order.is_multiple_of(2) {
            [(fork, 1), (knife, 1)]
        } else {
            [(knife, 1), (fork, 1)]
        };
        store.reserve_stock(reservation(&format!("order_{order}"), &lines, LONG))
    });
    join_all(orders).await.into_iter().for_each(|outcome| {
        outcome.unwrap();
    });
    assert_eq!(
        (units(store, fork).await, units(store, knife).await),
        ((40, 40), (40, 40))
    );
}

pub(in crate::store) async fn orders_of_many_lines_do_not_meet(store: &dyn Store) {
    let mut products = Vec::new();
    for number in 0..5 {
        products.push(create(store, &format!("Tile {number}"), 100).await);
    }
    let variants: Vec<&str> = products
        .iter()
        .map(|product| product.variants[0].id.as_str())
        .collect();
    let variants = &variants;
    let orders = (0..60).map(|order: usize| async move {
        let id = format!("order_{order}");
        // Three of the five, each time in another order.
        let mut lines: Vec<(&str, i32)> = (0..3).map(|line| (variants[(order + line) % 5], 1)).collect();
        if order.is_multiple_of(2) {
            lines.reverse();
        }
        store.reserve_stock(reservation(&id, &lines, LONG)).await.unwrap();
        match order % 3 {
            0 => store.confirm_reservation(&id).await.unwrap(),
            1 => store.release_reservation(&id, "").await.unwrap(),
            _ => {
                store.confirm_reservation(&id).await.unwrap();
                store.release_reservation(&id, "").await.unwrap();
            }
        }
        usize::from(order.is_multiple_of(3))
    });
    let sold: usize = join_all(orders).await.into_iter().sum();
    let mut left = 0;
    for variant in variants {
        let (on_hand, reserved) = units(store, variant).await;
        assert_eq!((reserved, ledger_sum(store, variant).await), (0, on_hand));
        left += on_hand;
    }
    assert_eq!(left, 500 - 3 * i32::try_from(sold).unwrap());
}

pub(in crate::store) async fn units_are_conserved_whatever_happens(store: &dyn Store) {
    let product = create(store, "Candle", 20).await;
    let candle = product.variants[0].id.as_str();
    let buyers = (0..60).map(|buyer: i32| {
        let id = format!("order_{buyer}");
        let ttl = if buyer % 3 == 0 { SHORT } else { LONG };
        async move {
            let reserved = store
                .reserve_stock(reservation(&id, &[(candle, 1 + buyer % 3)], ttl))
                .await
                .is_ok();
            match buyer % 5 {
                0 => {
                    return (reserved && store.confirm_reservation(&id).await.is_ok())
                        .then_some(1 + buyer % 3);
                }
                1 => store.release_reservation(&id, "").await.unwrap(),
                2 => {
                    let _ = store.confirm_reservation(&id).await;
                    store.release_reservation(&id, "").await.unwrap();
                }
                3 => drop(store.expire_reservations(10).await.unwrap()),
                _ => {}
            }
            None
        }
    });
    let sold: i32 = join_all(buyers).await.into_iter().flatten().sum();
    while store.expire_reservations(100).await.unwrap() > 0 {}
    for buyer in (0..60).filter(|buyer| buyer % 5 != 0) {
        store
            .release_reservation(&format!("order_{buyer}"), "")
            .await
            .unwrap();
    }
    assert_eq!(units(store, candle).await, (20 - sold, 0));
    assert_eq!(ledger_sum(store, candle).await, 20 - sold);
}

pub(in crate::store) async fn units_are_conserved_while_products_go(store: &dyn Store) {
    let mut products = Vec::new();
    for number in 0..6 {
        products.push(create(store, &format!("Kettle {number}"), 10).await);
    }
    let products = &products;
    let orders = (0..60).map(|order: usize| async move {
        let id = format!("order_{order}");
        let lines = [0, 1].map(|line| (products[(order + line) % 6].variants[0].id.as_str(), 1));
        let ttl = if order.is_multiple_of(4) { SHORT } else { LONG };
        if let Err(refusal) = store.reserve_stock(reservation(&id, &lines, ttl)).await {
            assert!(matches!(
                refusal.reason(),
                Reason::InsufficientStock | Reason::ProductUnavailable
            ));
        }
        if order.is_multiple_of(3) {
            let _ = store.confirm_reservation(&id).await;
        }
        if order.is_multiple_of(2) {
            store.release_reservation(&id, "").await.unwrap();
        }
    });
    let going = products[..3].iter().map(|product| async move {
        tokio::time::sleep(Duration::from_millis(3)).await;
        store.delete_product(&product.id, STAFF).await.unwrap();
    });
    let (_, _, swept) = futures::join!(join_all(orders), join_all(going), store.expire_reservations(100));
    swept.unwrap();
    for order in 0..60 {
        store
            .release_reservation(&format!("order_{order}"), "")
            .await
            .unwrap();
    }
    for (number, product) in products.iter().enumerate() {
        let kettle = product.variants[0].id.as_str();
        let left = if number < 3 {
            0
        } else {
            units(store, kettle).await.0
        };
        assert_eq!(ledger_sum(store, kettle).await, left, "{number}");
    }
}
