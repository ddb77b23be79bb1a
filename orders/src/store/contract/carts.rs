//! What [`CartStore`] promises.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::cart::{Cart, Claim, Claimed, Line, Seen},
    store::CartStore,
};

type Store = Arc<dyn CartStore>;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn cart(id: &str, customer_id: Option<&str>, created: i64) -> Cart {
    Cart {
        id: id.to_owned(),
        version: 1,
        customer_id: customer_id.map(str::to_owned),
        locale: "fr".to_owned(),
        currency: "EUR".to_owned(),
        lines: vec![Line {
            id: "line_1".to_owned(),
            variant_id: "var_1".to_owned(),
            quantity: 2,
            seen: Seen {
                unit_price: 4990,
                product_title: "Tasse “Zoë”".to_owned(),
                ..Seen::default()
            },
        }],
        email: Some("ada@example.org".to_owned()),
        phone: None,
        delivery_address: None,
        billing_address: None,
        delivery_option_id: None,
        discount_codes: vec!["SUMMER".to_owned()],
        claim: None,
        order_id: None,
        used_keys: Vec::new(),
        merged_into: None,
        merged_from: Vec::new(),
        created_at: at(created),
        updated_at: at(created),
    }
}

fn claim(key: &str, order_id: &str, second: i64) -> Claim {
    Claim {
        key: key.to_owned(),
        fingerprint: format!("fingerprint of {key}"),
        order_id: order_id.to_owned(),
        owner: "cart_1".to_owned(),
        at: at(second),
    }
}

async fn read(store: &Store, id: &str) -> Cart {
    store.cart(id).await.unwrap().unwrap()
}

/// What was added is read back whole, and what was not is absent.
async fn a_cart_is_read_as_it_was_added(store: Store) {
    let added = cart("cart_1", Some("user_1"), 0);
    store.insert_cart(&added).await.unwrap();
    assert_eq!(read(&store, "cart_1").await, added);
    assert_eq!(store.cart("cart_2").await.unwrap(), None);
}

/// Of writers that read the same version one wins, and the others hear that they did not.
async fn no_update_is_lost(store: Store) {
    store.insert_cart(&cart("cart_1", None, 0)).await.unwrap();
    let writers = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                let mut cart = read(&store, "cart_1").await;
                cart.lines[0].quantity += 1;
                cart.touch(at(1));
                if store.replace_cart(&cart).await.unwrap() {
                    break;
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let cart = read(&store, "cart_1").await;
    assert_eq!((cart.lines[0].quantity, cart.version), (22, 21));
    let absent = Cart {
        version: 2,
        ..self::cart("cart_2", None, 0)
    };
    assert!(
        !store.replace_cart(&absent).await.unwrap(),
        "what is not there is not replaced"
    );
}

/// A cart is claimed once, however many try; afterwards a change based on what was read before fails.
async fn a_claim_is_written_once(store: Store) {
    store.insert_cart(&cart("cart_1", None, 0)).await.unwrap();
    let mut before = read(&store, "cart_1").await;
    let tries = (0..50).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .claim_cart("cart_1", &claim(&format!("key {n}"), &format!("order_{n}"), 1))
                .await
                .unwrap()
        })
    });
    let (mut now, mut held) = (Vec::new(), Vec::new());
    for outcome in tries.collect::<Vec<_>>() {
        match outcome.await.unwrap() {
            Claimed::Now(cart) => now.push(cart),
            Claimed::Held(cart) => held.push(cart),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((now.len(), held.len()), (1, 49));
    assert!(
        held.iter().all(|cart| *cart == now[0]),
        "the others see the claim that stands"
    );
    assert_eq!(read(&store, "cart_1").await, now[0]);
    before.touch(at(2));
    assert!(
        !store.replace_cart(&before).await.unwrap(),
        "a change of the cart as it was before the claim"
    );
    assert_eq!(
        store
            .claim_cart("cart_2", &claim("k", "order_1", 1))
            .await
            .unwrap(),
        Claimed::Missing
    );
}

/// However many note what became of a claim, one of them does; a claim that was released meanwhile is not placed.
async fn a_claim_ends_once(store: Store) {
    store.insert_cart(&cart("cart_1", None, 0)).await.unwrap();
    store
        .claim_cart("cart_1", &claim("key", "order_1", 1))
        .await
        .unwrap();
    let ends = (0..50).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            if n % 2 == 0 {
                store
                    .release_claim("cart_1", "order_1", true, at(2))
                    .await
                    .unwrap()
            } else {
                store.mark_ordered("cart_1", "order_1", at(2)).await.unwrap()
            }
        })
    });
    let ended = futures::future::join_all(ends).await;
    assert_eq!(
        ended.into_iter().filter(|ended| *ended.as_ref().unwrap()).count(),
        1
    );
    let cart = read(&store, "cart_1").await;
    assert_eq!(cart.version, 3, "claimed, and ended");
    assert_eq!(cart.is_open(), cart.order_id.is_none());
}

