//! The notifier as in a process: events from the bus, the worker in the background.

use std::sync::Arc;
use std::time::Instant;

use comptoir_events::{Bus, Publisher as _};
use comptoir_mesh::channel::in_process;
use comptoir_mesh::testing::{PATIENCE, TestEnv};
use comptoir_notifier::Config;
use comptoir_proto::auth::v1::MailKind;
use comptoir_proto::notifier::v1::ListMailboxRequest;
use comptoir_proto::notifier::v1::notifier_service_client::NotifierServiceClient;

use crate::common::{FakeAuth, config, mail_record, order, order_event, order_record, peers, placed};

#[tokio::test(flavor = "multi_thread")]
async fn a_published_event_is_in_the_mailbox_within_a_second() {
    let test = TestEnv::new();
    let auth = Arc::new(FakeAuth::default());
    let bus = Bus::new();
    let service = comptoir_notifier::start(
        config(),
        test.env.clone(),
        peers(&test, &auth),
        Some(bus.clone().into()),
    )
    .await
    .unwrap();
    let slot = in_process();
    slot.bind(&service);
    let mut client = NotifierServiceClient::new(slot.channel("gateway"));
    // The worker found no work, and waits.
    for index in 0..3 {
        let begun = Instant::now();
        bus.publish(&mail_record(
            &format!("evt_{index}"),
            MailKind::ConfirmEmail,
            "fr",
        ))
        .await
        .unwrap();
        loop {
            let found = client
                .list_mailbox(ListMailboxRequest::default())
                .await
                .unwrap()
                .into_inner()
                .messages;
            if found.len() == index + 1 {
                break;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{} mails after {:?}",
                found.len(),
                begun.elapsed()
            );
            tokio::task::yield_now().await;
        }
    }
    test.env.shutdown.cancel();
    tokio::time::timeout(PATIENCE, test.env.tasks.finished())
        .await
        .expect("the worker ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_sent_after_a_restart() {
    let test = TestEnv::new();
    let auth = Arc::new(FakeAuth::default());
    let built = comptoir_notifier::build(&config(), &test.env, peers(&test, &auth))
        .await
        .unwrap();
    let record = order_record(&order_event("evt_1", 1, order("fr"), placed()));
    comptoir_events::Consumer::consume(&*built.inbox, &record)
        .await
        .unwrap();
    drop(built);
    let service = comptoir_notifier::start(
        config(),
        test.env.clone(),
        peers(&test, &auth),
        Some(Bus::new().into()),
    )
    .await
    .unwrap();
    let slot = in_process();
    slot.bind(&service);
    let mut client = NotifierServiceClient::new(slot.channel("gateway"));
    let begun = Instant::now();
    while client
        .list_mailbox(ListMailboxRequest::default())
        .await
        .unwrap()
        .into_inner()
        .messages
        .is_empty()
    {
        assert!(begun.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_store_of_a_kind_that_is_not_there_is_named() {
    let test = TestEnv::new();
    let auth = Arc::new(FakeAuth::default());
    let wrong = Config {
        store: Some("postgres://localhost/comptoir_notifier".to_owned()),
        ..config()
    };
    let error = comptoir_notifier::start(wrong, test.env.clone(), peers(&test, &auth), None)
        .await
        .err()
        .unwrap();
    assert!(
        format!("{error:#}").starts_with("COMPTOIR_NOTIFIER_STORE: "),
        "{error:#}"
    );
}
