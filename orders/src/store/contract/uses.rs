//! What [`DiscountStore`](crate::store::DiscountStore) promises of how often a discount is used.

use super::discounts::{Store, by, discount};
use crate::{
    domain::discount::{Discount, Use, fold},
    store::Replaced,
};

async fn times_used(store: &Store, id: &str) -> i64 {
    store.discount(id).await.unwrap().unwrap().times_used
}

/// Fifty orders at once use a discount of five uses exactly five times.
async fn a_limit_holds_under_parallel_uses(store: Store) {
    let limited = Discount {
        usage_limit: Some(5),
        ..discount("disc_1", "FIVE", 0)
    };
    store.insert_discount(&limited).await.unwrap();
    let uses = (0..50).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .use_discount("disc_1", &format!("order_{n}"), &by(&[&format!("user_{n}")]))
                .await
                .unwrap()
        })
    });
    let mut outcomes = Vec::new();
    for outcome in uses.collect::<Vec<_>>() {
        outcomes.push(outcome.await.unwrap());
    }
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| **outcome == Use::Counted)
            .count(),
        5
    );
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| **outcome == Use::LimitReached)
            .count(),
        45
    );
    assert_eq!(times_used(&store, "disc_1").await, 5);
}

/// One customer's limit holds under parallel uses, and is no other's.
async fn a_customers_limit_is_each_customers_own(store: Store) {
    let limited = Discount {
        usage_limit_per_customer: Some(2),
        ..discount("disc_1", "TWO", 0)
    };
    store.insert_discount(&limited).await.unwrap();
    let uses = (0..20).map(|n| {
        let store = store.clone();
        let customer = if n % 2 == 0 { "user_1" } else { "ada@example.org" };
        tokio::spawn(async move {
            store
                .use_discount("disc_1", &format!("order_{n}"), &by(&[customer]))
                .await
                .unwrap()
        })
    });
    let mut counted = 0;
    for outcome in uses.collect::<Vec<_>>() {
        match outcome.await.unwrap() {
            Use::Counted => counted += 1,
            other => assert_eq!(other, Use::CustomerLimitReached),
        }
    }
    assert_eq!((counted, times_used(&store, "disc_1").await), (4, 4));
}

/// A use counts under every name of the customer, and is the customer's under any of them, once.
async fn a_use_counts_under_every_name(store: Store) {
    let twice = Discount {
        usage_limit_per_customer: Some(2),
        ..discount("disc_1", "TWICE", 0)
    };
    store.insert_discount(&twice).await.unwrap();
    let used =
        async |order: &str, names: &[&str]| store.use_discount("disc_1", order, &by(names)).await.unwrap();
    let times = async |names: &[&str]| {
        let found = store
            .discounts_by_code(&[fold("twice")], &by(names))
            .await
            .unwrap();
        found[0].times_used_by_customer
    };
    assert_eq!(used("order_1", &["ada@example.org"]).await, Use::Counted);
    assert_eq!(
        used("order_2", &["user_1", "ada@example.org"]).await,
        Use::Counted
    );
    assert_eq!(times(&["ada@example.org"]).await, 2);
    assert_eq!(times(&["user_1"]).await, 1);
    assert_eq!(times(&["user_1", "ada@example.org"]).await, 2, "each use once");
    assert_eq!(times(&["user_1", "new@example.org"]).await, 1);
    assert_eq!(times(&["user_2", "bob@example.org"]).await, 0);
    let limit = Use::CustomerLimitReached;
    assert_eq!(used("order_3", &["ada@example.org"]).await, limit);
    assert_eq!(used("order_4", &["user_1", "ada@example.org"]).await, limit);
    assert_eq!(used("order_5", &["user_2", "ada@example.org"]).await, limit);
    assert_eq!(
        used("order_6", &["user_1", "new@example.org"]).await,
        Use::Counted
    );
    assert_eq!(used("order_7", &["user_1", "newer@example.org"]).await, limit);
    assert_eq!(used("order_8", &["new@example.org"]).await, Use::Counted);
    store.give_back_discount("disc_1", "order_2").await.unwrap();
    assert_eq!(times(&["user_1", "ada@example.org"]).await, 2);
    assert_eq!(times(&["ada@example.org"]).await, 1);
    assert_eq!(used("order_9", &["ada@example.org"]).await, Use::Counted);
}