/// A released cart is open again; a key that was used up is not taken again, one that was not is.
async fn a_released_claim_keeps_its_key_if_used(store: Store) {
    store.insert_cart(&cart("cart_1", None, 0)).await.unwrap();
    store
        .claim_cart("cart_1", &claim("first", "order_1", 1))
        .await
        .unwrap();
    assert!(
        !store
            .release_claim("cart_1", "order_2", true, at(2))
            .await
            .unwrap(),
        "another order's"
    );
    assert!(
        store
            .release_claim("cart_1", "order_1", true, at(2))
            .await
            .unwrap()
    );
    assert!(
        !store
            .release_claim("cart_1", "order_1", true, at(2))
            .await
            .unwrap(),
        "repeated"
    );
    assert!(read(&store, "cart_1").await.is_open());
    match store
        .claim_cart("cart_1", &claim("first", "order_1", 3))
        .await
        .unwrap()
    {
        Claimed::KeyUsed(_, used) => {
            assert_eq!(
                (used.order_id.as_str(), used.fingerprint.as_str()),
                ("order_1", "fingerprint of first")
            );
        }
        other => panic!("{other:?}"),
    }
    let second = claim("second", "order_2", 3);
    assert!(matches!(
        store.claim_cart("cart_1", &second).await.unwrap(),
        Claimed::Now(_)
    ));
    assert!(
        store
            .release_claim("cart_1", "order_2", false, at(4))
            .await
            .unwrap()
    );
    assert!(
        matches!(
            store.claim_cart("cart_1", &second).await.unwrap(),
            Claimed::Now(_)
        ),
        "as if never claimed"
    );
}

/// An order is placed for good: neither released nor claimed again, also with a key that was used up before.
async fn an_ordered_cart_stays_ordered(store: Store) {
    store.insert_cart(&cart("cart_1", None, 0)).await.unwrap();
    assert!(
        !store.mark_ordered("cart_1", "order_1", at(1)).await.unwrap(),
        "without a claim"
    );
    store
        .claim_cart("cart_1", &claim("refused", "order_0", 1))
        .await
        .unwrap();
    store
        .release_claim("cart_1", "order_0", true, at(1))
        .await
        .unwrap();
    store
        .claim_cart("cart_1", &claim("key", "order_1", 1))
        .await
        .unwrap();
    assert!(store.mark_ordered("cart_1", "order_1", at(2)).await.unwrap());
    assert!(
        !store.mark_ordered("cart_1", "order_1", at(2)).await.unwrap(),
        "repeated"
    );
    assert!(
        !store
            .release_claim("cart_1", "order_1", true, at(3))
            .await
            .unwrap()
    );
    for key in ["key", "refused", "another"] {
        match store
            .claim_cart("cart_1", &claim(key, "order_2", 3))
            .await
            .unwrap()
        {
            Claimed::Held(cart) => assert_eq!(cart.current_order_id(), Some("order_1")),
            other => panic!("{key}: {other:?}"),
        }
    }
    assert_eq!(store.claimed_carts(at(100), 10).await.unwrap(), []);
}

