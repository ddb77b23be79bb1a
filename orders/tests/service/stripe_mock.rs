//! Every request that the double was sent in the flows is one that Stripe's own mock takes, which checks them against the
//! description of Stripe's interface.

use comptoir_proto::orders::v1::{Order, OrderState};

use crate::support::{
    orders::{action, placed},
    stripe::Shop,
    stripe_double::{Fault, Operation},
    stripe_mock,
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

    let sent = stripe_mock::takes(&mock, &shop.stripe.journal()).await;
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