/// Of one customer's uses at once under different names, as many count as the limit says.
async fn one_customer_at_once_under_different_names_is_one_customer(store: Store) {
    let once = Discount {
        usage_limit_per_customer: Some(1),
        ..discount("disc_1", "ONCE", 0)
    };
    store.insert_discount(&once).await.unwrap();
    let uses = (0..20).map(|n| {
        let store = store.clone();
        let names = if n % 2 == 0 {
            by(&["user_1", "ada@example.org"])
        } else {
            by(&["ada@example.org"])
        };
        tokio::spawn(async move {
            store
                .use_discount("disc_1", &format!("order_{n}"), &names)
                .await
                .unwrap()
        })
    });
    let outcomes = futures::future::join_all(uses).await;
    let counted = outcomes
        .into_iter()
        .filter(|outcome| *outcome.as_ref().unwrap() == Use::Counted);
    assert_eq!((counted.count(), times_used(&store, "disc_1").await), (1, 1));
}

/// An order counts once, however often that is asked.
async fn an_order_counts_once(store: Store) {
    let limited = Discount {
        usage_limit: Some(1),
        usage_limit_per_customer: Some(1),
        ..discount("disc_1", "ONE", 0)
    };
    store.insert_discount(&limited).await.unwrap();
    for _ in 0..3 {
        assert_eq!(
            store
                .use_discount("disc_1", "order_1", &by(&["user_1"]))
                .await
                .unwrap(),
            Use::Counted
        );
    }
    assert_eq!(times_used(&store, "disc_1").await, 1);
    assert_eq!(
        store
            .use_discount("disc_1", "order_2", &by(&["user_2"]))
            .await
            .unwrap(),
        Use::LimitReached
    );
}

/// One order asked for by many at once counts once, though its limits have room for more.
async fn an_order_counts_once_under_parallel_uses(store: Store) {
    store
        .insert_discount(&discount("disc_1", "MANY", 0))
        .await
        .unwrap();
    let uses = (0..50).map(|n| {
        let store = store.clone();
        let order = format!("order_{}", n % 3);
        tokio::spawn(async move {
            store
                .use_discount("disc_1", &order, &by(&["user_1"]))
                .await
                .unwrap()
        })
    });
    for outcome in futures::future::join_all(uses).await {
        assert_eq!(outcome.unwrap(), Use::Counted);
    }
    assert_eq!(times_used(&store, "disc_1").await, 3);
    let found = store
        .discounts_by_code(&[fold("many")], &by(&["user_1"]))
        .await
        .unwrap();
    assert_eq!(found[0].times_used_by_customer, 3);
}

/// Uses and their taking back at once: what counts in the end is what was counted and not given back, and the limit held
/// all along.
async fn uses_and_their_return_agree(store: Store) {
    let limited = Discount {
        usage_limit: Some(5),
        usage_limit_per_customer: Some(2),
        ..discount("disc_1", "FIVE", 0)
    };
    store.insert_discount(&limited).await.unwrap();
    let orders = (0..30).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let (order, customer) = (format!("order_{n}"), format!("user_{}", n % 4));
            let used = store
                .use_discount("disc_1", &order, &by(&[&customer]))
                .await
                .unwrap();
            assert!(times_used(&store, "disc_1").await <= 5);
            if n % 2 == 0 {
                store.give_back_discount("disc_1", &order).await.unwrap();
                return false;
            }
            used == Use::Counted
        })
    });
    let kept = futures::future::join_all(orders).await;
    let kept = kept.into_iter().filter(|kept| *kept.as_ref().unwrap()).count();
    assert_eq!(times_used(&store, "disc_1").await, i64::try_from(kept).unwrap());
    let mut by_customers = 0;
    for n in 0..4 {
        let customer = format!("user_{n}");
        let found = store
            .discounts_by_code(&[fold("five")], &by(&[&customer]))
            .await
            .unwrap();
        assert!(found[0].times_used_by_customer <= 2);
        by_customers += found[0].times_used_by_customer;
    }
    assert_eq!(by_customers, times_used(&store, "disc_1").await);
}

