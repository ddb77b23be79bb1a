//! Accounts and administrators.

use super::*;

pub(crate) async fn one_account_per_address(store: Fresh) {
    let outcomes = futures::future::join_all((0..20).map(|n| {
        let store = store.clone();
        async move {
            open(
                &store,
                user(&format!("user_{n}"), "Ada@Example.org", Role::Customer),
            )
            .await
        }
    }))
    .await;
    let (done, taken): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .partition(|one| matches!(one, MailOutcome::Done(_)));
    assert_eq!(done.len(), 1);
    assert!(taken.iter().all(|one| *one == MailOutcome::AddressTaken));
    assert!(store.user_by_email("ada@example.org").await.unwrap().is_some());
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
}

pub(crate) async fn a_save_of_an_old_version_is_refused(store: Fresh) {
    let read = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    let mut first = read.clone();
    first.profile.phone = Some("1".into());
    let saved = store.save_user(first).await.unwrap().unwrap();
    assert_eq!(saved.version, read.version + 1);
    assert_eq!(store.save_user(read).await.unwrap(), None);
    assert_eq!(store.user("user_1").await.unwrap().unwrap(), saved);
    assert_eq!(store.user("user_2").await.unwrap(), None);
}

pub(crate) async fn users_are_paged_newest_first_and_found_by_part(store: Fresh) {
    for n in 0..5 {
        let mut user = user(
            &format!("user_{n}"),
            &format!("person{n}@shop_{n}.fr"),
            Role::Customer,
        );
        user.created_at = at(n / 2);
        assert!(matches!(open(&store, user).await, MailOutcome::Done(_)));
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .list_users(UserQuery {
                text: String::new(),
                after,
                limit: 2,
            })
            .await
            .unwrap();
        assert_eq!(page.total, 5);
        seen.extend(page.users.iter().map(|user| user.id.clone()));
        after = page.users.last().map(|user| (user.created_at, user.id.clone()));
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ["user_4", "user_3", "user_2", "user_1", "user_0"]);
    for (text, total) in [
        ("shop_3", 1),
        ("zoë", 5),
        ("PERSON", 0),
        ("shop%", 0),
        ("'; DROP", 0),
    ] {
        let page = store
            .list_users(UserQuery {
                text: text.into(),
                after: None,
                limit: 10,
            })
            .await
            .unwrap();
        assert_eq!(page.total, total, "{text}");
    }
    let some = store
        .users(&["user_1".into(), "user_9".into(), "user_3".into()])
        .await
        .unwrap();
    assert_eq!(some.len(), 2);
}

pub(crate) async fn the_last_administrator_stays(store: Fresh) {
    for n in 0..4 {
        opened(&store, &format!("user_{n}"), &format!("a{n}@b.fr"), Role::Admin).await;
    }
    let outcomes = futures::future::join_all((0..4).map(|n| {
        let store = store.clone();
        async move {
            let change = if n % 2 == 0 {
                AccessChange::Role(Role::Staff)
            } else {
                AccessChange::Active(false)
            };
            store
                .change_access(&format!("user_{n}"), change, at(5))
                .await
                .unwrap()
        }
    }))
    .await;
    assert_eq!(
        outcomes
            .iter()
            .filter(|one| **one == AccessOutcome::LastAdmin)
            .count(),
        1
    );
    assert!(store.has_admin().await.unwrap());
    let unknown = store
        .change_access("user_9", AccessChange::Active(false), at(5))
        .await
        .unwrap();
    assert_eq!(unknown, AccessOutcome::Unknown);
    let last = outcomes
        .iter()
        .position(|one| *one == AccessOutcome::LastAdmin)
        .unwrap();
    let kept = store.user(&format!("user_{last}")).await.unwrap().unwrap();
    assert!(kept.is_active_admin() && kept.tokens_revoked_at.is_none());
}

pub(crate) async fn the_first_administrator_is_made_once(store: Fresh) {
    opened(&store, "user_0", "known@b.fr", Role::Customer).await;
    assert!(!store.has_admin().await.unwrap());
    let outcomes = futures::future::join_all((1..10).map(|n| {
        let store = store.clone();
        async move {
            store
                .ensure_admin(user(&format!("user_{n}"), "Known@b.fr", Role::Admin), at(9))
                .await
                .unwrap()
        }
    }))
    .await;
    assert_eq!(
        outcomes.iter().filter(|one| **one == AdminOutcome::Made).count(),
        1
    );
    let admin = store.user_by_email("known@b.fr").await.unwrap().unwrap();
    assert_eq!((admin.id.as_str(), admin.role), ("user_0", Role::Admin));
    assert!(
        admin.tokens_revoked_at.is_some(),
        "sessions of the old account ended"
    );
}

pub(crate) async fn saves_side_by_side_lose_nothing(store: Fresh) {
    let first = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    at_once((0..20).map(|_| {
        let store = store.clone();
        async move {
            loop {
                let mut user = store.user("user_1").await.unwrap().unwrap();
                user.epoch += 1;
                if store.save_user(user).await.unwrap().is_some() {
                    break;
                }
            }
        }
    }))
    .await;
    let last = store.user("user_1").await.unwrap().unwrap();
    assert_eq!((last.epoch, last.version), (first.epoch + 20, first.version + 20));
}

