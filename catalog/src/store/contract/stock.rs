//! The ledger and what people move.

use comptoir_mesh::error::ErrorReason as Reason;
use futures::future::join_all;

use super::{LONG, SHORT, STAFF, create, draft, ledger, ledger_sum, reason, reservation, units, variant};
use crate::{
    domain::{Adjustment, Content, ProductDraft},
    store::Store,
};

pub(super) fn adjustment(variant_id: &str, delta: i32, request_id: &str) -> Adjustment {
    Adjustment {
        variant_id: variant_id.to_owned(),
        delta,
        reason: "counted".to_owned(),
        actor: STAFF.to_owned(),
        request_id: request_id.to_owned(),
    }
}

pub(in crate::store) async fn an_adjustment_happens_once(store: &dyn Store) {
    let product = create(store, "Pen", 5).await;
    let pen = product.variants[0].id.as_str();
    let repeated = (0..20).map(|_| store.adjust_stock(adjustment(pen, 7, "key-1")));
    for outcome in join_all(repeated).await {
        assert_eq!(outcome.unwrap(), product.id);
    }
    assert_eq!(units(store, pen).await, (12, 0));
    assert_eq!(
        reason(store.adjust_stock(adjustment(pen, 8, "key-1")).await),
        Reason::IdempotencyKeyReused
    );
    // Another's key is another key.
    let other = Adjustment {
        actor: "user_other".to_owned(),
        ..adjustment(pen, 8, "key-1")
    };
    store.adjust_stock(other).await.unwrap();
    assert_eq!(units(store, pen).await, (20, 0));
    let newest = ledger(store, pen).await.remove(0);
    assert_eq!(
        (newest.delta, newest.reason.as_str(), newest.actor.as_str()),
        (8, "counted", "user_other")
    );
}

pub(in crate::store) async fn what_is_held_cannot_be_taken(store: &dyn Store) {
    let product = create(store, "Book", 5).await;
    let book = product.variants[0].id.as_str();
    store
        .reserve_stock(reservation("order_live", &[(book, 2)], LONG))
        .await
        .unwrap();
    store
        .reserve_stock(reservation("order_over", &[(book, 1)], SHORT))
        .await
        .unwrap();
    assert_eq!(
        reason(store.adjust_stock(adjustment(book, -4, "key-1")).await),
        Reason::InsufficientStock
    );
    // The units of an expired reservation are available.
    store.adjust_stock(adjustment(book, -3, "key-2")).await.unwrap();
    assert_eq!(units(store, book).await, (2, 2));
    assert_eq!(
        reason(store.adjust_stock(adjustment(book, i32::MAX, "key-4")).await),
        Reason::QuantityOutOfRange
    );
    // A refusal is its key's answer for good, whatever has changed since.
    store.release_reservation("order_live", "").await.unwrap();
    store.adjust_stock(adjustment(book, 10, "key-5")).await.unwrap();
    for (delta, key, answer) in [
        (-4, "key-1", Reason::InsufficientStock),
        (i32::MAX, "key-4", Reason::QuantityOutOfRange),
        (-1, "key-1", Reason::IdempotencyKeyReused),
    ] {
        let again = store
            .adjust_stock(adjustment(book, delta, key))
            .await
            .unwrap_err();
        assert_eq!(again.reason(), answer);
        assert!(!again.message().is_empty());
    }
    assert_eq!(
        reason(store.adjust_stock(adjustment("var_unknown", 1, "key-3")).await),
        Reason::NotFound
    );
    assert_eq!(ledger_sum(store, book).await, 12);
    assert_eq!(units(store, book).await, (12, 0));
}

pub(in crate::store) async fn the_ledger_is_paged_newest_first(store: &dyn Store) {
    let product = create(store, "Card", 100).await;
    let card = product.variants[0].id.as_str();
    for number in 1..=5 {
        store
            .adjust_stock(adjustment(card, -number, &format!("key-{number}")))
            .await
            .unwrap();
    }
    let first = store.movements(card, None, 4).await.unwrap();
    let deltas: Vec<_> = first.items.iter().map(|movement| movement.delta).collect();
    assert_eq!(
        (deltas.as_slice(), first.more, first.total),
        ([-5, -4, -3, -2].as_slice(), true, 6)
    );
    let rest = store
        .movements(card, Some(first.items[3].position), 4)
        .await
        .unwrap();
    let deltas: Vec<_> = rest.items.iter().map(|movement| movement.delta).collect();
    assert_eq!((deltas.as_slice(), rest.more), ([-1, 100].as_slice(), false));
}

pub(in crate::store) async fn low_stock_is_listed_fewest_first(store: &dyn Store) {
    let few = ProductDraft {
        content: Content {
            options: vec!["Size".to_owned()],
            ..draft("Sock", 0).content
        },
        variants: vec![
            variant(&["S"], 1, 3),
            variant(&["M"], 1, 0),
            variant(&["L"], 1, 9),
            variant(&["XL"], 1, 3),
        ],
        ..draft("Sock", 0)
    };
    let sock = store.create_product(few, STAFF).await.unwrap();
    store
        .reserve_stock(reservation("order_1", &[(&sock.variants[2].id, 8)], LONG))
        .await
        .unwrap();
    let first = store.low_stock(3, None, 2).await.unwrap();
    let available: Vec<_> = first.items.iter().map(|low| low.available).collect();
    assert_eq!(
        (available.as_slice(), first.more, first.total),
        ([0, 1].as_slice(), true, 4)
    );
    let last = first.items[1].clone();
    let rest = store
        .low_stock(3, Some((last.available, last.variant_id)), 2)
        .await
        .unwrap();
    assert!(
        rest.items
            .iter()
            .all(|low| low.available == 3 && low.product_id == sock.id)
    );
    assert_eq!((rest.items.len(), rest.more), (2, false));
}
