//! What every adapter must hold. Each check runs on an empty store.

use std::time::Duration;

use jiff::Timestamp;

use super::{Position, Recorded, Store};
use crate::domain::content::{AccountContent, Content};
use crate::domain::delivery::{Delivery, Patience, State, Status, Template};
use crate::domain::message::{Channel, Message, Recipient, Subject};
use crate::domain::record::{DeadLetter, DeadReason, InboxEntry, digest};

pub use self::feedback::*;
pub use self::replicas::*;

mod feedback;
mod replicas;

const PATIENCE: Patience = Patience {
    attempts: 2,
    backoff: Duration::from_secs(2),
    backoff_max: Duration::from_secs(60),
};

/// A time, in seconds.
pub fn at(second: i64) -> Timestamp {
    Timestamp::constant(1_800_000_000 + second, 0)
}

fn entry(event_id: &str, body: &str) -> InboxEntry {
    InboxEntry {
        event_id: event_id.to_owned(),
        topic: "comptoir.auth.v1".to_owned(),
        body_sha256: digest(body.as_bytes()),
        received_at: at(0),
    }
}

fn delivery(event_id: &str, channel: Channel, created_at: Timestamp) -> Delivery {
    Delivery {
        id: Delivery::derive_id(event_id, channel),
        version: 1,
        event_id: event_id.to_owned(),
        aggregate_id: "user_1".to_owned(),
        sequence: 1,
        channel,
        template: Template::EmailConfirm,
        recipient: Recipient::email("ada@example.org").expect("an address"),
        locale: "fr".to_owned(),
        content: Content::Account(AccountContent {
            mail_id: "mail_1".to_owned(),
            first_name: None,
        }),
        state: State::Pending { due: created_at },
        attempts: 0,
        round: 0,
        last_error: None,
        unconfirmed: false,
        created_at,
        sent_at: None,
    }
}

async fn recorded(store: &dyn Store, event_id: &str, created_at: Timestamp) -> Delivery {
    let delivery = delivery(event_id, Channel::Email, created_at);
    let outcome = store
        .record(entry(event_id, event_id), vec![delivery.clone()])
        .await;
    assert_eq!(outcome.expect("recorded"), Recorded::New);
    delivery
}

/// An event and its deliveries are recorded together, and once; another body under its id is a conflict without effect.
pub async fn an_event_is_recorded_once(store: &dyn Store) {
    let both = vec![
        delivery("evt_1", Channel::Email, at(0)),
        delivery("evt_1", Channel::Sms, at(0)),
    ];
    assert_eq!(
        store
            .record(entry("evt_1", "body"), both.clone())
            .await
            .expect("answer"),
        Recorded::New
    );
    assert_eq!(
        store
            .record(entry("evt_1", "body"), both.clone())
            .await
            .expect("answer"),
        Recorded::Duplicate
    );
    let other = vec![delivery("evt_other", Channel::Email, at(0))];
    assert_eq!(
        store
            .record(entry("evt_1", "other"), other)
            .await
            .expect("answer"),
        Recorded::Conflict
    );
    assert_eq!(store.count(None).await.expect("count"), 2);
    for delivery in both {
        assert_eq!(store.delivery(&delivery.id).await.expect("read"), Some(delivery));
    }
}

/// An event of [`an_event_is_recorded_once`], delivered again.
pub async fn an_event_comes_again(store: &dyn Store, event_id: &str, body: &str) {
    let both = vec![
        delivery(event_id, Channel::Email, at(0)),
        delivery(event_id, Channel::Sms, at(0)),
    ];
    let outcome = store.record(entry(event_id, body), both).await;
    assert_eq!(outcome.expect("answer"), Recorded::Duplicate);
}

/// An event without deliveries is recorded too.
pub async fn an_event_without_deliveries_is_recorded(store: &dyn Store) {
    assert_eq!(
        store
            .record(entry("evt_1", "body"), vec![])
            .await
            .expect("answer"),
        Recorded::New
    );
    assert_eq!(
        store
            .record(entry("evt_1", "body"), vec![])
            .await
            .expect("answer"),
        Recorded::Duplicate
    );
    assert_eq!(store.next_due().await.expect("due"), None);
}

