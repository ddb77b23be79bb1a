//! Many at once, over sockets, on a folder on disk: charges are counted in the sandbox's journal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comptoir_e2e::{
    Buyer, Shop,
    buyer::{authorisations, charges},
    rounds,
    shop::eventually,
};
use futures::future::join_all;
use serde_json::json;

const WAIT: Duration = Duration::from_secs(10);

async fn confirmed(shop: &Shop, buyer: &Buyer<'_>, order: &str) {
    eventually("the order is captured", WAIT, || async {
        (buyer.order().await["state"] == "CONFIRMED").then_some(())
    })
    .await;
    let payments = shop.payments(Some(order)).await;
    assert_eq!(
        (authorisations(&payments), charges(&payments)),
        (1, 1),
        "{payments:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_with_one_key_make_one_order_and_one_charge() {
    let shop = Shop::start().await;
    let admin = shop.admin().await;
    let variant = shop.add_product(&admin, "Lamp", "49.90", 1_000_000).await;
    for round in 0..rounds() {
        let buyer = Buyer::with_cart(&shop, &format!("one-key-{round}"), &[(&variant, 1)]).await;
        let answers = join_all((0..200).map(|_| buyer.complete("tok_visa", "the-key"))).await;
        let orders: BTreeSet<&str> = answers
            .iter()
            .map(|answer| answer.order.as_str())
            .filter(|order| !order.is_empty())
            .collect();
        assert_eq!(orders.len(), 1, "round {round}: {orders:?}");
        for answer in &answers {
            assert!(
                !answer.order.is_empty() || answer.code == "IDEMPOTENCY_IN_PROGRESS",
                "{answer:?}"
            );
        }
        let order = orders.into_iter().next().unwrap();
        confirmed(&shop, &buyer, order).await;
        assert_eq!(
            buyer.complete("tok_visa", "the-key").await.kind,
            "CartCompleteAlreadyAccepted"
        );
    }
    let (on_hand, reserved) = shop.stock(&admin, &variant).await;
    assert_eq!(
        (on_hand, reserved),
        (1_000_000 - i64::try_from(rounds()).unwrap(), 0)
    );
    assert_eq!(shop.ledger(&admin, &variant).await, on_hand);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_keys_on_one_cart_make_one_order() {
    let shop = Shop::start().await;
    let admin = shop.admin().await;
    let variant = shop.add_product(&admin, "Lamp", "49.90", 1_000_000).await;
    for round in 0..rounds() {
        let buyer = Buyer::with_cart(&shop, &format!("keys-{round}"), &[(&variant, 1)]).await;
        let keys: Vec<String> = (0..20).map(|n| format!("key-{n}")).collect();
        let answers = join_all(keys.iter().map(|key| buyer.complete("tok_visa", key))).await;
        let placed: Vec<_> = answers.iter().filter(|answer| !answer.order.is_empty()).collect();
        assert_eq!(placed.len(), 1, "round {round}: {placed:#?}");
        for answer in answers.iter().filter(|answer| answer.order.is_empty()) {
            assert_eq!(answer.code, "CART_ALREADY_ORDERED", "{answer:?}");
        }
        confirmed(&shop, &buyer, &placed[0].order).await;
    }
    assert_eq!(charges(&shop.payments(None).await), rounds());
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_buyers_of_the_last_ten_units_get_ten() {
    let shop = Shop::start().await;
    let admin = shop.admin().await;
    for round in 0..rounds() {
        let variant = shop
            .add_product(&admin, &format!("Rare {round}"), "99.00", 10)
            .await;
        let names: Vec<String> = (0..64).map(|n| format!("rare-{round}-{n}")).collect();
        let lines = [(variant.as_str(), 1)];
        let buyers = join_all(names.iter().map(|name| Buyer::with_cart(&shop, name, &lines))).await;
        let answers = join_all(buyers.iter().map(|buyer| buyer.complete("tok_visa", "k"))).await;
        let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
        for answer in &answers {
            *outcomes
                .entry(if answer.order.is_empty() {
                    &answer.code
                } else {
                    &answer.kind
                })
                .or_default() += 1;
        }
        assert_eq!(
            outcomes,
            BTreeMap::from([("CartCompleteSuccess", 10), ("INSUFFICIENT_STOCK", 54)]),
            "round {round}"
        );
        assert_eq!(shop.stock(&admin, &variant).await, (0, 0), "round {round}");
        assert_eq!(shop.ledger(&admin, &variant).await, 0, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discount_of_five_uses_is_used_five_times_by_fifty() {
    let shop = Shop::start().await;
    let admin = shop.admin().await;
    let variant = shop.add_product(&admin, "Lamp", "50.00", 1_000_000).await;
    for round in 0..rounds() {
        let code = format!("FIVE{round}");
        let query = "mutation($input: DiscountInput!) { discountCreate(input: $input) {
            discount { id } userErrors { code field message } } }";
        let input = json!({ "code": code, "kind": "PERCENT", "value": "10", "usageLimit": 5 });
        let data = shop.graphql(Some(&admin), query, json!({ "input": input })).await;
        assert_eq!(data["discountCreate"]["userErrors"], json!([]), "{data}");
        let names: Vec<String> = (0..50).map(|n| format!("five-{round}-{n}")).collect();
        let lines = [(variant.as_str(), 1)];
        let buyers = join_all(names.iter().map(async |name| {
            Buyer::with_cart(&shop, name, &lines)
                .await
                .with_discount(&code)
                .await
        }))
        .await;
        let answers = join_all(buyers.iter().map(|buyer| buyer.complete("tok_visa", "k"))).await;
        let placed: Vec<_> = answers.iter().filter(|answer| !answer.order.is_empty()).collect();
        assert_eq!(placed.len(), 5, "round {round}");
        for answer in &placed {
            // 50.00 less 10 %, and 4.90 for delivery.
            assert_eq!(
                answer.body["data"]["cartComplete"]["order"]["cost"]["total"]["amount"], "49.90",
                "{answer:?}"
            );
        }
        for answer in answers.iter().filter(|answer| answer.order.is_empty()) {
            assert_eq!(answer.code, "DISCOUNT_CODE_LIMIT_REACHED", "{answer:?}");
        }
        let query = "query($code: String) { adminDiscounts(query: $code) { nodes { code timesUsed } } }";
        let data = shop.graphql(Some(&admin), query, json!({ "code": code })).await;
        assert_eq!(
            data["adminDiscounts"]["nodes"],
            json!([{ "code": code, "timesUsed": 5 }])
        );
    }
}
