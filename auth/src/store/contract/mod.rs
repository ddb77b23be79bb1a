//! What every adapter must hold: a function for each promise, run on a fresh store.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{
    AccessChange, AccessOutcome, AdminOutcome, MailEffect, MailOutcome, Revocation, SessionQuery, Store,
    UserQuery,
};
use crate::domain::attempt::{Attempt, Counter};
use crate::domain::key::Key;
use crate::domain::mail::{Draft, Mail, MailKind, Registration};
use crate::domain::password::PasswordHash;
use crate::domain::session::{End, Issued, Session};
use crate::domain::user::{Profile, Role, User};

pub(crate) use self::{mails::*, sessions::*, users::*};

mod mails;
mod sessions;
mod users;

type Fresh = Arc<dyn Store>;

/// Declares a test for every promise: `$run` gets its name and function, and runs it on a fresh store.
macro_rules! tests {
    ($run:ident) => {
        contract::tests! { $run:
            one_account_per_address,
            a_save_of_an_old_version_is_refused,
            saves_side_by_side_lose_nothing,
            users_are_paged_newest_first_and_found_by_part,
            a_search_takes_text_literally,
            the_last_administrator_stays,
            an_administrator_stays_whatever_comes_at_once,
            changes_of_access_and_saves_keep_each_other,
            the_first_administrator_is_made_once,
            the_first_administrators_race_for_one_place,
            the_first_administrator_races_a_registration,
            rotation_has_one_winner,
            ended_sessions_are_not_listed,
            revocations_are_listed_by_time,
            mails_beyond_the_limit_are_silent,
            unsent_mails_take_no_room,
            a_link_is_used_once,
            a_link_opens_one_account,
            links_side_by_side_are_each_used_once,
            a_link_opens_when_its_token_is_given_out,
            a_failed_effect_leaves_the_link_open,
            parallel_attempts_never_pass_the_limit,
            a_full_counter_counts_nothing_in_the_other,
            a_right_password_clears_the_account_not_the_address,
            the_outbox_gives_each_event_until_it_is_done,
            the_outbox_is_emptied_by_many_at_once,
            the_sweep_keeps_what_is_unpublished,
            keys_are_made_once,
        }
    };
    ($run:ident: $($promise:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            $run(stringify!($promise), contract::$promise).await;
        }
    )*};
}
pub(crate) use tests;

const HOUR: Duration = Duration::from_secs(3600);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_phc(text.to_owned())
}

fn user(id: &str, email: &str, role: Role) -> User {
    let profile = Profile {
        first_name: Some("Zoë".into()),
        locale: "fr".into(),
        ..Profile::default()
    };
    User::new(id.to_owned(), email.to_owned(), hash("old"), profile, role, at(0))
}

fn registration(id: &str, email: &str, asked: Timestamp) -> Mail {
    let registration = Some(Registration {
        password: hash(id),
        profile: Profile::default(),
    });
    let draft = Draft {
        kind: MailKind::ConfirmEmail,
        email,
        user: None,
        registration,
    };
    Mail::request(
        draft,
        id.to_owned(),
        format!("evt_{id}"),
        format!("hash of {id}"),
        asked,
    )
}

/// Opens the account, as a confirmed registration does.
async fn open(store: &Fresh, user: User) -> MailOutcome {
    let id = format!("mail of {}", user.id);
    store
        .request_mail(registration(&id, &user.email, at(0)), 0, HOUR)
        .await
        .unwrap();
    store.issue_mail_token(&id, at(0)).await.unwrap();
    store.use_mail(&id, MailEffect::Open(user), at(1)).await.unwrap()
}

async fn opened(store: &Fresh, id: &str, email: &str, role: Role) -> User {
    let opened = match open(store, user(id, email, Role::Customer)).await {
        MailOutcome::Done(user) => *user,
        other => panic!("{other:?}"),
    };
    if role == Role::Customer {
        return opened;
    }
    match store
        .change_access(id, AccessChange::Role(role), at(1))
        .await
        .unwrap()
    {
        AccessOutcome::Done(user) => *user,
        other => panic!("{other:?}"),
    }
}

