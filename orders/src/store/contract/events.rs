//! What [`OrderStore`](crate::store::OrderStore) promises of the events that wait in it.

use std::collections::BTreeMap;

use super::orders::{Store, event, order};

/// Events come in the order in which they were written, and are gone once they are published.
async fn events_wait_until_they_are_published(store: Store) {
    let changed = store.events_changed();
    let (one, two) = (order("order_1", 0), order("order_2", 1));
    store
        .insert_order(&one, &[event(&one, 1), event(&one, 2)])
        .await
        .unwrap();
    store.insert_order(&two, &[event(&two, 1)]).await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(1), changed.notified())
        .await
        .unwrap();
    let mut next = one.clone();
    next.revision += 1;
    store.replace_order(&next, &[event(&one, 3)]).await.unwrap();
    let waiting = store.pending_events(2).await.unwrap();
    assert_eq!(waiting, [event(&one, 1), event(&one, 2)]);
    store
        .events_done(&[("order_1".to_owned(), 1), ("order_2".to_owned(), 1)])
        .await
        .unwrap();
    assert_eq!(
        store.pending_events(10).await.unwrap(),
        [event(&one, 2), event(&one, 3)]
    );
    store.events_done(&[("order_1".to_owned(), 1)]).await.unwrap();
    assert_eq!(
        store.pending_events(10).await.unwrap().len(),
        2,
        "done again is done"
    );
}

/// However changes and publishing cross, each order's events are given in their order, none twice once it was noted, and none
/// is lost.
async fn events_of_an_order_keep_their_order(store: Store) {
    const EACH: u64 = 8;
    let writers = (0..10).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut order = order(&format!("order_{n}"), n);
            store.insert_order(&order, &[event(&order, 1)]).await.unwrap();
            for sequence in 2..=EACH {
                order.revision += 1;
                assert!(
                    store
                        .replace_order(&order, &[event(&order, sequence)])
                        .await
                        .unwrap()
                );
            }
        })
    });
    let writers = futures::future::join_all(writers);
    let drain = async |seen: &mut BTreeMap<String, u64>| {
        // As few at once as it takes to cut through an order's.
        let waiting = store.pending_events(3).await.unwrap();
        let published: Vec<_> = waiting
            .iter()
            .map(|event| (event.order_id.clone(), event.sequence))
            .collect();
        for (order_id, sequence) in &published {
            let last = seen.entry(order_id.clone()).or_default();
            assert_eq!(*sequence, *last + 1, "of {order_id}");
            *last = *sequence;
        }
        store.events_done(&published).await.unwrap();
        published.len()
    };
    let mut seen = BTreeMap::new();
    let mut writers = std::pin::pin!(writers);
    loop {
        let over = futures::FutureExt::now_or_never(&mut writers);
        let drained = drain(&mut seen).await;
        if let Some(written) = over {
            written.into_iter().for_each(Result::unwrap);
            break;
        }
        if drained == 0 {
            tokio::task::yield_now().await;
        }
    }
    while drain(&mut seen).await > 0 {}
    assert_eq!(seen.len(), 10);
    assert!(seen.values().all(|last| *last == EACH), "{seen:?}");
}

/// Two relays that publish the same end with nothing left, and a later event is given.
async fn two_relays_note_the_same(store: Store) {
    let mut order = order("order_1", 0);
    let events: Vec<_> = (1..=6).map(|sequence| event(&order, sequence)).collect();
    store.insert_order(&order, &events).await.unwrap();
    let relays = (1..=6_u64).map(|sequence| {
        let store = store.clone();
        tokio::spawn(async move {
            let published = [
                ("order_1".to_owned(), sequence),
                ("order_1".to_owned(), sequence % 6 + 1),
            ];
            store.events_done(&published).await.unwrap();
        })
    });
    for done in futures::future::join_all(relays).await {
        done.unwrap();
    }
    assert_eq!(store.pending_events(10).await.unwrap(), []);
    order.revision += 1;
    store.replace_order(&order, &[event(&order, 7)]).await.unwrap();
    assert_eq!(store.pending_events(10).await.unwrap(), [event(&order, 7)]);
}

super::on_every_store!(orders:
    events_wait_until_they_are_published,
    events_of_an_order_keep_their_order,
    two_relays_note_the_same,
);
