//! The state that a crash between two writes leaves, written by hand.

use std::sync::Arc;
use std::time::Duration;

use comptoir_events::Outbox as _;
use comptoir_mesh::clock::TestClock;
use comptoir_mesh::testing::TestEnv;
use jiff::Timestamp;
use mongodb::bson::{Document, doc, serialize_to_bson};

use super::fresh;
use crate::domain::mail::{Draft, Mail, MailKind, Registration};
use crate::domain::password::PasswordHash;
use crate::domain::user::{Profile, Role, User};
use crate::store::mongo::Mongo;
use crate::store::{
    AccessChange, AccessOutcome, AdminOutcome, MailEffect, MailOutcome, Mails as _, Sessions as _, Users as _,
};

pub(super) const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn user(id: &str, email: &str) -> User {
    let password = PasswordHash::from_phc("old".into());
    User::new(
        id.into(),
        email.into(),
        password,
        Profile::default(),
        Role::Customer,
        at(0),
    )
}

/// Requests a mail and issues its link.
pub(super) async fn link(store: &Mongo, id: &str, kind: MailKind, owner: Option<&User>) {
    let draft = Draft {
        kind,
        email: "a@b.fr",
        user: owner,
        registration: owner.is_none().then(|| Registration {
            password: PasswordHash::from_phc("old".into()),
            profile: Profile::default(),
        }),
    };
    let mail = Mail::request(
        draft,
        id.into(),
        format!("evt_{id}"),
        format!("hash of {id}"),
        at(0),
    );
    store.request_mail(mail, 0, HOUR).await.unwrap();
    store.issue_mail_token(id, at(0)).await.unwrap().unwrap();
}

/// The state after a crash before a used mail is marked.
async fn unmark(store: &Mongo, id: &str) {
    let marked = doc! { "_id": id, "used_at": { "$ne": null } };
    let set = doc! { "$set": { "used_at": null } };
    assert_eq!(
        store.mails.update_one(marked, set).await.unwrap().matched_count,
        1
    );
}

