//! Every request that the double was sent in the flows is one that Stripe's own mock takes, which checks them against the
//! description of Stripe's interface.

use std::collections::BTreeSet;

use comptoir_proto::orders::v1::{Order, OrderState};

use crate::support::{
    orders::{action, placed},
    stripe::Shop,
    stripe_double::{Fault, Operation},
};

#[tokio::test]
async fn every_request_is_well_formed() {
    let name = "stripe_mock::every_request_is_well_formed";
    let Some(mock) = comptoir_mesh::testing::server("STRIPE_MOCK_URL", name) else {
        return;
    };
    let shop = Shop::new().await;
    shop.stripe.search_lags();
    shop.stripe
        .fail(Operation::Create, Fault::StoredFailure { done: false });
    shop.stripe
        .fail(Operation::Refund, Fault::StoredFailure { done: true });
    let cart = shop.cart().await;
    let order = placed(shop.pay(&cart, "pm_card_visa").await);
    let order = Order {
        access_token: order.access_token.clone(),
        ..shop.setup.reaches(&order, OrderState::Confirmed).await
    };
    shop.setup.refund(&order, Some("5.00"), "part").await.unwrap();
    shop.setup.cancel(&order, "cancel").await.unwrap();
    let cart = shop.cart().await;
    let wanted = action(shop.pay(&cart, "pm_card_authenticationRequired").await);
    shop.setup.cancel(&wanted.order.unwrap(), "cancel").await.unwrap();

    shop.stripe.crowd();
    shop.stripe
        .fail(Operation::Create, Fault::StoredFailure { done: false });
    let cart = shop.cart().await;
    placed(shop.pay(&cart, "pm_card_visa").await);

    let client = reqwest::Client::new();
    let mut sent = BTreeSet::new();
    for call in shop.stripe.journal() {
        let url = format!("{}{}?{}", mock.trim_end_matches('/'), call.path, call.query);
        let method = call.method.parse().unwrap();
        let mut request = client
            .request(method, url)
            .bearer_auth("sk_test_double")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(call.body.clone());
        if let Some(key) = &call.key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{call:?}: {status} {text}");
        let last = call.path.rsplit('/').next().unwrap();
        let kind = if last.starts_with("pi_") { "ID" } else { last };
        sent.insert(format!("{} {kind}", call.method));
    }
    let kinds: Vec<_> = sent.iter().map(String::as_str).collect();
    assert_eq!(
        kinds,
        [
            "GET ID",
            "GET payment_intents",
            "GET refunds",
            "GET search",
            "POST cancel",
            "POST capture",
            "POST confirm",
            "POST payment_intents",
            "POST refunds"
        ]
    );
}
