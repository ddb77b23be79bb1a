//! Each change is announced once, in order, with the change.

use std::collections::HashMap;

use comptoir_events::{CATALOG_TOPIC, Record};
use comptoir_proto::catalog::v1::{CatalogEvent, catalog_event::Payload};
use futures::future::join_all;
use prost::Message as _;

use super::{LONG, SHORT, STAFF, create, draft, reservation, same};
use crate::{
    domain::{Adjustment, CategoryDraft, SlugChoice},
    store::Store,
};

fn decode(record: &Record) -> CatalogEvent {
    let event = CatalogEvent::decode(record.payload.clone()).unwrap();
    assert_eq!(
        (&event.id, &event.aggregate_id, event.sequence),
        (&record.id, &record.key, record.sequence)
    );
    assert_eq!((record.topic, event.schema_version), (CATALOG_TOPIC, 1));
    event
}

/// What was announced since the last time, as words.
async fn announced(store: &dyn Store) -> Vec<String> {
    let records = store.pending(1000).await.unwrap();
    store.done(&records).await.unwrap();
    let word = |record: &Record| match decode(record).payload.unwrap() {
        Payload::ProductChanged(changed) => match changed.previous_slug {
            Some(previous) => format!("changed {previous} to {}", changed.slug),
            None => format!("changed {}", changed.version),
        },
        Payload::ProductDeleted(deleted) => format!("deleted {}", deleted.slug),
        Payload::CategoryChanged(_) => "category changed".to_owned(),
        Payload::CategoryDeleted(_) => "category deleted".to_owned(),
        Payload::StockChanged(changed) => format!("stock {}", changed.variant_ids.len()),
    };
    records.iter().map(word).collect()
}

pub(in crate::store) async fn each_change_is_announced(store: &dyn Store) {
    let product = create(store, "Kite", 5).await;
    let kite = product.variants[0].id.as_str();
    assert_eq!(announced(store).await, ["changed 1"]);
    let mut edit = same(&product);
    edit.slug = SlugChoice::Exact("dragon".to_owned());
    store.update_product(&product.id, edit, 1, STAFF).await.unwrap();
    assert_eq!(announced(store).await, ["changed kite to dragon"]);

    store
        .reserve_stock(reservation("order_1", &[(kite, 1)], LONG))
        .await
        .unwrap();
    assert_eq!(announced(store).await, ["stock 1"]);
    // What is held is sold: no more and no less can be bought than before.
    store.confirm_reservation("order_1").await.unwrap();
    assert!(announced(store).await.is_empty());
    store.release_reservation("order_1", "").await.unwrap();
    store
        .reserve_stock(reservation("order_2", &[(kite, 1)], SHORT))
        .await
        .unwrap();
    store.expire_reservations(10).await.unwrap();
    assert_eq!(announced(store).await, ["stock 1"; 3]);
    store.release_reservation("order_unknown", "").await.unwrap();
    assert!(
        store
            .reserve_stock(reservation("order_3", &[(kite, 99)], LONG))
            .await
            .is_err()
    );
    assert!(announced(store).await.is_empty());
    let adjustment = Adjustment {
        variant_id: kite.to_owned(),
        delta: 1,
        reason: "found".to_owned(),
        actor: STAFF.to_owned(),
        request_id: "key".to_owned(),
    };
    store.adjust_stock(adjustment.clone()).await.unwrap();
    store.adjust_stock(adjustment).await.unwrap();
    assert_eq!(announced(store).await, ["stock 1"]);

    let toys = CategoryDraft {
        name: "Toys".to_owned(),
        slug: SlugChoice::Derived("toys".to_owned()),
        parent_id: None,
    };
    let toys = store.create_category(toys).await.unwrap();
    let mut placed = draft("Ball", 0);
    placed.content.category_id = Some(toys.id.clone());
    store.create_product(placed, STAFF).await.unwrap();
    store.delete_category(&toys.id).await.unwrap();
    assert_eq!(
        announced(store).await,
        ["category changed", "changed 1", "changed 2", "category deleted"]
    );
    store.delete_product(&product.id, STAFF).await.unwrap();
    assert_eq!(announced(store).await, ["deleted dragon"]);
}

pub(in crate::store) async fn sequences_have_no_gaps(store: &dyn Store) {
    let (one, other) = (
        create(store, "Drum", 500).await,
        create(store, "Flute", 500).await,
    );
    let (drum, flute) = (one.variants[0].id.as_str(), other.variants[0].id.as_str());
    let orders = (0..40).map(|order| async move {
        let id = format!("order_{order}");
        let lines = if order % 3 == 0 {
            vec![(drum, 1), (flute, 20)]
        } else {
            vec![(drum, 1)]
        };
        let _ = store.reserve_stock(reservation(&id, &lines, LONG)).await;
        store.release_reservation(&id, "").await.unwrap();
    });
    join_all(orders).await;
    let mut last: HashMap<String, u64> = HashMap::new();
    loop {
        // Taken in pieces, as the relay does: numbers go on over deleted entries.
        let records = store.pending(7).await.unwrap();
        if records.is_empty() {
            break;
        }
        for record in &records {
            decode(record);
            let before = last
                .insert(record.key.clone(), record.sequence)
                .unwrap_or_default();
            assert_eq!(record.sequence, before + 1, "{}", record.key);
        }
        store.done(&records).await.unwrap();
    }
    assert_eq!(last[&one.id], 81);
}