/// Requests a mail about the account and issues its link.
async fn link(store: &Fresh, id: &str, kind: MailKind, email: &str, owner: &User) {
    let draft = Draft {
        kind,
        email,
        user: Some(owner),
        registration: None,
    };
    let mail = Mail::request(
        draft,
        id.into(),
        format!("evt_{id}"),
        format!("hash of {id}"),
        at(2),
    );
    store.request_mail(mail, 0, HOUR).await.unwrap();
    store.issue_mail_token(id, at(2)).await.unwrap().unwrap();
}

/// Runs them concurrently, each in its own task.
async fn at_once<F>(calls: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

fn session(id: &str, user: &User, used: Timestamp) -> Session {
    Session {
        id: id.into(),
        version: 1,
        user_id: user.id.clone(),
        epoch: user.epoch,
        created_at: used,
        last_used_at: used,
        user_agent: None,
        counter: 1,
        token_hash: "hash".into(),
        issued: Issued {
            kid: "kid".into(),
            at: used,
            role: user.role,
        },
        request_id: None,
        ended: None,
    }
}

fn attempt(id: usize, account: u32, address: u32) -> Attempt {
    Attempt {
        id: format!("try_{id}"),
        account: Counter {
            key: "account:a".into(),
            limit: account,
        },
        address: Some(Counter {
            key: "address:b".into(),
            limit: address,
        }),
    }
}

pub(crate) async fn the_sweep_keeps_what_is_unpublished(store: Fresh) {
    let user = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    store.done(&store.pending(10).await.unwrap()).await.unwrap();
    store
        .request_mail(registration("mail_1", "c@d.fr", at(0)), 0, HOUR)
        .await
        .unwrap();
    store
        .open_session(session("ses_1", &user, at(0)), &attempt(0, 3, 3))
        .await
        .unwrap();
    store
        .open_session(session("ses_2", &user, at(50)), &attempt(0, 3, 3))
        .await
        .unwrap();
    let unsent = registration("mail_2", "e@f.fr", at(15)).silenced();
    store.request_mail(unsent, 0, HOUR).await.unwrap();
    let mut announced = store.pending(10).await.unwrap();
    announced.retain(|record| record.key == "mail_2");
    store.done(&announced).await.unwrap();
    store.sweep(at(10), at(20), at(10)).await.unwrap();
    assert_eq!(store.mail_by_token("hash of mail_2").await.unwrap(), None);
    assert_eq!(store.mail_by_token("hash of mail of user_1").await.unwrap(), None);
    assert!(
        store.mail_by_token("hash of mail_1").await.unwrap().is_some(),
        "its event waits"
    );
    assert_eq!(store.session("ses_1").await.unwrap(), None);
    assert!(store.session("ses_2").await.unwrap().is_some());
    assert!(store.user("user_1").await.unwrap().is_some());
}

pub(crate) async fn keys_are_made_once(store: Fresh) {
    let roots = futures::future::join_all((0..10).map(|n| {
        let store = store.clone();
        async move { store.root_key([n; 32]).await.unwrap() }
    }))
    .await;
    assert!(roots.iter().all(|root| *root == roots[0]));
    let first = Key::new(1, [1; 32], at(0));
    store.add_signing_key(first.clone()).await.unwrap();
    store.add_signing_key(Key::new(1, [2; 32], at(0))).await.unwrap();
    store.add_signing_key(Key::new(2, [3; 32], at(9))).await.unwrap();
    assert_eq!(store.signing_keys().await.unwrap()[0], first);
    store.drop_signing_keys(2).await.unwrap();
    assert_eq!(store.signing_keys().await.unwrap().len(), 1);
}
