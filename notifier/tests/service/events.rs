//! Events are recorded once; one that can never be handled becomes a dead letter, and the next one is consumed.

use bytes::Bytes;
use comptoir_events::{Consumer as _, ORDERS_TOPIC, Record};
use comptoir_notifier::domain::record::{DeadLetter, DeadReason};
use comptoir_notifier::store::{Events as _, SqliteStore};
use comptoir_proto::auth::v1::MailKind;
use comptoir_proto::orders::v1::order_event::Payload;
use comptoir_proto::orders::v1::{OrderCaptureRefused, OrderDelivered, OrderFailed};

use crate::common::{
    Subject, auth_record, canceled, mail_event, mail_record, order, order_event, order_record, placed,
    shipped,
};

async fn dead_letters(subject: &Subject) -> Vec<DeadLetter> {
    let path = subject.test.folder().join("notifier.db");
    SqliteStore::open(path.to_str().unwrap())
        .await
        .unwrap()
        .dead_letters(100)
        .await
        .unwrap()
}

/// Delivers a record that cannot be handled, twice, and then a good one. Returns the only dead letter.
async fn put_aside(record: &Record) -> DeadLetter {
    let subject = Subject::new().await;
    subject.feed(record).await;
    subject.feed(record).await;
    subject
        .feed(&mail_record("evt_good", MailKind::ConfirmEmail, "fr"))
        .await;
    subject.send_due().await;
    assert_eq!(
        subject.mailbox("").await.len(),
        1,
        "the record behind it has its turn"
    );
    let mut dead_letters = dead_letters(&subject).await;
    assert_eq!(dead_letters.len(), 1, "{dead_letters:?}");
    dead_letters.remove(0)
}

