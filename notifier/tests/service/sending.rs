//! Messages are retried with backoff, by one worker at a time, within the send rate, and never lost.

use std::sync::atomic::Ordering;
use std::time::Duration;

use comptoir_mesh::Role;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::testing::{TestEnv, with_token};
use comptoir_notifier::Round;
use comptoir_notifier::store::{Deliveries as _, SqliteStore};
use comptoir_proto::auth::v1::MailKind;
use comptoir_proto::notifier::v1::{Delivery, RetryDeliveryRequest};

use crate::common::{Subject, mail_record, order, order_event, order_record, placed};

async fn retry(subject: &Subject, id: &str) -> Result<Delivery, Error> {
    let request = RetryDeliveryRequest {
        delivery_id: id.to_owned(),
    };
    let answer = with_token(&subject.staff(), subject.client.clone().retry_delivery(request)).await;
    answer
        .map(|answer| answer.into_inner().delivery.unwrap())
        .map_err(|status| Error::from_status(&status))
}

#[tokio::test]
async fn a_message_is_sent_once_and_says_so() {
    let subject = Subject::new().await;
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    let recorded = subject.delivery().await;
    assert_eq!(
        (recorded.status.as_str(), recorded.attempts, recorded.sent_at),
        ("pending", 0, None)
    );
    subject.test.clock.advance(Duration::from_secs(3));
    assert_eq!(subject.send_due().await, 1);
    let sent = subject.delivery().await;
    assert_eq!(
        (sent.status.as_str(), sent.attempts, sent.last_error.as_deref()),
        ("sent", 1, None)
    );
    assert_eq!(
        sent.sent_at.unwrap().seconds - sent.created_at.unwrap().seconds,
        3
    );
    assert_eq!(
        (
            sent.template.as_str(),
            sent.channel.as_str(),
            sent.recipient.as_str()
        ),
        ("email_confirm", "email", "ada@example.org")
    );
    let mail = subject.mailbox("ADA@example.org").await.remove(0);
    assert_eq!(mail.id.strip_prefix("msg_"), sent.id.strip_prefix("dlv_"));
    subject.test.clock.advance(Duration::from_secs(3600));
    assert_eq!(subject.send_due().await, 0);
}

#[tokio::test]
async fn an_auth_that_is_away_is_asked_again_with_growing_pauses() {
    let subject = Subject::new().await;
    subject.auth.answer_with(Some(ErrorReason::DependencyUnavailable));
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    subject
        .feed(&order_record(&order_event("evt_2", 1, order("fr"), placed())))
        .await;
    subject.send_due().await;
    assert_eq!(
        subject.mailbox("").await.len(),
        1,
        "a mail without a link goes out"
    );
    let mut pause_max = Duration::from_secs(1);
    for attempt in 1..=4 {
        let failed = subject.deliveries("failed").await.remove(0);
        assert_eq!(
            (failed.attempts, failed.last_error.as_deref()),
            (attempt, Some("auth: DEPENDENCY_UNAVAILABLE"))
        );
        // The backoff is between half and all of 1, 2, 4 … seconds.
        subject
            .test
            .clock
            .advance(pause_max / 2 - Duration::from_millis(1));
        assert_eq!(subject.send_due().await, 0, "too early after try {attempt}");
        subject
            .test
            .clock
            .advance(pause_max / 2 + Duration::from_millis(2));
        assert_eq!(subject.send_due().await, 1, "due after try {attempt}");
        pause_max *= 2;
    }
    subject.auth.answer_with(None);
    subject.test.clock.advance(pause_max);
    subject.send_due().await;
    assert_eq!(subject.deliveries("sent").await.len(), 2);
    assert_eq!(subject.mailbox("").await.len(), 2);
}

#[tokio::test]
async fn a_message_is_dead_after_its_tries_and_lives_again_by_hand() {
    let subject = Subject::with(TestEnv::new(), |config| config.attempts = 3).await;
    subject.auth.answer_with(Some(ErrorReason::DependencyUnavailable));
    subject
        .feed(&mail_record("evt_1", MailKind::PasswordReset, "fr"))
        .await;
    for _ in 0..10 {
        subject.send_due().await;
        subject.test.clock.advance(Duration::from_secs(3600));
    }
    let dead = subject.delivery().await;
    assert_eq!((dead.status.as_str(), dead.attempts), ("dead", 3));
    assert_eq!(subject.auth.calls.load(Ordering::SeqCst), 3);

    let pending = retry(&subject, &dead.id).await.unwrap();
    assert_eq!((pending.status.as_str(), pending.attempts), ("pending", 3));
    subject.send_due().await;
    assert_eq!(
        subject.delivery().await.status,
        "failed",
        "it has all its tries again"
    );
    retry(&subject, &dead.id).await.unwrap();
    subject.auth.answer_with(None);
    subject.send_due().await;
    let sent = subject.delivery().await;
    assert_eq!(
        (sent.status.as_str(), sent.attempts, sent.last_error),
        ("sent", 5, None)
    );
    assert_eq!(subject.mailbox("").await.len(), 1);
}

#[tokio::test]
async fn only_what_failed_or_is_dead_is_tried_by_hand() {
    let subject = Subject::new().await;
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    let id = subject.delivery().await.id;
    assert_eq!(
        retry(&subject, &id).await.unwrap_err().reason(),
        ErrorReason::InvalidState
    );
    subject.send_due().await;
    let error = retry(&subject, &id).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::InvalidState);
    assert_eq!(
        error.message(),
        "The delivery is sent; only one that is failed, dead or suppressed can be sent again."
    );
    assert_eq!(subject.send_due().await, 0);
    let unknown = "dlv_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    assert_eq!(
        retry(&subject, unknown).await.unwrap_err().reason(),
        ErrorReason::NotFound
    );
    assert_eq!(
        retry(&subject, "' OR 1=1--").await.unwrap_err().reason(),
        ErrorReason::InvalidId
    );
}

