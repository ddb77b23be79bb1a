//! Doubles of Stripe: the one of the orders service's tests, and Stripe's own mock, to which its requests are sent.

use std::{collections::BTreeSet, sync::Arc};

use comptoir_e2e::{now, skip};

pub(crate) use self::stripe_double::StripeDouble;

#[path = "../../../orders/tests/service/support/stripe_double/mod.rs"]
#[expect(dead_code, reason = "the orders service's tests use what these do not")]
mod stripe_double;
#[path = "../../../orders/tests/service/support/stripe_mock.rs"]
mod stripe_mock;

/// A Stripe for one test.
pub(crate) async fn stripe() -> StripeDouble {
    StripeDouble::start(Arc::new(|| now().as_secs().cast_signed())).await
}

/// The settings with which a cluster pays there.
pub(crate) fn settings(stripe: &StripeDouble) -> [(&'static str, &str); 4] {
    [
        ("STRIPE_SECRET_KEY", "sk_test_double"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_double"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_double"),
        ("STRIPE_BASE_URL", stripe.url()),
    ]
}

/// Sends the requests that the double received to Stripe's mock, which must accept them; returns the kinds of requests. `None`,
/// with a note on the output of `test`, without a mock.
pub(crate) async fn accepted_by_the_mock(test: &str, stripe: &StripeDouble) -> Option<BTreeSet<String>> {
    let mock = std::env::var("STRIPE_MOCK_URL")
        .ok()
        .filter(|url| !url.is_empty());
    let Some(mock) = mock else {
        skip(
            test,
            "STRIPE_MOCK_URL is not set, so that Stripe's mock sees no request",
        );
        return None;
    };
    Some(stripe_mock::takes(&mock, &stripe.journal()).await)
}