/// Due deliveries are claimed, the longest due first, at most `limit`, each by one caller.
pub async fn what_is_due_is_claimed_once(store: &dyn Store) {
    for (index, id) in ["evt_c", "evt_a", "evt_b"].into_iter().enumerate() {
        recorded(store, id, at(i64::try_from(index).expect("small"))).await;
    }
    recorded(store, "evt_later", at(100)).await;
    let first = store.claim(at(10), at(25), 2).await.expect("claimed");
    let events: Vec<&str> = first.iter().map(|delivery| delivery.event_id.as_str()).collect();
    assert_eq!(events, ["evt_c", "evt_a"]);
    for delivery in &first {
        assert_eq!(delivery.state, State::Sending { lease_until: at(25) });
        assert_eq!((delivery.attempts, delivery.round, delivery.version), (1, 1, 2));
        assert_eq!(
            store.delivery(&delivery.id).await.expect("read").as_ref(),
            Some(delivery)
        );
    }
    assert_eq!(store.claim(at(10), at(25), 10).await.expect("claimed").len(), 1);
    assert_eq!(store.claim(at(10), at(25), 10).await.expect("claimed").len(), 0);
    assert_eq!(store.next_due().await.expect("due"), Some(at(25)));
}

/// Concurrent callers share due deliveries; none is claimed by two.
pub async fn parallel_claims_do_not_overlap(store: &dyn Store) {
    for index in 0..30 {
        recorded(store, &format!("evt_{index}"), at(0)).await;
    }
    let claims = (0..10).map(|_| store.claim(at(1), at(16), 7));
    let mut ids: Vec<String> = Vec::new();
    for claimed in futures::future::join_all(claims).await {
        ids.extend(claimed.expect("claimed").into_iter().map(|delivery| delivery.id));
    }
    let given = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((given, ids.len()), (30, 30));
}

/// A delivery that is being sent can be claimed again after its lease, not before.
pub async fn an_ended_lease_is_taken_over(store: &dyn Store) {
    recorded(store, "evt_1", at(0)).await;
    let first = store.claim(at(0), at(15), 1).await.expect("claimed").remove(0);
    assert_eq!(store.claim(at(14), at(29), 1).await.expect("claimed").len(), 0);
    let second = store.claim(at(15), at(30), 1).await.expect("claimed").remove(0);
    assert_eq!((second.attempts, &second.id), (2, &first.id));
    // The first holder's late write has an old version.
    assert!(!store.save(first.sent(at(16))).await.expect("answer"));
    assert!(store.save(second.sent(at(17))).await.expect("answer"));
}

/// A change is written only over the version it was read from.
pub async fn a_change_names_its_version(store: &dyn Store) {
    recorded(store, "evt_1", at(0)).await;
    let claimed = store.claim(at(0), at(15), 1).await.expect("claimed").remove(0);
    let sent = claimed.clone().sent(at(1));
    assert!(store.save(sent.clone()).await.expect("answer"));
    assert!(!store.save(sent.clone()).await.expect("answer"), "written twice");
    assert!(
        !store
            .save(claimed.failed("late", at(1), &PATIENCE, 0.0))
            .await
            .expect("answer"),
        "an old version"
    );
    assert!(
        !store
            .save(delivery("evt_none", Channel::Email, at(0)).dead("x"))
            .await
            .expect("answer"),
        "none there"
    );
    assert_eq!(store.delivery(&sent.id).await.expect("read"), Some(sent));
}

/// A failed delivery is due after its backoff; a sent or dead one is never due.
pub async fn a_failure_is_due_after_its_pause(store: &dyn Store) {
    recorded(store, "evt_1", at(0)).await;
    let claimed = store.claim(at(0), at(15), 1).await.expect("claimed").remove(0);
    assert!(
        store
            .save(claimed.failed("no answer", at(1), &PATIENCE, 1.0))
            .await
            .expect("answer")
    );
    assert_eq!(store.next_due().await.expect("due"), Some(at(3)));
    assert_eq!(store.claim(at(2), at(17), 1).await.expect("claimed").len(), 0);
    let again = store.claim(at(3), at(18), 1).await.expect("claimed").remove(0);
    let dead = again.failed("no answer", at(3), &PATIENCE, 1.0);
    assert_eq!(dead.status(), Status::Dead);
    assert!(store.save(dead).await.expect("answer"));
    assert_eq!(store.next_due().await.expect("due"), None);
    assert_eq!(
        store.claim(at(1000), at(1015), 1).await.expect("claimed").len(),
        0
    );
}