#[tokio::test]
async fn an_event_that_comes_again_changes_nothing() {
    let subject = Subject::new().await;
    let record = order_record(&order_event("evt_1", 1, order("fr"), placed()));
    for _ in 0..3 {
        subject.feed(&record).await;
    }
    subject.send_due().await;
    // A late duplicate, after it was sent.
    subject.feed(&record).await;
    assert_eq!(subject.send_due().await, 0);
    assert_eq!(subject.mailbox("").await.len(), 1);
    assert_eq!(subject.delivery().await.event_id, "evt_1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_twice_at_once_is_taken_once() {
    let subject = Subject::new().await;
    let record = order_record(&order_event("evt_1", 1, order("fr"), shipped()));
    futures::future::join_all((0..20).map(|_| subject.feed(&record))).await;
    assert_eq!(subject.deliveries("").await.len(), 1);
    subject.send_due().await;
    assert_eq!(subject.mailbox("").await.len(), 1);
}

#[tokio::test]
async fn an_id_with_another_body_is_put_aside() {
    let subject = Subject::new().await;
    let mut event = mail_event("evt_1", MailKind::ConfirmEmail, "fr");
    subject.feed(&auth_record(&event)).await;
    event.sequence = 2;
    let other = auth_record(&event);
    subject.feed(&other).await;
    subject.feed(&other).await;
    let dead_letters = dead_letters(&subject).await;
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(
        (dead_letters[0].reason, dead_letters[0].payload.as_slice()),
        (DeadReason::IdConflict, &*other.payload)
    );
    subject.send_due().await;
    assert_eq!(subject.mailbox("").await.len(), 1);
}

#[tokio::test]
async fn bytes_that_are_no_event_are_put_aside() {
    for payload in [&b"\xff\xff\xff\xff"[..], b"", b"{\"id\":\"evt_1\"}"] {
        let record = Record {
            payload: Bytes::from_static(payload),
            ..order_record(&order_event("evt_1", 1, order("fr"), placed()))
        };
        let letter = put_aside(&record).await;
        assert_eq!(
            (letter.reason, letter.payload.as_slice()),
            (DeadReason::DecodeError, payload)
        );
        assert_eq!(
            (letter.topic.as_str(), letter.key.as_str(), letter.sequence),
            (ORDERS_TOPIC, "order_1", 1)
        );
    }
}

#[tokio::test]
async fn an_event_too_large_is_put_aside_without_its_bytes() {
    let mut event = order_event("evt_1", 1, order("fr"), placed());
    event.order.as_mut().unwrap().lines[0].product_title = "x".repeat(5 * 1024 * 1024);
    let letter = put_aside(&order_record(&event)).await;
    assert_eq!(
        (letter.reason, letter.payload.len()),
        (DeadReason::DecodeError, 0)
    );
}

#[tokio::test]
async fn an_event_that_is_not_its_records_is_put_aside() {
    let record = Record {
        id: "evt_2".to_owned(),
        ..mail_record("evt_1", MailKind::ConfirmEmail, "fr")
    };
    assert_eq!(put_aside(&record).await.reason, DeadReason::DecodeError);
    let record = Record {
        key: "user_2".to_owned(),
        ..mail_record("evt_1", MailKind::ConfirmEmail, "fr")
    };
    assert_eq!(put_aside(&record).await.reason, DeadReason::DecodeError);
}

#[tokio::test]
async fn a_later_schema_is_put_aside() {
    let mut event = mail_event("evt_1", MailKind::ConfirmEmail, "fr");
    event.schema_version = 2;
    assert_eq!(
        put_aside(&auth_record(&event)).await.reason,
        DeadReason::UnsupportedVersion
    );
    let mut event = order_event("evt_1", 1, order("fr"), placed());
    event.schema_version = 2;
    assert_eq!(
        put_aside(&order_record(&event)).await.reason,
        DeadReason::UnsupportedVersion
    );
}

#[tokio::test]
async fn an_event_that_cannot_be_worked_with_is_put_aside() {
    let mut without_order = order_event("evt_1", 1, order("fr"), placed());
    without_order.order = None;
    let mut without_cost = order_event("evt_1", 1, order("fr"), placed());
    without_cost.order.as_mut().unwrap().cost = None;
    let mut without_parcel = order_event("evt_1", 1, order("fr"), shipped());
    without_parcel.order.as_mut().unwrap().fulfillments.clear();
    let mut without_address = order_event("evt_1", 1, order("fr"), placed());
    without_address.order.as_mut().unwrap().email.clear();
    for event in [without_order, without_cost, without_parcel, without_address] {
        let letter = put_aside(&order_record(&event)).await;
        assert_eq!(letter.reason, DeadReason::HandlerFailed);
        assert!(!letter.error.contains("ada@example.org"), "{}", letter.error);
    }
    let unknown_kind = auth_record(&mail_event("evt_1", MailKind::Unspecified, "fr"));
    assert_eq!(put_aside(&unknown_kind).await.reason, DeadReason::HandlerFailed);
}

#[tokio::test]
async fn events_that_ask_for_nothing_are_taken() {
    let subject = Subject::new().await;
    let mut never_placed = order("fr");
    never_placed.number = None;
    let mut events = vec![
        order_event(
            "evt_1",
            1,
            order("fr"),
            Payload::CaptureRefused(OrderCaptureRefused::default()),
        ),
        order_event(
            "evt_2",
            2,
            order("fr"),
            Payload::Delivered(OrderDelivered::default()),
        ),
        order_event(
            "evt_3",
            3,
            never_placed.clone(),
            Payload::Failed(OrderFailed::default()),
        ),
        order_event("evt_4", 4, never_placed, canceled(None)),
    ];
    events.push(order_event("evt_5", 5, order("fr"), placed()));
    // A kind of event that is newer than this build.
    events[4].payload = None;
    for event in &events {
        subject.feed(&order_record(event)).await;
    }
    assert_eq!(subject.deliveries("").await.len(), 0);
    assert_eq!(dead_letters(&subject).await.len(), 0);
}

#[tokio::test]
async fn an_event_of_a_year_ahead_is_taken() {
    let subject = Subject::new().await;
    let mut event = mail_event("evt_1", MailKind::ConfirmEmail, "fr");
    event.occurred_at = Some(prost_types::Timestamp {
        seconds: 4_000_000_000,
        nanos: 0,
    });
    subject.feed(&auth_record(&event)).await;
    assert_eq!(subject.send_due().await, 1);
}

#[tokio::test]
async fn a_weeks_events_replayed_change_nothing() {
    let subject = Subject::new().await;
    let records: Vec<Record> = (0..50)
        .map(|index| {
            order_record(&order_event(
                &format!("evt_{index}"),
                index + 1,
                order("fr"),
                placed(),
            ))
        })
        .collect();
    for record in &records {
        subject.feed(record).await;
    }
    subject.send_due().await;
    subject
        .test
        .clock
        .advance(std::time::Duration::from_secs(7 * 86_400));
    for record in &records {
        subject.feed(record).await;
    }
    assert_eq!(subject.send_due().await, 0);
    assert_eq!(subject.mailbox("").await.len(), 50);
}

#[tokio::test]
async fn it_reads_its_two_topics_as_one_group() {
    let subject = Subject::new().await;
    assert_eq!(subject.notifier.inbox.group(), "notifier");
    assert_eq!(
        subject.notifier.inbox.topics(),
        ["comptoir.auth.v1", "comptoir.orders.v1"]
    );
}
