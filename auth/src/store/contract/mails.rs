//! Mails, their links and their events.

use comptoir_mesh::testing::PATIENCE;

use super::*;
use comptoir_events::Record;
use comptoir_proto::auth::v1::{AuthEvent, auth_event::Payload};
use prost::Message as _;

/// Whether an event requests a mail rather than withholding one.
pub(crate) fn asks_for_a_mail(record: &Record) -> bool {
    let event = AuthEvent::decode(record.payload.clone()).unwrap();
    matches!(event.payload, Some(Payload::MailRequested(_)))
}

/// The number of pending events that request a mail.
async fn asked_for(store: &Fresh) -> usize {
    let records = store.pending(100).await.unwrap();
    records.iter().filter(|record| asks_for_a_mail(record)).count()
}

pub(crate) async fn mails_beyond_the_limit_are_silent(store: Fresh) {
    let ask = |n: usize, asked: Timestamp| {
        let store = store.clone();
        async move {
            store
                .request_mail(registration(&format!("mail_{n}"), "a@b.fr", asked), 3, HOUR)
                .await
                .unwrap();
        }
    };
    futures::future::join_all((0..10).map(|n| ask(n, at(0)))).await;
    assert_eq!(asked_for(&store).await, 3);
    assert_eq!(store.registrations("a@b.fr", at(-1)).await.unwrap().len(), 3);
    ask(10, at(3599)).await;
    assert_eq!(asked_for(&store).await, 3);
    ask(11, at(3600)).await;
    assert_eq!(asked_for(&store).await, 4, "an hour later");
    store
        .request_mail(registration("mail_12", "c@d.fr", at(0)), 3, HOUR)
        .await
        .unwrap();
    assert_eq!(asked_for(&store).await, 5, "another address");
    assert_eq!(
        store.pending(100).await.unwrap().len(),
        13,
        "a silent mail is announced too, so that its work is the same"
    );
}

pub(crate) async fn a_link_is_used_once(store: Fresh) {
    let owner = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    link(&store, "mail_1", MailKind::PasswordReset, "a@b.fr", &owner).await;
    let outcomes = futures::future::join_all((0..50).map(|n| {
        let store = store.clone();
        async move {
            loop {
                let mut user = store.user("user_1").await.unwrap().unwrap();
                user.password = hash(&format!("new {n}"));
                match store
                    .use_mail("mail_1", MailEffect::Replace(user), at(3))
                    .await
                    .unwrap()
                {
                    MailOutcome::Conflict => {}
                    outcome => break outcome,
                }
            }
        }
    }))
    .await;
    let (done, closed): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .partition(|one| matches!(one, MailOutcome::Done(_)));
    assert_eq!((done.len(), closed.len()), (1, 49));
    assert!(closed.iter().all(|one| *one == MailOutcome::Closed));
    assert_eq!(
        MailOutcome::Done(Box::new(store.user("user_1").await.unwrap().unwrap())),
        done[0]
    );
}

pub(crate) async fn a_link_opens_when_its_token_is_given_out(store: Fresh) {
    store
        .request_mail(registration("mail_1", "a@b.fr", at(0)), 0, HOUR)
        .await
        .unwrap();
    let open = |now| {
        let effect = MailEffect::Open(user("user_1", "a@b.fr", Role::Customer));
        let store = store.clone();
        async move { store.use_mail("mail_1", effect, now).await.unwrap() }
    };
    assert_eq!(
        open(at(1)).await,
        MailOutcome::Closed,
        "the token was never issued"
    );
    let end = store.issue_mail_token("mail_1", at(100)).await.unwrap().unwrap();
    assert_eq!(end, at(100 + 86_400));
    assert_eq!(
        store.issue_mail_token("mail_1", at(500)).await.unwrap(),
        Some(end),
        "the same at each call"
    );
    assert_eq!(
        store
            .mail_by_token("hash of mail_1")
            .await
            .unwrap()
            .unwrap()
            .expires_at,
        Some(end)
    );
    assert_eq!(open(end).await, MailOutcome::Closed, "too late");
    assert_eq!(store.issue_mail_token("mail_2", at(0)).await.unwrap(), None);
    assert!(matches!(open(at(200)).await, MailOutcome::Done(_)));
    assert_eq!(store.registrations("a@b.fr", at(-1)).await.unwrap(), []);
}

pub(crate) async fn a_failed_effect_leaves_the_link_open(store: Fresh) {
    let owner = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    opened(&store, "user_2", "taken@b.fr", Role::Customer).await;
    link(&store, "mail_1", MailKind::EmailChange, "new@b.fr", &owner).await;
    let mut changed = owner.clone();
    changed.email_key = "taken@b.fr".into();
    let outcome = store
        .use_mail("mail_1", MailEffect::Replace(changed), at(3))
        .await
        .unwrap();
    assert_eq!(outcome, MailOutcome::AddressTaken);
    let mut old = owner.clone();
    old.version += 1;
    assert_eq!(
        store
            .use_mail("mail_1", MailEffect::Replace(old), at(3))
            .await
            .unwrap(),
        MailOutcome::Conflict
    );
    assert_eq!(store.user("user_1").await.unwrap().unwrap(), owner);
    let done = store
        .use_mail("mail_1", MailEffect::Replace(owner), at(3))
        .await
        .unwrap();
    assert!(matches!(done, MailOutcome::Done(_)));
}