pub(crate) async fn a_search_takes_text_literally(store: Fresh) {
    let mut odd = user("user_1", "a.b+c@d.fr", Role::Customer);
    odd.profile.last_name = Some(r"(O'Neil) [x]*{1}|^$?\d #~ é".into());
    assert!(matches!(open(&store, odd).await, MailOutcome::Done(_)));
    opened(&store, "user_2", "axbxc@d.fr", Role::Customer).await;
    for (text, total) in [
        ("a.b", 1),
        ("b+c", 1),
        (".*", 0),
        ("a.b+c@d.fr", 1),
        ("(o'neil) [x]*{1}|^$?\\d #~ é", 1),
        ("[a-z]", 0),
        ("^a", 0),
        ("\\", 1),
        ("\\q", 0),
        ("(", 1),
        ("\0", 0),
        ("{\"$gt\":\"\"}", 0),
        ("$where", 0),
        ("d.fr", 2),
    ] {
        let query = UserQuery {
            text: text.into(),
            after: None,
            limit: 10,
        };
        let page = store.list_users(query).await.unwrap();
        assert_eq!(
            (page.total, page.users.len()),
            (total, total as usize),
            "{text:?}"
        );
    }
}

/// Whether a change was done.
fn is_done(outcome: &AccessOutcome) -> bool {
    matches!(outcome, AccessOutcome::Done(_))
}

async fn admins(store: &Fresh) -> usize {
    let page = store
        .list_users(UserQuery {
            limit: 100,
            ..Default::default()
        })
        .await
        .unwrap();
    page.users.iter().filter(|user| user.is_active_admin()).count()
}

pub(crate) async fn an_administrator_stays_whatever_comes_at_once(store: Fresh) {
    for n in 0..3 {
        opened(&store, &format!("user_{n}"), &format!("a{n}@b.fr"), Role::Admin).await;
    }
    for round in 0..3 {
        let outcomes = at_once((0..24).map(|n| {
            let store = store.clone();
            let change = match n % 8 {
                0 | 3 | 6 => AccessChange::Role(Role::Customer),
                1 | 4 => AccessChange::Active(false),
                2 => AccessChange::Role(Role::Admin),
                5 => AccessChange::Active(true),
                _ => AccessChange::Role(Role::Staff),
            };
            async move {
                let outcome = store
                    .change_access(&format!("user_{}", n % 3), change, at(5))
                    .await
                    .unwrap();
                assert!(store.has_admin().await.unwrap());
                outcome
            }
        }))
        .await;
        assert!(
            outcomes
                .iter()
                .all(|one| is_done(one) || *one == AccessOutcome::LastAdmin)
        );
        assert!(admins(&store).await >= 1, "round {round}");
    }
    // Then all of them are demoted at once, in several rounds.
    for _ in 0..5 {
        for n in 0..3 {
            for change in [AccessChange::Active(true), AccessChange::Role(Role::Admin)] {
                assert!(is_done(
                    &store
                        .change_access(&format!("user_{n}"), change, at(6))
                        .await
                        .unwrap()
                ));
            }
        }
        let outcomes = at_once((0..3).map(|n| {
            let store = store.clone();
            let change = AccessChange::Role(Role::Staff);
            async move {
                store
                    .change_access(&format!("user_{n}"), change, at(7))
                    .await
                    .unwrap()
            }
        }))
        .await;
        assert_eq!(outcomes.iter().filter(|one| is_done(one)).count(), 2);
        assert_eq!(admins(&store).await, 1);
    }
}

pub(crate) async fn changes_of_access_and_saves_keep_each_other(store: Fresh) {
    opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    let saves = async |store: Fresh| {
        for n in 0..10 {
            loop {
                let mut user = store.user("user_1").await.unwrap().unwrap();
                user.profile.phone = Some(n.to_string());
                if store.save_user(user).await.unwrap().is_some() {
                    break;
                }
            }
        }
    };
    let changes = async |store: Fresh| {
        for n in 0..10 {
            let role = if n % 2 == 0 { Role::Staff } else { Role::Customer };
            match store
                .change_access("user_1", AccessChange::Role(role), at(n))
                .await
                .unwrap()
            {
                AccessOutcome::Done(user) => assert_eq!(user.role, role),
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::join!(saves(store.clone()), changes(store.clone()));
    let user = store.user("user_1").await.unwrap().unwrap();
    assert_eq!(
        (user.profile.phone.as_deref(), user.role),
        (Some("9"), Role::Customer)
    );
    assert_eq!(
        user.tokens_revoked_at,
        Some(at(9)),
        "each lower role ended tokens"
    );
    assert_eq!(user.version, 21);
}

pub(crate) async fn the_first_administrators_race_for_one_place(store: Fresh) {
    let outcomes = at_once((0..20).map(|n| {
        let store = store.clone();
        let user = user(&format!("user_{n}"), &format!("a{n}@b.fr"), Role::Admin);
        async move { store.ensure_admin(user, at(9)).await.unwrap() }
    }))
    .await;
    assert_eq!(
        outcomes.iter().filter(|one| **one == AdminOutcome::Made).count(),
        1
    );
    let page = store
        .list_users(UserQuery {
            limit: 10,
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(
        (page.total, admins(&store).await),
        (1, 1),
        "the others left nothing"
    );
    assert!(store.has_admin().await.unwrap());
}

pub(crate) async fn the_first_administrator_races_a_registration(store: Fresh) {
    let admin = user("user_1", "a@b.fr", Role::Admin);
    let (made, opened) = tokio::join!(
        store.ensure_admin(admin, at(9)),
        open(&store, user("user_2", "a@b.fr", Role::Customer)),
    );
    assert_eq!(made.unwrap(), AdminOutcome::Made);
    let one = store.user_by_email("a@b.fr").await.unwrap().unwrap();
    assert!(one.is_active_admin(), "{opened:?}");
    assert_eq!(admins(&store).await, 1);
}
