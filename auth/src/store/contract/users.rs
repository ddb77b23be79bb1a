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
        "whoever had the account is signed out"
    );
}