async fn done(store: &Mongo, id: &str, effect: MailEffect) -> User {
    match store.use_mail(id, effect, at(1)).await.unwrap() {
        MailOutcome::Done(user) => *user,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_used_link_that_was_not_marked_is_used_all_the_same() {
    let Some((store, database)) = fresh("a_used_link_that_was_not_marked_is_used_all_the_same").await else {
        return;
    };
    link(&store, "mail_0", MailKind::ConfirmEmail, None).await;
    let ada = done(&store, "mail_0", MailEffect::Open(user("user_1", "a@b.fr"))).await;
    unmark(&store, "mail_0").await;
    link(&store, "mail_1", MailKind::EmailChange, Some(&ada)).await;
    link(&store, "mail_2", MailKind::EmailChange, Some(&ada)).await;
    let mut moved = ada.clone();
    moved.email_key = "moved@b.fr".into();
    let moved = done(&store, "mail_1", MailEffect::Replace(moved)).await;
    unmark(&store, "mail_1").await;

    // The address is free again, but the link that opened an account does not open a second one.
    let again = store
        .use_mail("mail_0", MailEffect::Open(user("user_2", "a@b.fr")), at(2))
        .await;
    assert_eq!(again.unwrap(), MailOutcome::Closed);
    assert!(
        store.registrations("a@b.fr", at(-1)).await.unwrap().is_empty(),
        "now it is marked"
    );
    let again = store
        .use_mail("mail_1", MailEffect::Replace(moved.clone()), at(2))
        .await;
    assert_eq!(again.unwrap(), MailOutcome::Closed);
    assert_eq!(store.user("user_1").await.unwrap().unwrap(), moved);

    // Another link marks the mail whose id it replaces.
    unmark(&store, "mail_1").await;
    let last = done(&store, "mail_2", MailEffect::Replace(moved)).await;
    let marked = store.mail_by_token("hash of mail_1").await.unwrap().unwrap();
    assert!(marked.used_at.is_some());
    let again = store
        .use_mail("mail_1", MailEffect::Replace(last.clone()), at(3))
        .await;
    assert_eq!(again.unwrap(), MailOutcome::Closed);
    let saved = store.save_user(last).await.unwrap().unwrap();
    unmark(&store, "mail_2").await;
    let again = store.use_mail("mail_2", MailEffect::Replace(saved), at(3)).await;
    assert_eq!(
        again.unwrap(),
        MailOutcome::Closed,
        "an ordinary save keeps the note"
    );
    database.drop().await.unwrap();
}

/// The state after a crash that follows the registration of a change. Returns the change's number.
pub(super) async fn register(store: &Mongo, change: Document) -> i64 {
    let free = store
        .access
        .find_one(doc! { "registered": null })
        .await
        .unwrap()
        .unwrap();
    let turn = free.get_i64("number").unwrap() + 1;
    let registered = doc! { "at": at(1).as_microsecond(), "change": change };
    let set = doc! { "$set": { "number": turn, "registered": registered } };
    store.access.update_one(doc! {}, set).await.unwrap();
    turn
}

#[tokio::test]
async fn a_registered_change_is_finished_by_any_process() {
    let Some((store, database)) = fresh("a_registered_change_is_finished_by_any_process").await else {
        return;
    };
    let mut first = user("user_0", "boss@b.fr");
    first.role = Role::Admin;
    let first_admin = doc! { "first_admin": serialize_to_bson(&first).unwrap() };
    register(&store, first_admin).await;
    let second = User {
        id: "user_9".into(),
        email_key: "second@b.fr".into(),
        ..first.clone()
    };
    assert_eq!(
        store.ensure_admin(second, at(2)).await.unwrap(),
        AdminOutcome::Present
    );
    assert_eq!(store.user("user_0").await.unwrap().unwrap(), first);

    for n in 1..3 {
        let (id, email) = (format!("user_{n}"), format!("a{n}@b.fr"));
        store.insert(user(&id, &email), doc! {}).await.unwrap();
    }
    let access = |id: &str, role: &str| doc! { "access": { "user_id": id, "role": role, "active": true } };
    register(&store, access("user_1", "ADMIN")).await;
    // The other administrator may be demoted, since the change that was left makes one.
    let gone = store
        .change_access("user_0", AccessChange::Role(Role::Staff), at(3))
        .await
        .unwrap();
    assert!(matches!(gone, AccessOutcome::Done(_)), "{gone:?}");
    assert!(store.user("user_1").await.unwrap().unwrap().is_active_admin());

    // The sweep finishes it too, and an account that has its number does not change.
    let turn = register(&store, access("user_2", "STAFF")).await;
    store.sweep(at(-9), at(-9), at(-9)).await.unwrap();
    let raised = store.user("user_2").await.unwrap().unwrap();
    assert_eq!((raised.role, raised.version), (Role::Staff, 2));
    store
        .access
        .update_one(doc! {}, doc! { "$set": { "number": turn - 1 } })
        .await
        .unwrap();
    register(&store, access("user_2", "CUSTOMER")).await;
    store.sweep(at(-9), at(-9), at(-9)).await.unwrap();
    assert_eq!(store.user("user_2").await.unwrap().unwrap(), raised);

    // A change of a missing account does not block later ones.
    register(&store, access("user_8", "ADMIN")).await;
    let last = store
        .change_access("user_1", AccessChange::Active(false), at(4))
        .await
        .unwrap();
    assert_eq!(last, AccessOutcome::LastAdmin);

    // A lock that was created again continues after the numbers that accounts have.
    store.access.drop().await.unwrap();
    let store = Mongo::on(&database, &TestEnv::new().env).await.unwrap();
    let raised = store
        .change_access("user_2", AccessChange::Role(Role::Admin), at(5))
        .await
        .unwrap();
    assert!(
        matches!(&raised, AccessOutcome::Done(user) if user.is_active_admin()),
        "{raised:?}"
    );
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_change_that_is_finished_late_revokes_until_then() {
    let Some((store, database)) = fresh("a_change_that_is_finished_late_revokes_until_then").await else {
        return;
    };
    let clock = Arc::new(TestClock::new(at(1000)));
    let store = Mongo { clock, ..store };
    store.insert(user("user_1", "a@b.fr"), doc! {}).await.unwrap();
    register(
        &store,
        doc! { "access": { "user_id": "user_1", "role": "CUSTOMER", "active": false } },
    )
    .await;
    store.sweep(at(-9), at(-9), at(-9)).await.unwrap();
    let disabled = store.user("user_1").await.unwrap().unwrap();
    assert_eq!(
        (disabled.active, disabled.tokens_revoked_at),
        (false, Some(at(1000)))
    );
    assert_eq!(store.revocations(at(900)).await.unwrap().len(), 1);
    database.drop().await.unwrap();
}

#[tokio::test]
async fn an_emptied_outbox_holds_no_mail_back() {
    let Some((store, database)) = fresh("an_emptied_outbox_holds_no_mail_back").await else {
        return;
    };
    link(&store, "mail_0", MailKind::ConfirmEmail, None).await;
    link(&store, "mail_1", MailKind::ConfirmEmail, None).await;
    // A relay that died between its two writes.
    store
        .mails
        .update_one(doc! { "_id": "mail_0" }, doc! { "$set": { "outbox": [] } })
        .await
        .unwrap();
    let records = store.pending(1).await.unwrap();
    assert_eq!(records[0].key, "mail_1");
    store.sweep(at(10), at(10), at(10)).await.unwrap();
    assert!(store.mail_by_token("hash of mail_0").await.unwrap().is_none());
    assert!(store.mail_by_token("hash of mail_1").await.unwrap().is_some());
    database.drop().await.unwrap();
}
