//! The contract on a MongoDB, and what a crash between two writes leaves. Each test has a database of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use comptoir_mesh::clock::TestClock;
use comptoir_mesh::env::{Server, Store as Place};
use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::testing::{TestEnv, server};
use jiff::Timestamp;
use mongodb::bson::{doc, serialize_to_bson};
use mongodb::options::Acknowledgment;

use super::*;
use crate::domain::password::PasswordHash;
use crate::domain::user::{Profile, Role, User};
use crate::store::{
    AccessChange, AccessOutcome, AdminOutcome, MailEffect, MailOutcome, Mails as _, Sessions as _, Store,
    Users as _, contract,
};
use comptoir_mesh::events::Outbox as _;

contract::tests!(run);

async fn run<F: Future<Output = ()>>(name: &str, promise: impl FnOnce(Arc<dyn Store>) -> F) {
    let Some((store, database)) = fresh(name).await else {
        return;
    };
    promise(Arc::new(store)).await;
    database.drop().await.unwrap();
}

/// A store in a database of its own, which is given too; `None` where no server is known.
async fn fresh(name: &str) -> Option<(Mongo, Database)> {
    let url = server("MONGODB_URI", name)?;
    let place = place(&url);
    let database = mongo::open(&place).await.unwrap();
    let store = Mongo::open(&place, &TestEnv::new().env).await.unwrap();
    Some((store, database))
}

/// A database of a random name on the server of the URL.
fn place(url: &str) -> ServerUrl {
    let test = TestEnv::new();
    let (server, options) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, host) = server.split_once("://").unwrap();
    let host = host.split('/').next().unwrap();
    let url = format!("{scheme}://{host}/auth_{}?{options}", test.env.ids.ulid());
    match test.env.store("auth", Some(&url), Server::Mongo).unwrap() {
        Place::Server(server) => server,
        Place::Sqlite(file) => panic!("{file}"),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn user(id: &str, email: &str) -> User {
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

/// Asks for a mail whose link is good at once.
async fn link(store: &Mongo, id: &str, kind: crate::domain::mail::MailKind, owner: Option<&User>) {
    use crate::domain::mail::{Draft, Mail, Registration};
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
    store
        .request_mail(mail, 3, std::time::Duration::from_secs(3600))
        .await
        .unwrap();
    store.issue_mail_token(id, at(0)).await.unwrap().unwrap();
}

/// What a crash leaves that comes before a used mail is marked.
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
    use crate::domain::mail::MailKind;
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

    // The address is free again, and still the link that opened an account opens no second one.
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

    // Another link marks the one whose note it replaces.
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

/// What a crash leaves that comes after a change was registered. Gives its number.
async fn register(store: &Mongo, change: Document) -> i64 {
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
async fn a_registered_change_is_finished_by_whoever_finds_it() {
    let Some((store, database)) = fresh("a_registered_change_is_finished_by_whoever_finds_it").await else {
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
    // The other administrator may go, since the change that was left makes one.
    let gone = store
        .change_access("user_0", AccessChange::Role(Role::Staff), at(3))
        .await
        .unwrap();
    assert!(matches!(gone, AccessOutcome::Done(_)), "{gone:?}");
    assert!(store.user("user_1").await.unwrap().unwrap().is_active_admin());

    // The sweep finds it too, and an account that has it already stays as it is.
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

    // A change of an account that is not there holds nobody up.
    register(&store, access("user_8", "ADMIN")).await;
    let last = store
        .change_access("user_1", AccessChange::Active(false), at(4))
        .await
        .unwrap();
    assert_eq!(last, AccessOutcome::LastAdmin);

    // A turnstile made anew goes on behind the numbers that accounts have.
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
    use crate::domain::mail::MailKind;
    let Some((store, database)) = fresh("an_emptied_outbox_holds_no_mail_back").await else {
        return;
    };
    link(&store, "mail_0", MailKind::ConfirmEmail, None).await;
    link(&store, "mail_1", MailKind::ConfirmEmail, None).await;
    // A relay that ended between its two writes.
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

#[tokio::test]
async fn opening_again_changes_nothing() {
    let Some((store, database)) = fresh("opening_again_changes_nothing").await else {
        return;
    };
    let root = crate::store::Keys::root_key(&store, [1; 32]).await.unwrap();
    register(
        &store,
        doc! { "access": { "user_id": "user_1", "role": "STAFF", "active": true } },
    )
    .await;
    let test = TestEnv::new();
    let opened = futures::future::join_all((0..4).map(|_| Mongo::on(&database, &test.env))).await;
    for again in opened {
        let again = again.unwrap();
        assert_eq!(crate::store::Keys::root_key(&again, [2; 32]).await.unwrap(), root);
    }
    let turnstile = store.access.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(turnstile.get_i64("number").unwrap(), 1);
    let names: BTreeSet<String> = store
        .users
        .list_index_names()
        .await
        .unwrap()
        .into_iter()
        .collect();
    let wanted = [
        "_id_",
        "access",
        "creation",
        "email_key",
        "first_admin",
        "opened_by",
        "revocation",
    ];
    assert_eq!(names, wanted.map(str::to_owned).into());
    database.drop().await.unwrap();
}

#[tokio::test]
async fn writes_are_a_majoritys_and_what_is_wrong_quotes_nothing() {
    let Some((store, database)) = fresh("writes_are_a_majoritys_and_what_is_wrong_quotes_nothing").await
    else {
        return;
    };
    for collection in [
        &store.users,
        &store.sessions,
        &store.mails,
        &store.attempts,
        &store.access,
    ] {
        let acknowledged = collection.write_concern().and_then(|concern| concern.w.clone());
        assert_eq!(acknowledged, Some(Acknowledgment::Majority));
    }
    let broken = doc! { "_id": "user_1", "email_key": "a@b.fr", "version": "ada's secret" };
    store.users.insert_one(broken).await.unwrap();
    let error = store.user("user_1").await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::Internal);
    assert!(!format!("{error:?}").contains("secret"));
    database.drop().await.unwrap();
}
