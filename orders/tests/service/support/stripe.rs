//! A shop that is paid by Stripe's double.

use std::sync::Arc;

use comptoir_mesh::{clock::Clock as _, config::Secret};
use comptoir_proto::orders::v1::{Cart, CompleteCartRequest, Order, complete_cart_response::Outcome};
use comptoir_shop::DEFAULT;

use super::{Setup, orders::request, stripe_double::StripeDouble};

/// What the double signs with.
pub(crate) const SECRET: &str = "whsec_double";
/// The buyer's way back.
pub(crate) const BACK: &str = "https://shop.example/back";

/// The service, and Stripe.
pub(crate) struct Shop {
    pub setup: Setup,
    pub stripe: StripeDouble,
    pub cup: String,
}

impl Shop {
    /// A shop whose settings name the double.
    pub(crate) async fn new() -> Self {
        // The double tells the time as the service does, once that is there.
        let clock: Arc<std::sync::OnceLock<_>> = Arc::default();
        let seconds = {
            let clock: Arc<std::sync::OnceLock<Arc<comptoir_mesh::clock::TestClock>>> = clock.clone();
            Arc::new(move || clock.get().map_or(0, |clock| clock.now().as_second()))
        };
        let stripe = StripeDouble::start(seconds).await;
        let setup = Setup::with(DEFAULT, |config| {
            config.stripe.stripe_secret_key = Some(Secret::new("sk_test_double"));
            config.stripe.stripe_webhook_secret = Some(Secret::new(&format!("whsec_old, {SECRET}")));
            config.stripe.stripe_base_url = stripe.url().parse().unwrap();
        })
        .await;
        clock.set(setup.test.clock.clone()).ok();
        let cup = setup.catalog.add(2_000, 50);
        Self { setup, stripe, cup }
    }

    /// A cart with a cup.
    pub(crate) async fn cart(&self) -> Cart {
        self.setup.ready_cart(&[(&self.cup, 1)]).await
    }

    /// Orders the cart by Stripe.
    pub(crate) async fn pay(&self, cart: &Cart, token: &str) -> Outcome {
        self.setup.try_complete(by_stripe(cart, token)).await.unwrap()
    }

    /// The one intent's id.
    pub(crate) fn intent(&self, order: &Order) -> String {
        let intents = self.stripe.intents(&order.id);
        assert_eq!(intents.len(), 1, "{intents:?}");
        intents[0]["id"].as_str().unwrap().to_owned()
    }

    /// Where that stands at Stripe.
    pub(crate) fn status(&self, order: &Order) -> String {
        let intents = self.stripe.intents(&order.id);
        intents.last().unwrap()["status"].as_str().unwrap().to_owned()
    }
}

/// What is asked of CompleteCart.
pub(crate) fn by_stripe(cart: &Cart, token: &str) -> CompleteCartRequest {
    CompleteCartRequest {
        provider: "stripe".to_owned(),
        return_url: Some(BACK.to_owned()),
        ..request(cart, "key", token)
    }
}

/// What the order comes to.
pub(crate) fn total(order: &Order) -> i64 {
    order.cost.as_ref().unwrap().total.as_ref().unwrap().minor_units
}
