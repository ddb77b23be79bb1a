//! What [`DiscountStore`] promises.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    domain::{
        discount::{Counted, Discount, Kind, Use, fold},
        pricing::Rate,
    },
    store::{DiscountPage, DiscountStore, Replaced},
};

pub(super) type Store = Arc<dyn DiscountStore>;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// The names of one customer.
pub(super) fn by(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(super) fn discount(id: &str, code: &str, created: i64) -> Discount {
    Discount {
        id: id.to_owned(),
        version: 1,
        code: code.to_owned(),
        kind: Kind::Percent(Rate::from_percent("12.5").unwrap()),
        currency: "EUR".to_owned(),
        starts_at: Some(at(0)),
        ends_at: None,
        usage_limit: None,
        usage_limit_per_customer: None,
        minimum_subtotal: Some(1000),
        created_at: at(created),
        updated_at: at(created),
    }
}

/// What was added is read back whole, by id and by code without regard to case.
async fn a_discount_is_found_by_id_and_code(store: Store) {
    let summer = discount("disc_1", "Été2026", 0);
    assert!(store.insert_discount(&summer).await.unwrap());
    let counted = Counted {
        discount: summer.clone(),
        times_used: 0,
    };
    assert_eq!(store.discount("disc_1").await.unwrap(), Some(counted));
    assert_eq!(store.discount("disc_2").await.unwrap(), None);
    store
        .use_discount("disc_1", "order_1", &by(&["user_1"]))
        .await
        .unwrap();
    store
        .use_discount("disc_1", "order_2", &by(&["user_2"]))
        .await
        .unwrap();
    let codes = [fold("éTÉ2026"), fold("other")];
    let found = store.discounts_by_code(&codes, &by(&["user_1"])).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (
            &found[0].discount,
            found[0].times_used,
            found[0].times_used_by_customer
        ),
        (&summer, 2, 1)
    );
    let found = store.discounts_by_code(&codes, &[]).await.unwrap();
    assert_eq!(found[0].times_used_by_customer, 0);
}

/// A code is one discount's, whatever its case, also after a change.
async fn a_code_is_unique_without_regard_to_case(store: Store) {
    assert!(
        store
            .insert_discount(&discount("disc_1", "SUMMER", 0))
            .await
            .unwrap()
    );
    assert!(
        !store
            .insert_discount(&discount("disc_2", "summer", 0))
            .await
            .unwrap()
    );
    assert!(
        store
            .insert_discount(&discount("disc_2", "winter", 0))
            .await
            .unwrap()
    );
    let changed = |id, code| Discount {
        version: 2,
        ..discount(id, code, 0)
    };
    assert_eq!(
        store
            .replace_discount(&changed("disc_2", "Summer"))
            .await
            .unwrap(),
        Replaced::CodeTaken
    );
    assert_eq!(
        store
            .replace_discount(&changed("disc_1", "Summer"))
            .await
            .unwrap(),
        Replaced::Done
    );
    store.delete_discount("disc_1").await.unwrap();
    assert!(
        store
            .insert_discount(&discount("disc_3", "SUMMER", 0))
            .await
            .unwrap(),
        "free once it is gone"
    );
}

/// A change is of the version it was made on, and leaves the uses alone.
async fn a_change_keeps_the_uses(store: Store) {
    store
        .insert_discount(&discount("disc_1", "SUMMER", 0))
        .await
        .unwrap();
    store
        .use_discount("disc_1", "order_1", &by(&["user_1"]))
        .await
        .unwrap();
    let changed = Discount {
        version: 2,
        usage_limit: Some(1),
        ..discount("disc_1", "AUTUMN", 0)
    };
    assert_eq!(store.replace_discount(&changed).await.unwrap(), Replaced::Done);
    assert_eq!(store.replace_discount(&changed).await.unwrap(), Replaced::Stale);
    let absent = Discount {
        version: 2,
        ..discount("disc_2", "X", 0)
    };
    assert_eq!(store.replace_discount(&absent).await.unwrap(), Replaced::Stale);
    assert_eq!(
        store.discount("disc_1").await.unwrap(),
        Some(Counted {
            discount: changed,
            times_used: 1
        })
    );
    assert_eq!(
        store
            .use_discount("disc_1", "order_2", &by(&["user_2"]))
            .await
            .unwrap(),
        Use::LimitReached
    );
    assert_eq!(
        store
            .use_discount("disc_1", "order_1", &by(&["user_1"]))
            .await
            .unwrap(),
        Use::Counted
    );
}

/// A removed discount is given as it was, and is gone with its uses.
async fn a_removed_discount_is_gone(store: Store) {
    store
        .insert_discount(&discount("disc_1", "SUMMER", 0))
        .await
        .unwrap();
    store
        .use_discount("disc_1", "order_1", &by(&["user_1"]))
        .await
        .unwrap();
    let was = store.delete_discount("disc_1").await.unwrap().unwrap();
    assert_eq!((was.discount.code.as_str(), was.times_used), ("SUMMER", 1));
    assert_eq!(store.delete_discount("disc_1").await.unwrap(), None);
    assert_eq!(
        store
            .use_discount("disc_1", "order_2", &by(&["user_1"]))
            .await
            .unwrap(),
        Use::Missing
    );
    store.give_back_discount("disc_1", "order_1").await.unwrap();
}

/// A list is newest first, goes on behind a place, and is narrowed by a part of the code taken literally.
async fn a_list_goes_on_where_it_was_left(store: Store) {
    for n in 0..5 {
        // Two share a moment: the id decides.
        let added = discount(&format!("disc_{n}"), &format!("CODE{n}%_"), n / 2);
        store.insert_discount(&added).await.unwrap();
    }
    let list = async |query: &str, after, limit| {
        let page = DiscountPage {
            query: fold(query),
            after,
            limit,
        };
        let (found, total) = store.discounts(&page).await.unwrap();
        (
            found
                .into_iter()
                .map(|found| found.discount.id)
                .collect::<Vec<_>>(),
            total,
        )
    };
    let all = (
        ["disc_4", "disc_3", "disc_2", "disc_1", "disc_0"]
            .map(str::to_owned)
            .to_vec(),
        5,
    );
    assert_eq!(list("", None, 10).await, all);
    let behind = Some((at(1), "disc_3".to_owned()));
    assert_eq!(
        list("", behind, 2).await,
        (vec!["disc_2".to_owned(), "disc_1".to_owned()], 5)
    );
    assert_eq!(list("de3", None, 10).await, (vec!["disc_3".to_owned()], 1));
    assert_eq!(list("%_", None, 1).await, (vec!["disc_4".to_owned()], 5));
    assert_eq!(list("_%", None, 10).await, (vec![], 0));
    for nothing in [
        ".",
        "CODE.",
        ".*",
        "(",
        "[",
        "\\",
        "$",
        "^CODE",
        "CODE0|CODE1",
        "\0",
    ] {
        assert_eq!(list(nothing, None, 10).await, (vec![], 0), "{nothing:?}");
    }
}

super::on_every_store!(discounts:
    a_discount_is_found_by_id_and_code,
    a_code_is_unique_without_regard_to_case,
    a_change_keeps_the_uses,
    a_removed_discount_is_gone,
    a_list_goes_on_where_it_was_left,
);