/// Lists are newest first, filtered by status; pages have no gap and no repetition.
pub async fn deliveries_are_paged(store: &dyn Store) {
    for index in 0..7 {
        // Pairs with the same time: the id decides.
        recorded(store, &format!("evt_{index}"), at(index / 2)).await;
    }
    let all = store.deliveries(None, None, 100).await.expect("list");
    assert_eq!(all.len(), 7);
    assert!(
        all.windows(2)
            .all(|pair| (pair[0].created_at, &pair[0].id) > (pair[1].created_at, &pair[1].id))
    );
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = store.deliveries(None, after, 3).await.expect("page");
        let Some(last) = page.last() else { break };
        after = Some(last.position());
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let claimed = store.claim(at(0), at(15), 1).await.expect("claimed").remove(0);
    assert_eq!(store.count(Some(Status::Sending)).await.expect("count"), 1);
    assert_eq!(store.count(Some(Status::Pending)).await.expect("count"), 6);
    assert_eq!(store.count(None).await.expect("count"), 7);
    assert_eq!(
        store
            .deliveries(Some(Status::Sending), None, 9)
            .await
            .expect("list"),
        [claimed]
    );
    assert_eq!(
        store
            .deliveries(Some(Status::Pending), None, 9)
            .await
            .expect("list")
            .len(),
        6
    );
}

/// A dead letter is stored once.
pub async fn a_dead_letter_is_kept_once(store: &dyn Store) {
    let letter = DeadLetter {
        id: "dead_1".to_owned(),
        topic: "comptoir.orders.v1".to_owned(),
        key: "order_1".to_owned(),
        event_id: "evt_1".to_owned(),
        sequence: 3,
        reason: DeadReason::DecodeError,
        error: "not an event".to_owned(),
        payload: vec![0, 159, 146, 150],
        received_at: at(0),
    };
    assert!(store.keep_dead_letter(letter.clone()).await.expect("kept"));
    assert!(
        !store
            .keep_dead_letter(DeadLetter {
                received_at: at(9),
                ..letter.clone()
            })
            .await
            .expect("answer")
    );
    assert_eq!(store.dead_letters(10).await.expect("list"), [letter]);
}

/// The mailbox stores a message once, and lists them newest first, of one recipient or all.
pub async fn the_mailbox_takes_a_message_once(store: &dyn Store) {
    let message = |id: &str, to: &str| Message {
        id: id.to_owned(),
        channel: if to.contains('@') {
            Channel::Email
        } else {
            Channel::Sms
        },
        from: "\"Comptoir\" <no-reply@comptoir.example>".to_owned(),
        to: Recipient::try_from(to.to_owned()).expect("a recipient"),
        subject: Subject::new("Order 1000").expect("a subject"),
        text: format!("text of {id}"),
        html: "<p>é</p>".to_owned(),
    };
    assert!(
        store
            .post(message("msg_1", "Ada@example.org"), at(1))
            .await
            .expect("posted")
    );
    assert!(
        !store
            .post(message("msg_1", "Ada@example.org"), at(5))
            .await
            .expect("answer")
    );
    assert!(
        store
            .post(message("msg_2", "+33612345678"), at(2))
            .await
            .expect("posted")
    );
    assert!(
        store
            .post(message("msg_3", "ada@example.org"), at(2))
            .await
            .expect("posted")
    );
    let ids = |posted: Vec<super::Posted>| posted.into_iter().map(|p| p.message.id).collect::<Vec<_>>();
    assert_eq!(
        ids(store.mailbox(None, None, 9).await.expect("list")),
        ["msg_3", "msg_2", "msg_1"]
    );
    let ada = Recipient::lookup_key("ADA@example.org");
    assert_eq!(
        ids(store.mailbox(Some(&ada), None, 9).await.expect("list")),
        ["msg_3", "msg_1"]
    );
    let phone = Recipient::lookup_key(" 33 6 12 34 56 78");
    let found = store.mailbox(Some(&phone), None, 9).await.expect("list");
    assert_eq!(found[0].message, message("msg_2", "+33612345678"));
    assert_eq!(found[0].created_at, at(2));
    let after = Some(Position {
        created_at: at(2),
        id: "msg_3".to_owned(),
    });
    assert_eq!(ids(store.mailbox(None, after, 1).await.expect("list")), ["msg_2"]);
}
