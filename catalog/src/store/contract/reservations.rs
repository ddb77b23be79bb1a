//! Holds: nothing is sold twice, and each hold ends once.

use comptoir_mesh::error::ErrorReason as Reason;

use super::{LONG, SHORT, STAFF, create, create_hidden, ledger, ledger_sum, reason, reservation, units};
use crate::store::Store;

pub(in crate::store) async fn all_lines_are_held_or_none(store: &dyn Store) {
    let (plenty, few) = (create(store, "Cup", 10).await, create(store, "Bowl", 2).await);
    let (cup, bowl) = (plenty.variants[0].id.as_str(), few.variants[0].id.as_str());
    let refused = store
        .reserve_stock(reservation("order_1", &[(cup, 3), (bowl, 3)], LONG))
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
        .reserve_stock(reservation("order_1", &[(cup, 3), (bowl, 2)], LONG))
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
                .reserve_stock(reservation("order_1", &[(vase, 3), (vase, 3)], LONG))
                .await
        ),
        Reason::InsufficientStock
    );
    store
        .reserve_stock(reservation("order_1", &[(vase, 2), (vase, 3)], LONG))
        .await
        .unwrap();
    assert_eq!(units(store, vase).await, (5, 5));
}

pub(in crate::store) async fn what_is_not_for_sale_is_refused(store: &dyn Store) {
    let product = create_hidden(store, "Secret").await;
    let secret = product.variants[0].id.as_str();
    let refused = store
        .reserve_stock(reservation("order_1", &[(secret, 1), ("var_unknown", 1)], LONG))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::ProductUnavailable);
    assert_eq!(refused.field_violations().len(), 2);
}

pub(in crate::store) async fn repeating_changes_nothing(store: &dyn Store) {
    let product = create(store, "Chair", 5).await;
    let chair = product.variants[0].id.as_str();
    let first = store
        .reserve_stock(reservation("order_1", &[(chair, 2)], LONG))
        .await
        .unwrap();
    assert_eq!(
        store
            .reserve_stock(reservation("order_1", &[(chair, 2)], LONG))
            .await
            .unwrap(),
        first
    );
    assert_eq!(
        reason(
            store
                .reserve_stock(reservation("order_1", &[(chair, 1)], LONG))
                .await
        ),
        Reason::IdempotencyKeyReused
    );
    assert_eq!(units(store, chair).await, (5, 2));
    for _ in 0..3 {
        store.confirm_reservation("order_1").await.unwrap();
        assert_eq!(
            store
                .reserve_stock(reservation("order_1", &[(chair, 2)], LONG))
                .await
                .unwrap(),
            first
        );
        assert_eq!(units(store, chair).await, (3, 0));
    }
    for _ in 0..3 {
        store.release_reservation("order_1", "canceled").await.unwrap();
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
    assert_eq!(
        reason(store.confirm_reservation("order_1").await),
        Reason::InvalidState
    );
    assert_eq!(
        reason(
            store
                .reserve_stock(reservation("order_1", &[(chair, 2)], LONG))
                .await
        ),
        Reason::InvalidState
    );
}

pub(in crate::store) async fn a_release_that_comes_first_wins(store: &dyn Store) {
    let product = create(store, "Table", 1).await;
    let table = product.variants[0].id.as_str();
    store
        .release_reservation("order_late", "payment failed")
        .await
        .unwrap();
    assert_eq!(
        reason(
            store
                .reserve_stock(reservation("order_late", &[(table, 1)], LONG))
                .await
        ),
        Reason::InvalidState
    );
    assert_eq!(
        reason(store.confirm_reservation("order_late").await),
        Reason::InvalidState
    );
    assert_eq!(
        reason(store.confirm_reservation("order_unknown").await),
        Reason::NotFound
    );
    assert_eq!(units(store, table).await, (1, 0));
}

pub(in crate::store) async fn an_ended_hold_is_in_nobodys_way(store: &dyn Store) {
    let product = create(store, "Clock", 3).await;
    let clock = product.variants[0].id.as_str();
    store
        .reserve_stock(reservation("order_1", &[(clock, 3)], SHORT))
        .await
        .unwrap();
    // No sweeper has run: who needs the units ends the hold.
    store
        .reserve_stock(reservation("order_2", &[(clock, 2)], LONG))
        .await
        .unwrap();
    assert_eq!(units(store, clock).await, (3, 2));
    // The first buyer paid after all: one unit is left, not three.
    assert_eq!(
        reason(store.confirm_reservation("order_1").await),
        Reason::InsufficientStock
    );
    store.confirm_reservation("order_2").await.unwrap();
    assert_eq!(units(store, clock).await, (1, 0));
    assert_eq!(ledger_sum(store, clock).await, 1);
}

pub(in crate::store) async fn a_live_hold_is_not_ended(store: &dyn Store) {
    let product = create(store, "Mirror", 1).await;
    let mirror = product.variants[0].id.as_str();
    store
        .reserve_stock(reservation("order_1", &[(mirror, 1)], LONG))
        .await
        .unwrap();
    assert_eq!(store.expire_reservations(100).await.unwrap(), 0);
    assert_eq!(
        reason(
            store
                .reserve_stock(reservation("order_2", &[(mirror, 1)], LONG))
                .await
        ),
        Reason::InsufficientStock
    );
    store.confirm_reservation("order_1").await.unwrap();
}

pub(in crate::store) async fn the_sweeper_ends_what_is_over(store: &dyn Store) {
    let product = create(store, "Rug", 10).await;
    let rug = product.variants[0].id.as_str();
    for order in ["order_1", "order_2", "order_3"] {
        store
            .reserve_stock(reservation(order, &[(rug, 2)], SHORT))
            .await
            .unwrap();
    }
    store
        .reserve_stock(reservation("order_live", &[(rug, 1)], LONG))
        .await
        .unwrap();
    assert_eq!(store.expire_reservations(2).await.unwrap(), 2);
    assert_eq!(store.expire_reservations(2).await.unwrap(), 1);
    assert_eq!(store.expire_reservations(2).await.unwrap(), 0);
    assert_eq!(units(store, rug).await, (10, 1));
    // What has ended is taken again by a confirmation, and let go for good by a release.
    store.confirm_reservation("order_1").await.unwrap();
    store.release_reservation("order_2", "").await.unwrap();
    assert_eq!(
        reason(store.confirm_reservation("order_2").await),
        Reason::InvalidState
    );
    assert_eq!(units(store, rug).await, (8, 1));
    assert_eq!(ledger_sum(store, rug).await, 8);
}

pub(in crate::store) async fn a_hold_survives_its_product(store: &dyn Store) {
    let product = create(store, "Shelf", 5).await;
    let shelf = product.variants[0].id.as_str();
    store
        .reserve_stock(reservation("order_kept", &[(shelf, 2)], LONG))
        .await
        .unwrap();
    store
        .reserve_stock(reservation("order_let_go", &[(shelf, 1)], LONG))
        .await
        .unwrap();
    store.delete_product(&product.id, STAFF).await.unwrap();
    assert_eq!(
        reason(
            store
                .reserve_stock(reservation("order_new", &[(shelf, 1)], LONG))
                .await
        ),
        Reason::ProductUnavailable
    );
    store.confirm_reservation("order_kept").await.unwrap();
    store.release_reservation("order_let_go", "").await.unwrap();
    // Put back into nothing: the units are gone with the product.
    store.release_reservation("order_kept", "").await.unwrap();
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
