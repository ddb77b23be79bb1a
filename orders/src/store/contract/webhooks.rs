//! What [`WebhookStore`](crate::store::WebhookStore) promises.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::on_every_store;
use crate::{
    domain::webhook::{About, Back, EventState, WebhookContent, WebhookEvent},
    store::webhooks::{Recorded, WebhookStore},
};

type Store = Arc<dyn WebhookStore>;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn event(id: &str, second: i64) -> WebhookEvent {
    WebhookEvent {
        id: id.to_owned(),
        digest: "one".to_owned(),
        state: EventState::Waiting,
        reason: None,
        received_at: at(second),
        due_at: Some(at(second)),
        content: WebhookContent {
            kind: "refund.failed".to_owned(),
            about: Some(About {
                order_id: "order_1".to_owned(),
                payment_id: None,
                amount: 100,
                currency: "eur".to_owned(),
                back: Some(Back::Refund {
                    id: Some("ref_1".to_owned()),
                    failed: true,
                }),
            }),
        },
    }
}

/// An id is stored once, also under concurrency; the same id with another content is a conflict.
async fn an_event_is_kept_once(store: Store) {
    let first = event("stripe:evt_1", 0);
    let calls = (0..20).map(|_| {
        let (store, event) = (store.clone(), first.clone());
        tokio::spawn(async move { store.record_event(&event).await.unwrap() })
    });
    let recorded: Vec<_> = futures::future::join_all(calls)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        recorded
            .iter()
            .filter(|recorded| **recorded == Recorded::New)
            .count(),
        1
    );
    assert!(!recorded.contains(&Recorded::Conflict));
    let mut other = first.clone();
    other.digest = "two".to_owned();
    assert_eq!(store.record_event(&other).await.unwrap(), Recorded::Conflict);
    assert_eq!(store.webhook_event("stripe:evt_1").await.unwrap(), Some(first));
    assert_eq!(store.webhook_event("stripe:evt_2").await.unwrap(), None);
}

/// What waits is given in its order until it is settled, which is for good.
async fn events_wait_until_they_are_settled(store: Store) {
    for (id, second) in [("c", 3), ("a", 1), ("b", 2), ("later", 10)] {
        store.record_event(&event(id, second)).await.unwrap();
    }
    let mut ignored = event("ignored", 0);
    (ignored.state, ignored.due_at) = (EventState::Ignored, None);
    store.record_event(&ignored).await.unwrap();
    let due = |limit| {
        let store = store.clone();
        async move {
            let due = store.due_webhook_events(at(5), limit).await.unwrap();
            due.into_iter().map(|event| event.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(due(10).await, ["a", "b", "c"]);
    assert_eq!(due(2).await, ["a", "b"]);
    store.settle_event("a", EventState::Done, None).await.unwrap();
    store
        .settle_event("b", EventState::Quarantined, Some("why"))
        .await
        .unwrap();
    store.postpone_event("c", at(6)).await.unwrap();
    assert!(due(10).await.is_empty());
    store.settle_event("b", EventState::Done, None).await.unwrap();
    store.postpone_event("a", at(0)).await.unwrap();
    assert!(due(10).await.is_empty());
    let kept = store.webhook_event("b").await.unwrap().unwrap();
    assert_eq!(
        (kept.state, kept.reason.as_deref()),
        (EventState::Quarantined, Some("why"))
    );
    assert_eq!(store.record_event(&event("a", 9)).await.unwrap(), Recorded::Known);
    assert!(due(10).await.is_empty(), "a replay is not looked at again");
}

/// Old events are deleted, but not pending ones, and not those that staff have to look at.
async fn old_events_are_forgotten(store: Store) {
    for id in ["done", "waiting", "quarantined"] {
        store.record_event(&event(id, 0)).await.unwrap();
    }
    store.settle_event("done", EventState::Done, None).await.unwrap();
    store
        .settle_event("quarantined", EventState::Quarantined, Some("why"))
        .await
        .unwrap();
    store.forget_events(at(0)).await.unwrap();
    assert!(store.webhook_event("done").await.unwrap().is_some());
    store.forget_events(at(0) + Duration::from_secs(1)).await.unwrap();
    assert!(store.webhook_event("done").await.unwrap().is_none());
    for id in ["waiting", "quarantined"] {
        assert!(store.webhook_event(id).await.unwrap().is_some(), "{id}");
    }
}

on_every_store!(
    webhooks: an_event_is_kept_once,
    events_wait_until_they_are_settled,
    old_events_are_forgotten,
);