#[tokio::test]
async fn a_refusal_for_good_is_not_tried_again() {
    let subject = Subject::new().await;
    subject.auth.answer_with(Some(ErrorReason::NotFound));
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    subject.send_due().await;
    let dead = subject.delivery().await;
    assert_eq!(
        (dead.status.as_str(), dead.last_error.as_deref()),
        ("dead", Some("auth: NOT_FOUND"))
    );
}

#[tokio::test]
async fn a_token_is_kept_nowhere_but_in_the_message() {
    let subject = Subject::new().await;
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    subject.send_due().await;
    let store = SqliteStore::open(subject.test.folder().join("notifier.db").to_str().unwrap())
        .await
        .unwrap();
    let kept = store
        .delivery(&subject.delivery().await.id)
        .await
        .unwrap()
        .unwrap();
    let document = serde_json::to_string(&kept).unwrap();
    assert!(!document.contains("secret"), "{document}");
    assert!(
        !format!("{kept:?}").contains("ada@example.org"),
        "debug output, which logs can hold, is masked"
    );
}

#[tokio::test]
async fn a_senders_lease_is_taken_over_when_it_ends() {
    let subject = Subject::new().await;
    subject
        .feed(&order_record(&order_event("evt_1", 1, order("fr"), placed())))
        .await;
    // A worker that is killed after it claimed.
    let store = SqliteStore::open(subject.test.folder().join("notifier.db").to_str().unwrap())
        .await
        .unwrap();
    let now = subject.test.env.clock.now();
    let claimed = store
        .claim(now, now + Duration::from_secs(15), 10)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(subject.delivery().await.status, "sending");
    subject.test.clock.advance(Duration::from_secs(14));
    assert_eq!(subject.send_due().await, 0, "the lease holds");
    subject.test.clock.advance(Duration::from_secs(1));
    assert_eq!(subject.send_due().await, 1);
    assert_eq!(subject.delivery().await.attempts, 2);
    // The first worker resumes after a pause: its write has an old version.
    assert!(
        !store
            .save(claimed.sent(subject.test.env.clock.now()))
            .await
            .unwrap()
    );
    assert_eq!(subject.mailbox("").await.len(), 1);
}

#[tokio::test]
async fn a_message_sent_twice_is_in_the_mailbox_once() {
    let subject = Subject::new().await;
    subject
        .feed(&order_record(&order_event("evt_1", 1, order("fr"), placed())))
        .await;
    subject.send_due().await;
    // As if the process had died between the send and the write: the delivery is still being sent.
    let store = SqliteStore::open(subject.test.folder().join("notifier.db").to_str().unwrap())
        .await
        .unwrap();
    let sent = store
        .delivery(&subject.delivery().await.id)
        .await
        .unwrap()
        .unwrap();
    let unnoted = comptoir_notifier::domain::delivery::Delivery {
        sent_at: None,
        ..sent.sending(subject.test.env.clock.now())
    };
    assert!(store.save(unnoted).await.unwrap());
    assert_eq!(subject.send_due().await, 1);
    assert_eq!(subject.delivery().await.status, "sent");
    assert_eq!(subject.mailbox("").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_senders_share_the_work() {
    let subject = Subject::new().await;
    for index in 0..100 {
        let mut order = order("fr");
        order.id = format!("order_{index}");
        subject
            .feed(&order_record(&order_event(
                &format!("evt_{index}"),
                1,
                order,
                placed(),
            )))
            .await;
    }
    let peers = crate::common::peers(&subject.test, &subject.auth);
    let other = comptoir_notifier::build(&crate::common::config(), &subject.test.env, peers)
        .await
        .unwrap();
    let drain = async |worker: &comptoir_notifier::Worker| {
        let mut tries = 0;
        while let Round::Tried(count) = worker.round().await.unwrap() {
            tries += count;
        }
        tries
    };
    let (one, two) = tokio::join!(drain(&subject.notifier.worker), drain(&other.worker));
    assert_eq!(one + two, 100, "none is tried twice");
    assert_eq!(subject.mailbox("").await.len(), 100);
}

#[tokio::test]
async fn no_more_is_sent_than_the_rate_allows() {
    let subject = Subject::with(TestEnv::new(), |config| config.send_rate = 5).await;
    for index in 0..12 {
        subject
            .feed(&order_record(&order_event(
                &format!("evt_{index}"),
                index + 1,
                order("fr"),
                placed(),
            )))
            .await;
    }
    assert_eq!(subject.send_due().await, 5);
    assert_eq!(subject.notifier.worker.round().await.unwrap(), Round::Paced);
    subject.test.clock.advance(Duration::from_millis(400));
    assert_eq!(subject.send_due().await, 2);
    subject.test.clock.advance(Duration::from_secs(60));
    assert_eq!(subject.send_due().await, 5);
    assert_eq!(subject.mailbox("").await.len(), 12);
}

#[tokio::test]
async fn a_customer_cannot_retry() {
    let subject = Subject::new().await;
    let customer = subject
        .test
        .token("user_01ARZ3NDEKTSV4RRFFQ69G5FAV", Role::Customer);
    let request = RetryDeliveryRequest {
        delivery_id: "dlv_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(),
    };
    let status = with_token(&customer, subject.client.clone().retry_delivery(request))
        .await
        .unwrap_err();
    assert_eq!(Error::from_status(&status).reason(), ErrorReason::Forbidden);
}