pub(crate) async fn the_outbox_gives_each_event_until_it_is_done(store: Fresh) {
    for n in 0..5 {
        store
            .request_mail(
                registration(&format!("mail_{n}"), &format!("a{n}@b.fr"), at(n)),
                3,
                HOUR,
            )
            .await
            .unwrap();
    }
    let changed = store.changed();
    tokio::time::timeout(PATIENCE, changed.notified())
        .await
        .expect("a commit with events notifies");
    let records = store.pending(3).await.unwrap();
    let keys: Vec<_> = records.iter().map(|record| record.key.as_str()).collect();
    assert_eq!(keys, ["mail_0", "mail_1", "mail_2"]);
    assert!(
        records
            .iter()
            .all(|record| record.sequence == 1 && record.id == format!("evt_{}", record.key))
    );
    assert_eq!(
        store.pending(3).await.unwrap(),
        records,
        "again, until it is done"
    );
    store.done(&records[..2]).await.unwrap();
    store.done(&records[..1]).await.unwrap();
    let keys: Vec<_> = store
        .pending(10)
        .await
        .unwrap()
        .into_iter()
        .map(|record| record.key)
        .collect();
    assert_eq!(keys, ["mail_2", "mail_3", "mail_4"]);
    assert!(
        store.issue_mail_token("mail_0", at(9)).await.unwrap().is_some(),
        "the link outlives its event"
    );
}

pub(crate) async fn unsent_mails_take_no_room(store: Fresh) {
    let ask = |n: usize, mail: Mail| {
        let mail = if n.is_multiple_of(2) {
            mail.silenced()
        } else {
            mail
        };
        store.request_mail(mail, 3, HOUR)
    };
    for n in 0..8 {
        ask(n, registration(&format!("mail_{n}"), "a@b.fr", at(0)))
            .await
            .unwrap();
        assert_eq!(asked_for(&store).await, n.div_ceil(2).min(3), "after {n}");
    }
}

pub(crate) async fn a_link_opens_one_account(store: Fresh) {
    store
        .request_mail(registration("mail_1", "a@b.fr", at(0)), 0, HOUR)
        .await
        .unwrap();
    store.issue_mail_token("mail_1", at(0)).await.unwrap();
    let outcomes = at_once((0..30).map(|n| {
        let store = store.clone();
        // With any address: the link opens one account, not one for each address.
        let user = user(&format!("user_{n}"), &format!("a{}@b.fr", n % 3), Role::Customer);
        async move {
            store
                .use_mail("mail_1", MailEffect::Open(user), at(1))
                .await
                .unwrap()
        }
    }))
    .await;
    let (done, refused): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .partition(|one| matches!(one, MailOutcome::Done(_)));
    assert_eq!(done.len(), 1);
    assert!(
        refused.iter().all(|one| *one == MailOutcome::Closed),
        "{refused:?}"
    );
    assert_eq!(
        store
            .list_users(UserQuery {
                limit: 10,
                ..Default::default()
            })
            .await
            .unwrap()
            .total,
        1
    );
    assert_eq!(store.registrations("a@b.fr", at(-1)).await.unwrap(), []);
}

pub(crate) async fn links_side_by_side_are_each_used_once(store: Fresh) {
    let owner = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    for n in 0..4 {
        link(
            &store,
            &format!("mail_{n}"),
            MailKind::EmailChange,
            &format!("a{n}@b.fr"),
            &owner,
        )
        .await;
    }
    let outcomes = at_once((0..40).map(|n| {
        let (store, n) = (store.clone(), n % 4);
        async move {
            loop {
                let mut user = store.user("user_1").await.unwrap().unwrap();
                user.email_key = format!("a{n}@b.fr");
                let effect = MailEffect::Replace(user);
                match store.use_mail(&format!("mail_{n}"), effect, at(3)).await.unwrap() {
                    MailOutcome::Conflict => {}
                    outcome => break outcome,
                }
            }
        }
    }))
    .await;
    let done = outcomes
        .iter()
        .filter(|one| matches!(one, MailOutcome::Done(_)))
        .count();
    let closed = outcomes.iter().filter(|one| **one == MailOutcome::Closed).count();
    assert_eq!((done, closed), (4, 36));
    assert_eq!(
        store.user("user_1").await.unwrap().unwrap().version,
        owner.version + 4
    );
}

pub(crate) async fn the_outbox_is_emptied_by_many_at_once(store: Fresh) {
    at_once((0..30).map(|n| {
        let (store, mail) = (
            store.clone(),
            registration(&format!("mail_{n}"), &format!("a{n}@b.fr"), at(n)),
        );
        async move { store.request_mail(mail, 3, HOUR).await.unwrap() }
    }))
    .await;
    at_once((0..4).map(|_| {
        let store = store.clone();
        async move {
            loop {
                let records = store.pending(7).await.unwrap();
                if records.is_empty() {
                    break;
                }
                assert!(records.len() <= 7);
                assert!(records.iter().all(|record| !record.payload.is_empty()));
                store.done(&records).await.unwrap();
            }
        }
    }))
    .await;
    assert_eq!(store.pending(100).await.unwrap(), []);
    assert!(store.mail_by_token("hash of mail_7").await.unwrap().is_some());
}
