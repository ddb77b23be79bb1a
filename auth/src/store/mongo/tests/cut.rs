//! Steps that are cut off at each of their awaits, as by a crash, and then retried.

use std::task::Poll;

use mongodb::bson::doc;

use super::crash::{HOUR, at, link, user};
use super::fresh;
use crate::domain::mail::{Draft, Mail, MailKind};
use crate::domain::user::{Role, User};
use crate::store::contract::asks_for_a_mail;
use crate::store::mongo::Mongo;
use crate::store::{AccessChange, AccessOutcome, MailEffect, MailOutcome, Mails as _, Users as _};
use comptoir_events::Outbox as _;

/// The number of awaits after which a step is cut off; more than any step has.
const WAITS: usize = 40;

/// Polls the step this often and drops it. Returns whether it ended.
async fn cut<F: Future>(step: F, polls: usize) -> bool {
    let mut step = Box::pin(step);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        step.as_mut().poll(context).map(|_| true)
    })
    .await
}

async fn set_access(store: &Mongo, id: &str, change: AccessChange) -> AccessOutcome {
    store.change_access(id, change, at(2)).await.unwrap()
}

#[tokio::test]
async fn a_link_that_is_cut_off_anywhere_changes_its_account_once() {
    let Some((store, database)) = fresh("a_link_that_is_cut_off_anywhere_changes_its_account_once").await
    else {
        return;
    };
    let mut ends = 0;
    for polls in 0..WAITS {
        let (id, email, mail) = (
            format!("user_{polls}"),
            format!("a{polls}@b.fr"),
            format!("mail_{polls}"),
        );
        store.insert(user(&id, &email), doc! {}).await.unwrap();
        let owner = store.user(&id).await.unwrap().unwrap();
        link(&store, &mail, MailKind::PasswordReset, Some(&owner)).await;
        let mut changed = owner.clone();
        changed.epoch += 1;
        let step = store
            .clone()
            .use_link(mail.clone(), MailEffect::Replace(changed), at(1));
        ends += usize::from(cut(step, polls).await);
        let last = loop {
            let mut user = store.user(&id).await.unwrap().unwrap();
            user.epoch += 1;
            match store
                .use_mail(&mail, MailEffect::Replace(user), at(1))
                .await
                .unwrap()
            {
                MailOutcome::Conflict => {}
                last => break last,
            }
        };
        let user = store.user(&id).await.unwrap().unwrap();
        assert_eq!((user.epoch, user.version), (2, 2), "{polls}: {last:?}");
        let used = store
            .mail_by_token(&format!("hash of {mail}"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(used.used_at, Some(at(1)));
    }
    assert!((1..WAITS).contains(&ends), "{ends}");
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_registration_that_is_cut_off_anywhere_opens_one_account() {
    let Some((store, database)) = fresh("a_registration_that_is_cut_off_anywhere_opens_one_account").await
    else {
        return;
    };
    for polls in 0..WAITS {
        let mail = format!("mail_{polls}");
        link(&store, &mail, MailKind::ConfirmEmail, None).await;
        let first = user(&format!("first_{polls}"), &format!("a{polls}@b.fr"));
        cut(
            store
                .clone()
                .use_link(mail.clone(), MailEffect::Open(first), at(1)),
            polls,
        )
        .await;
        let second = user(&format!("second_{polls}"), &format!("a{polls}@b.fr"));
        let outcome = store
            .use_mail(&mail, MailEffect::Open(second), at(1))
            .await
            .unwrap();
        let known = [
            matches!(outcome, MailOutcome::Done(_)),
            outcome == MailOutcome::Closed,
        ];
        assert!(known.contains(&true), "{polls}: {outcome:?}");
        assert!(
            store
                .user_by_email(&format!("a{polls}@b.fr"))
                .await
                .unwrap()
                .is_some()
        );
        let opened = store
            .users
            .count_documents(doc! { "opened_by": &mail })
            .await
            .unwrap();
        assert_eq!(opened, 1);
    }
    assert_eq!(store.registrations("a@b.fr", at(-1)).await.unwrap(), []);
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_demotion_that_is_cut_off_anywhere_leaves_an_administrator() {
    let Some((store, database)) = fresh("a_demotion_that_is_cut_off_anywhere_leaves_an_administrator").await
    else {
        return;
    };
    for id in ["user_1", "user_2"] {
        store
            .insert(user(id, &format!("{id}@b.fr")), doc! {})
            .await
            .unwrap();
    }
    let mut ends = 0;
    for polls in 0..WAITS {
        for id in ["user_1", "user_2"] {
            let raised = set_access(&store, id, AccessChange::Role(Role::Admin)).await;
            assert!(matches!(raised, AccessOutcome::Done(_)), "{polls}: {raised:?}");
        }
        let demotion =
            store
                .clone()
                .change_access_in_order("user_1".into(), AccessChange::Role(Role::Staff), at(3));
        ends += usize::from(cut(demotion, polls).await);
        let other = set_access(&store, "user_2", AccessChange::Active(false)).await;
        let first = store.user("user_1").await.unwrap().unwrap();
        let second = store.user("user_2").await.unwrap().unwrap();
        assert!(
            first.is_active_admin() != second.is_active_admin(),
            "{polls}: {other:?}"
        );
        assert_eq!(other == AccessOutcome::LastAdmin, second.is_active_admin());
        set_access(&store, "user_2", AccessChange::Active(true)).await;
    }
    assert!((1..WAITS).contains(&ends), "{ends}");
    database.drop().await.unwrap();
}

#[tokio::test]
async fn the_first_administrator_that_is_cut_off_anywhere_is_one() {
    let Some((store, database)) = fresh("the_first_administrator_that_is_cut_off_anywhere_is_one").await
    else {
        return;
    };
    for polls in 0..WAITS {
        store.users.delete_many(doc! {}).await.unwrap();
        let admin = |n: usize| User {
            role: Role::Admin,
            ..user(&format!("user_{polls}_{n}"), &format!("a{n}@b.fr"))
        };
        let known = polls % 2 == 0;
        if known {
            store.insert(user("known", "a0@b.fr"), doc! {}).await.unwrap();
        }
        cut(store.clone().create_first_admin(admin(0), at(2)), polls).await;
        store.ensure_admin(admin(1), at(3)).await.unwrap();
        store.ensure_admin(admin(2), at(3)).await.unwrap();
        let admins = store
            .users
            .count_documents(doc! { "role": "ADMIN" })
            .await
            .unwrap();
        assert_eq!(admins, 1, "{polls}");
    }
    database.drop().await.unwrap();
}

#[tokio::test]
async fn mails_that_are_cut_off_anywhere_stay_within_the_limit() {
    let Some((store, database)) = fresh("mails_that_are_cut_off_anywhere_stay_within_the_limit").await else {
        return;
    };
    for polls in 0..WAITS {
        let ask = |n: usize| {
            let draft = Draft {
                kind: MailKind::ConfirmEmail,
                email: &format!("a{polls}@b.fr"),
                user: None,
                registration: None,
            };
            let id = format!("mail_{polls}_{n}");
            let mail = Mail::request(
                draft,
                id.clone(),
                format!("evt_{id}"),
                format!("hash of {id}"),
                at(0),
            );
            store.clone().keep_mail(mail, 3, HOUR)
        };
        cut(ask(0), polls).await;
        for n in 1..5 {
            ask(n).await.unwrap();
        }
        let sent = store.pending(100).await.unwrap();
        let asked_for = sent.iter().filter(|record| asks_for_a_mail(record)).count();
        assert!((2..=3).contains(&asked_for), "{polls}: {asked_for}");
        store.done(&sent).await.unwrap();
    }
    database.drop().await.unwrap();
}