/// A lowered limit applies to all later uses.
async fn a_lowered_limit_holds_at_once(store: Store) {
    store
        .insert_discount(&discount("disc_1", "MANY", 0))
        .await
        .unwrap();
    let uses = (0..30).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            if n == 10 {
                let lowered = Discount {
                    version: 2,
                    usage_limit: Some(3),
                    ..discount("disc_1", "MANY", 0)
                };
                assert_eq!(store.replace_discount(&lowered).await.unwrap(), Replaced::Done);
                return Some(times_used(&store, "disc_1").await);
            }
            store
                .use_discount("disc_1", &format!("order_{n}"), &by(&["user_1"]))
                .await
                .unwrap();
            None
        })
    });
    let seen = futures::future::join_all(uses).await;
    let seen = seen.into_iter().find_map(Result::unwrap).unwrap();
    assert!(times_used(&store, "disc_1").await <= seen.max(3));
    let late = store
        .use_discount("disc_1", "order_late", &by(&["user_2"]))
        .await
        .unwrap();
    assert_eq!(late == Use::LimitReached, times_used(&store, "disc_1").await >= 3);
}

/// Uses are of one discount, whatever other discounts the order has.
async fn discounts_count_apart(store: Store) {
    for (id, code) in [("disc_1", "ONE"), ("disc_2", "TWO")] {
        let once = Discount {
            usage_limit_per_customer: Some(1),
            ..discount(id, code, 0)
        };
        store.insert_discount(&once).await.unwrap();
        assert_eq!(
            store.use_discount(id, "order_1", &by(&["user_1"])).await.unwrap(),
            Use::Counted
        );
    }
    store.give_back_discount("disc_1", "order_1").await.unwrap();
    assert_eq!(
        (
            times_used(&store, "disc_1").await,
            times_used(&store, "disc_2").await
        ),
        (0, 1)
    );
    assert_eq!(
        store
            .use_discount("disc_2", "order_2", &by(&["user_1"]))
            .await
            .unwrap(),
        Use::CustomerLimitReached
    );
}

/// What is given back can be used by another order, once; a use of the same order that comes late is refused.
async fn a_use_is_given_back_once(store: Store) {
    let limited = Discount {
        usage_limit: Some(1),
        usage_limit_per_customer: Some(1),
        ..discount("disc_1", "ONE", 0)
    };
    store.insert_discount(&limited).await.unwrap();
    store
        .use_discount("disc_1", "order_1", &by(&["user_1"]))
        .await
        .unwrap();
    store.give_back_discount("disc_1", "order_1").await.unwrap();
    store.give_back_discount("disc_1", "order_1").await.unwrap();
    assert_eq!(times_used(&store, "disc_1").await, 0);
    assert_eq!(
        store
            .use_discount("disc_1", "order_1", &by(&["user_1"]))
            .await
            .unwrap(),
        Use::GivenBack
    );
    store.give_back_discount("disc_1", "order_2").await.unwrap();
    assert_eq!(times_used(&store, "disc_1").await, 0, "nothing was used for it");
    assert_eq!(
        store
            .use_discount("disc_1", "order_2", &by(&["user_1"]))
            .await
            .unwrap(),
        Use::GivenBack
    );
    assert_eq!(
        store
            .use_discount("disc_1", "order_3", &by(&["user_1"]))
            .await
            .unwrap(),
        Use::Counted
    );
    assert_eq!(times_used(&store, "disc_1").await, 1);
}

super::on_every_store!(discounts:
    a_limit_holds_under_parallel_uses,
    a_customers_limit_is_each_customers_own,
    a_use_counts_under_every_name,
    one_customer_at_once_under_different_names_is_one_customer,
    an_order_counts_once,
    an_order_counts_once_under_parallel_uses,
    uses_and_their_return_agree,
    a_lowered_limit_holds_at_once,
    discounts_count_apart,
    a_use_is_given_back_once,
);
