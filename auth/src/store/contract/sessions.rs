//! Sessions, revocations and failed log-ins.

use super::*;

pub(crate) async fn rotation_has_one_winner(store: Fresh) {
    let user = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    store
        .open_session(session("ses_1", &user, at(0)), &attempt(0, 10, 10))
        .await
        .unwrap();
    let read = store.session("ses_1").await.unwrap().unwrap();
    let winners = futures::future::join_all((0..50).map(|n| {
        let (store, mut next) = (store.clone(), read.clone());
        next.token_hash = format!("hash {n}");
        async move { store.save_session(next).await.unwrap() }
    }))
    .await;
    let won: Vec<_> = winners.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(store.session("ses_1").await.unwrap().unwrap(), won[0]);
}

pub(crate) async fn ended_sessions_are_not_listed(store: Fresh) {
    let user = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    for n in 0..4 {
        store
            .open_session(session(&format!("ses_{n}"), &user, at(n)), &attempt(0, 10, 10))
            .await
            .unwrap();
    }
    let ended = store
        .session("ses_2")
        .await
        .unwrap()
        .unwrap()
        .end(End::Logout, at(9));
    store.save_session(ended).await.unwrap().unwrap();
    let ids = async |user: &User, since, after| {
        let page = SessionQuery { after, limit: 10 };
        let sessions = store.list_sessions(user, since, page).await.unwrap();
        sessions.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&user, at(-1), None).await, ["ses_3", "ses_1", "ses_0"]);
    assert_eq!(
        ids(&user, at(0), None).await,
        ["ses_3", "ses_1"],
        "not used for too long"
    );
    assert_eq!(
        ids(&user, at(-1), Some((at(3), "ses_3".into()))).await,
        ["ses_1", "ses_0"]
    );
    let mut changed = user.clone();
    changed.end_sessions(Some("ses_1"), at(9));
    assert_eq!(
        ids(&changed, at(-1), None).await,
        ["ses_1"],
        "the one that was kept"
    );
}

pub(crate) async fn revocations_are_listed_by_time(store: Fresh) {
    let mut user = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    for n in 0..2 {
        store
            .open_session(session(&format!("ses_{n}"), &user, at(n)), &attempt(0, 10, 10))
            .await
            .unwrap();
    }
    for (id, end) in [("ses_0", at(10)), ("ses_1", at(100))] {
        let ended = store.session(id).await.unwrap().unwrap().end(End::Revoked, end);
        store.save_session(ended).await.unwrap().unwrap();
    }
    user.revoke_tokens(at(200));
    store.save_user(user).await.unwrap().unwrap();
    let listed = store.revocations(at(50)).await.unwrap();
    let session = Revocation::Session {
        id: "ses_1".into(),
        at: at(100),
    };
    assert_eq!(
        listed,
        [
            session,
            Revocation::User {
                id: "user_1".into(),
                at: at(200)
            }
        ]
    );
    assert_eq!(store.revocations(at(201)).await.unwrap(), []);
}

pub(crate) async fn parallel_attempts_never_pass_the_limit(store: Fresh) {
    let window = Duration::from_secs(900);
    let count = |n: usize, now: Timestamp| {
        let store = store.clone();
        async move {
            store
                .count_attempt(&attempt(n, 10, 100), window, now)
                .await
                .unwrap()
        }
    };
    let outcomes = futures::future::join_all((0..200).map(|n| count(n, at(0)))).await;
    assert_eq!(outcomes.iter().filter(|until| until.is_none()).count(), 10);
    assert!(outcomes.iter().flatten().all(|until| *until == at(900)));
    assert_eq!(
        store
            .blocked_until(&attempt(1, 10, 100), window, at(5))
            .await
            .unwrap(),
        Some(at(900))
    );
    assert_eq!(
        store
            .blocked_until(&attempt(1, 0, 100), window, at(5))
            .await
            .unwrap(),
        None,
        "0 is no limit"
    );
    assert_eq!(count(300, at(899)).await, Some(at(900)));
    assert_eq!(count(301, at(900)).await, None, "the window has moved on");
}

pub(crate) async fn a_right_password_clears_the_account_not_the_address(store: Fresh) {
    let window = Duration::from_secs(900);
    for n in 0..3 {
        assert_eq!(
            store
                .count_attempt(&attempt(n, 3, 4), window, at(0))
                .await
                .unwrap(),
            None
        );
    }
    store.forgive_attempt(&attempt(2, 3, 4)).await.unwrap();
    // The address has two attempts left, the account has no attempts counted.
    assert_eq!(
        store
            .count_attempt(&attempt(3, 3, 4), window, at(1))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store
            .count_attempt(&attempt(4, 3, 4), window, at(1))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store
            .count_attempt(&attempt(5, 3, 4), window, at(1))
            .await
            .unwrap(),
        Some(at(900))
    );
    let user = opened(&store, "user_1", "a@b.fr", Role::Customer).await;
    store
        .open_session(session("ses_1", &user, at(2)), &attempt(4, 3, 4))
        .await
        .unwrap();
    assert_eq!(
        store
            .count_attempt(&attempt(6, 3, 4), window, at(2))
            .await
            .unwrap(),
        None
    );
}

pub(crate) async fn a_full_counter_counts_nothing_in_the_other(store: Fresh) {
    let window = Duration::from_secs(900);
    let count = |attempt: Attempt| {
        let store = store.clone();
        async move { store.count_attempt(&attempt, window, at(0)).await.unwrap() }
    };
    assert_eq!(count(attempt(0, 2, 1)).await, None);
    for n in 1..5 {
        assert_eq!(
            count(attempt(n, 2, 1)).await,
            Some(at(900)),
            "the address is full"
        );
    }
    let alone = |n| Attempt {
        address: None,
        ..attempt(n, 2, 0)
    };
    assert_eq!(count(alone(5)).await, None, "the account took one of two");
    assert_eq!(count(alone(6)).await, Some(at(900)));
    let elsewhere = |n| {
        let mut attempt = attempt(n, 1, 2);
        attempt.account.key = format!("account:{n}");
        attempt
    };
    let outcomes = at_once((7..27).map(|n| count(elsewhere(n)))).await;
    assert_eq!(
        outcomes.iter().filter(|until| until.is_none()).count(),
        1,
        "one of the address' two was left"
    );
    let outcomes = at_once((7..27).map(|n| {
        count(Attempt {
            address: None,
            ..elsewhere(n)
        })
    }))
    .await;
    assert_eq!(
        outcomes.iter().filter(|until| until.is_none()).count(),
        19,
        "the refused were counted nowhere"
    );
}
