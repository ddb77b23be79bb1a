//! Holds: nothing is sold twice, and each hold ends once.

use comptoir_mesh::error::ErrorReason as Reason;
use futures::future::join_all;

use super::{LONG, SHORT, STAFF, create, create_hidden, hold, ledger, ledger_sum, reason, units};
use crate::store::Store;

pub(in crate::store) async fn many_buyers_sell_what_there_is(store: &dyn Store) {
    let product = create(store, "Lamp", 10).await;
    let lamp = product.variants[0].id.as_str();
    let buyers = (0..64).map(|buyer| {
        let id = format!("order_{buyer}");
        async move {
            store.reserve(hold(&id, &[(lamp, 1)], LONG)).await?;
            store.confirm(&id).await
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

pub(in crate::store) async fn all_lines_are_held_or_none(store: &dyn Store) {
    let (plenty, few) = (create(store, "Cup", 10).await, create(store, "Bowl", 2).await);
    let (cup, bowl) = (plenty.variants[0].id.as_str(), few.variants[0].id.as_str());
    let refused = store
        .reserve(hold("order_1", &[(cup, 3), (bowl, 3)], LONG))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::InsufficientStock);
    assert_eq!(refused.field_violations().len(), 1);
    assert_eq!(refused.field_violations()[0].field, "lines.1.quantity");
    assert!(
        refused.message().contains(bowl) && refused.message().contains("Bowl"),
        "{refused}"
    );
    assert_eq!(
        (units(store, cup).await, units(store, bowl).await),
        ((10, 0), (2, 0))
    );
    // A refusal leaves nothing behind: the same id can be tried again.
    store
        .reserve(hold("order_1", &[(cup, 3), (bowl, 2)], LONG))
        .await
        .unwrap();
    assert_eq!(
        (units(store, cup).await, units(store, bowl).await),
        ((10, 3), (2, 2))
    );
}

pub(in crate::store) async fn lines_of_one_variant_count_together(store: &dyn Store) {
    let product = create(store, "Vase", 5).await;
    let vase = product.variants[0].id.as_str();
    assert_eq!(
        reason(
            store
                .reserve(hold("order_1", &[(vase, 3), (vase, 3)], LONG))
                .await
        ),
        Reason::InsufficientStock
    );
    store
        .reserve(hold("order_1", &[(vase, 2), (vase, 3)], LONG))
        .await
        .unwrap();
    assert_eq!(units(store, vase).await, (5, 5));
}

pub(in crate::store) async fn what_is_not_for_sale_is_refused(store: &dyn Store) {
    let product = create_hidden(store, "Secret").await;
    let secret = product.variants[0].id.as_str();
    let refused = store
        .reserve(hold("order_1", &[(secret, 1), ("var_unknown", 1)], LONG))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::ProductUnavailable);
    assert_eq!(refused.field_violations().len(), 2);
}

pub(in crate::store) async fn repeating_changes_nothing(store: &dyn Store) {
    let product = create(store, "Chair", 5).await;
    let chair = product.variants[0].id.as_str();
    let first = store.reserve(hold("order_1", &[(chair, 2)], LONG)).await.unwrap();
    assert_eq!(
        store.reserve(hold("order_1", &[(chair, 2)], LONG)).await.unwrap(),
        first
    );
    assert_eq!(
        reason(store.reserve(hold("order_1", &[(chair, 1)], LONG)).await),
        Reason::IdempotencyKeyReused
    );
    assert_eq!(units(store, chair).await, (5, 2));
    for _ in 0..3 {
        store.confirm("order_1").await.unwrap();
        assert_eq!(
            store.reserve(hold("order_1", &[(chair, 2)], LONG)).await.unwrap(),
            first
        );
        assert_eq!(units(store, chair).await, (3, 0));
    }
    for _ in 0..3 {
        store.release("order_1", "canceled").await.unwrap();
        assert_eq!(units(store, chair).await, (5, 0));
    }
    let movements: Vec<_> = ledger(store, chair)
        .await
        .into_iter()
        .map(|movement| (movement.delta, movement.reason))
        .collect();
    let expected =
        [(2, "canceled"), (-2, "sold"), (5, "initial")].map(|(delta, reason)| (delta, reason.to_owned()));
    assert_eq!(movements, expected);
    assert_eq!(reason(store.confirm("order_1").await), Reason::InvalidState);
    assert_eq!(
        reason(store.reserve(hold("order_1", &[(chair, 2)], LONG)).await),
        Reason::InvalidState
    );
}

pub(in crate::store) async fn the_same_step_at_once_happens_once(store: &dyn Store) {
    let product = create(store, "Stool", 50).await;
    let stool = product.variants[0].id.as_str();
    let reserved = join_all((0..20).map(|_| store.reserve(hold("order_1", &[(stool, 2)], LONG)))).await;
    let ends: Vec<_> = reserved.into_iter().map(Result::unwrap).collect();
    assert!(ends.iter().all(|end| *end == ends[0]));
    assert_eq!(units(store, stool).await, (50, 2));
    join_all((0..20).map(|_| store.confirm("order_1")))
        .await
        .into_iter()
        .for_each(Result::unwrap);
    assert_eq!(units(store, stool).await, (48, 0));
    join_all((0..20).map(|_| store.release("order_1", "")))
        .await
        .into_iter()
        .for_each(Result::unwrap);
    assert_eq!(units(store, stool).await, (50, 0));
    assert_eq!(ledger(store, stool).await[0].reason, "returned");
}

pub(in crate::store) async fn a_release_that_comes_first_wins(store: &dyn Store) {
    let product = create(store, "Table", 1).await;
    let table = product.variants[0].id.as_str();
    store.release("order_late", "payment failed").await.unwrap();
    assert_eq!(
        reason(store.reserve(hold("order_late", &[(table, 1)], LONG)).await),
        Reason::InvalidState
    );
    assert_eq!(reason(store.confirm("order_late").await), Reason::InvalidState);
    assert_eq!(reason(store.confirm("order_unknown").await), Reason::NotFound);
    assert_eq!(units(store, table).await, (1, 0));
}

pub(in crate::store) async fn a_release_at_once_with_its_hold_leaves_nothing(store: &dyn Store) {
    let product = create(store, "Bench", 20).await;
    let bench = product.variants[0].id.as_str();
    let both = (0..20).map(|order| async move {
        let id = format!("order_{order}");
        let (held, released) = futures::join!(
            store.reserve(hold(&id, &[(bench, 1)], LONG)),
            store.release(&id, "canceled")
        );
        released.unwrap();
        if let Err(refusal) = held {
            assert_eq!(refusal.reason(), Reason::InvalidState);
        }
        assert_eq!(reason(store.confirm(&id).await), Reason::InvalidState);
    });
    join_all(both).await;
    assert_eq!(units(store, bench).await, (20, 0));
}

pub(in crate::store) async fn ended_holds_make_room_for_all_who_come(store: &dyn Store) {
    let product = create(store, "Basket", 12).await;
    let basket = product.variants[0].id.as_str();
    let over = (0..12).map(|order| async move {
        let id = format!("order_over_{order}");
        store.reserve(hold(&id, &[(basket, 1)], SHORT)).await
    });
    for held in join_all(over).await {
        held.unwrap();
    }
    // All at once, and with them the sweeper: each gets what is free.
    let come = (0..12).map(|order| async move {
        let id = format!("order_{order}");
        store.reserve(hold(&id, &[(basket, 1)], LONG)).await
    });
    let (come, swept) = futures::join!(join_all(come), store.expire_reservations(5));
    swept.unwrap();
    for held in come {
        held.unwrap();
    }
    assert_eq!(units(store, basket).await, (12, 12));
}

pub(in crate::store) async fn an_ended_hold_is_in_nobodys_way(store: &dyn Store) {
    let product = create(store, "Clock", 3).await;
    let clock = product.variants[0].id.as_str();
    store
        .reserve(hold("order_1", &[(clock, 3)], SHORT))
        .await
        .unwrap();
    // No sweeper has run: who needs the units ends the hold.
    store.reserve(hold("order_2", &[(clock, 2)], LONG)).await.unwrap();
    assert_eq!(units(store, clock).await, (3, 2));
    // The first buyer paid after all: one unit is left, not three.
    assert_eq!(reason(store.confirm("order_1").await), Reason::InsufficientStock);
    store.confirm("order_2").await.unwrap();
    assert_eq!(units(store, clock).await, (1, 0));
    assert_eq!(ledger_sum(store, clock).await, 1);
}

pub(in crate::store) async fn a_live_hold_is_not_ended(store: &dyn Store) {
    let product = create(store, "Mirror", 1).await;
    let mirror = product.variants[0].id.as_str();
    store
        .reserve(hold("order_1", &[(mirror, 1)], LONG))
        .await
        .unwrap();
    assert_eq!(store.expire_reservations(100).await.unwrap(), 0);
    assert_eq!(
        reason(store.reserve(hold("order_2", &[(mirror, 1)], LONG)).await),
        Reason::InsufficientStock
    );
    store.confirm("order_1").await.unwrap();
}

pub(in crate::store) async fn the_sweeper_ends_what_is_over(store: &dyn Store) {
    let product = create(store, "Rug", 10).await;
    let rug = product.variants[0].id.as_str();
    for order in ["order_1", "order_2", "order_3"] {
        store.reserve(hold(order, &[(rug, 2)], SHORT)).await.unwrap();
    }
    store
        .reserve(hold("order_live", &[(rug, 1)], LONG))
        .await
        .unwrap();
    assert_eq!(store.expire_reservations(2).await.unwrap(), 2);
    assert_eq!(store.expire_reservations(2).await.unwrap(), 1);
    assert_eq!(store.expire_reservations(2).await.unwrap(), 0);
    assert_eq!(units(store, rug).await, (10, 1));
    // What has ended is taken again by a confirmation, and let go for good by a release.
    store.confirm("order_1").await.unwrap();
    store.release("order_2", "").await.unwrap();
    assert_eq!(reason(store.confirm("order_2").await), Reason::InvalidState);
    assert_eq!(units(store, rug).await, (8, 1));
    assert_eq!(ledger_sum(store, rug).await, 8);
}

pub(in crate::store) async fn opposite_orders_do_not_meet(store: &dyn Store) {
    let (one, other) = (create(store, "Fork", 40).await, create(store, "Knife", 40).await);
    let (fork, knife) = (one.variants[0].id.as_str(), other.variants[0].id.as_str());
    let orders = (0..40).map(|order| {
        let lines = if order % 2 == 0 {
            [(fork, 1), (knife, 1)]
        } else {
            [(knife, 1), (fork, 1)]
        };
        store.reserve(hold(&format!("order_{order}"), &lines, LONG))
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
        if order % 2 == 0 {
            lines.reverse();
        }
        store.reserve(hold(&id, &lines, LONG)).await.unwrap();
        match order % 3 {
            0 => store.confirm(&id).await.unwrap(),
            1 => store.release(&id, "").await.unwrap(),
            _ => {
                store.confirm(&id).await.unwrap();
                store.release(&id, "").await.unwrap();
            }
        }
        usize::from(order % 3 == 0)
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
            let held = store
                .reserve(hold(&id, &[(candle, 1 + buyer % 3)], ttl))
                .await
                .is_ok();
            match buyer % 5 {
                0 => return (held && store.confirm(&id).await.is_ok()).then_some(1 + buyer % 3),
                1 => store.release(&id, "").await.unwrap(),
                2 => {
                    let _ = store.confirm(&id).await;
                    store.release(&id, "").await.unwrap();
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
        store.release(&format!("order_{buyer}"), "").await.unwrap();
    }
    assert_eq!(units(store, candle).await, (20 - sold, 0));
    assert_eq!(ledger_sum(store, candle).await, 20 - sold);
}

pub(in crate::store) async fn a_hold_survives_its_product(store: &dyn Store) {
    let product = create(store, "Shelf", 5).await;
    let shelf = product.variants[0].id.as_str();
    store
        .reserve(hold("order_kept", &[(shelf, 2)], LONG))
        .await
        .unwrap();
    store
        .reserve(hold("order_let_go", &[(shelf, 1)], LONG))
        .await
        .unwrap();
    store.delete_product(&product.id, STAFF).await.unwrap();
    assert_eq!(
        reason(store.reserve(hold("order_new", &[(shelf, 1)], LONG)).await),
        Reason::ProductUnavailable
    );
    store.confirm("order_kept").await.unwrap();
    store.release("order_let_go", "").await.unwrap();
    // Put back into nothing: the units are gone with the product.
    store.release("order_kept", "").await.unwrap();
    let movements: Vec<_> = ledger(store, shelf)
        .await
        .into_iter()
        .map(|movement| (movement.delta, movement.reason))
        .collect();
    let expected = [(-1, "removed"), (-2, "sold"), (-2, "removed"), (5, "initial")];
    assert_eq!(
        movements,
        expected.map(|(delta, reason)| (delta, reason.to_owned()))
    );
    assert!(store.stock(&[shelf.to_owned()]).await.unwrap().is_empty());
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
        let ttl = if order % 4 == 0 { SHORT } else { LONG };
        if let Err(refusal) = store.reserve(hold(&id, &lines, ttl)).await {
            assert!(matches!(
                refusal.reason(),
                Reason::InsufficientStock | Reason::ProductUnavailable
            ));
        }
        if order % 3 == 0 {
            let _ = store.confirm(&id).await;
        }
        if order % 2 == 0 {
            store.release(&id, "").await.unwrap();
        }
    });
    let going = products[..3].iter().map(|product| async move {
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        store.delete_product(&product.id, STAFF).await.unwrap();
    });
    let (_, _, swept) = futures::join!(join_all(orders), join_all(going), store.expire_reservations(100));
    swept.unwrap();
    for order in 0..60 {
        store.release(&format!("order_{order}"), "").await.unwrap();
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