/// A guest's cart that went into another is not claimed.
async fn a_merged_cart_is_not_claimed(store: Store) {
    let merged = Cart {
        merged_into: Some("cart_2".to_owned()),
        ..cart("cart_1", Some("user_1"), 0)
    };
    store.insert_cart(&merged).await.unwrap();
    let outcome = store
        .claim_cart("cart_1", &claim("key", "order_1", 1))
        .await
        .unwrap();
    assert_eq!(outcome, Claimed::Merged(merged));
}

/// The active cart is the newest open one; nothing that is being ordered, was placed or merged is.
async fn the_active_cart_is_the_newest_open_one(store: Store) {
    assert_eq!(store.active_cart("user_1").await.unwrap(), None);
    for (id, customer, created) in [
        ("cart_1", Some("user_1"), 10),
        ("cart_2", Some("user_1"), 20),
        ("cart_3", Some("user_1"), 30),
        ("cart_4", Some("user_2"), 40),
        ("cart_5", None, 50),
    ] {
        store.insert_cart(&cart(id, customer, created)).await.unwrap();
    }
    let active = async || store.active_cart("user_1").await.unwrap().map(|cart| cart.id);
    assert_eq!(active().await.as_deref(), Some("cart_3"));
    store
        .claim_cart("cart_3", &claim("k", "order_3", 60))
        .await
        .unwrap();
    assert_eq!(
        active().await.as_deref(),
        Some("cart_2"),
        "the newest that is not being ordered"
    );
    let mut merged = read(&store, "cart_2").await;
    merged.merged_into = Some("cart_1".to_owned());
    merged.touch(at(61));
    assert!(store.replace_cart(&merged).await.unwrap());
    assert_eq!(active().await.as_deref(), Some("cart_1"));
    store
        .claim_cart("cart_1", &claim("k", "order_1", 62))
        .await
        .unwrap();
    store.mark_ordered("cart_1", "order_1", at(63)).await.unwrap();
    assert_eq!(active().await, None);
    store
        .release_claim("cart_3", "order_3", true, at(63))
        .await
        .unwrap();
    assert_eq!(
        active().await.as_deref(),
        Some("cart_3"),
        "released, and open again"
    );
    store
        .claim_cart("cart_3", &claim("another", "order_4", 64))
        .await
        .unwrap();
    let mut taken = read(&store, "cart_5").await;
    taken.customer_id = Some("user_1".to_owned());
    taken.touch(at(64));
    assert!(store.replace_cart(&taken).await.unwrap());
    assert_eq!(
        active().await.as_deref(),
        Some("cart_5"),
        "a guest's that was taken over"
    );
}

/// Claims that stand since before a moment are found, oldest first, at most as many as asked for.
async fn standing_claims_are_found_by_age(store: Store) {
    for n in 1..=4 {
        let id = format!("cart_{n}");
        store.insert_cart(&cart(&id, None, 0)).await.unwrap();
        store
            .claim_cart(&id, &claim("k", &format!("order_{n}"), 50 - n))
            .await
            .unwrap();
    }
    store
        .release_claim("cart_2", "order_2", false, at(60))
        .await
        .unwrap();
    let found = async |before, limit| {
        let carts = store.claimed_carts(before, limit).await.unwrap();
        carts.into_iter().map(|cart| cart.id).collect::<Vec<_>>()
    };
    let cut = at(49);
    assert_eq!(found(cut, 10).await, ["cart_4", "cart_3"], "before, not at");
    assert_eq!(
        found(cut + SignedDuration::from_micros(1), 10).await,
        ["cart_4", "cart_3", "cart_1"]
    );
    assert_eq!(found(at(60), 1).await, ["cart_4"]);
}

super::on_every_store!(carts:
    a_cart_is_read_as_it_was_added,
    no_update_is_lost,
    a_claim_is_written_once,
    a_claim_ends_once,
    a_released_claim_keeps_its_key_if_used,
    an_ordered_cart_stays_ordered,
    a_merged_cart_is_not_claimed,
    the_active_cart_is_the_newest_open_one,
    standing_claims_are_found_by_age,
);
