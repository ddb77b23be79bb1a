//! Buyers who do not give up: each step is retried until its outcome is known, a checkout with one key; and their results.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use comptoir_e2e::Calls;
use comptoir_mesh::error::{ErrorReason, Reason as _};
use futures::StreamExt as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

/// How long a buyer retries one step.
const PATIENCE: Duration = Duration::from_secs(150);
const PAUSE: Duration = Duration::from_millis(100);
/// Buyers at the same time.
const SIDE_BY_SIDE: usize = 16;

/// What is bought, and how fast.
pub(crate) struct Load<'a> {
    pub(crate) calls: &'a Calls,
    /// The product with enough units.
    pub(crate) plenty: &'a str,
    /// The product that a fifth of the buyers want, with too few units.
    pub(crate) rare: &'a str,
    /// In the buyers' addresses.
    pub(crate) name: &'a str,
    /// The time between two buyers.
    pub(crate) pace: Duration,
    /// Checkouts at least.
    pub(crate) count: usize,
    /// How many ended.
    pub(crate) done: &'a AtomicUsize,
    /// From then on no more than `count` are begun.
    pub(crate) healed: &'a AtomicBool,
}

/// A checkout and its result.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    pub(crate) cart: String,
    pub(crate) email: String,
    pub(crate) rare: bool,
    /// The first definite answer.
    pub(crate) outcome: Outcome,
    /// Attempts whose outcome was unknown.
    pub(crate) unknown: usize,
}

/// A definite answer to a buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The order's id and total.
    Ordered(String, i64),
    /// The code.
    Refused(String),
}

/// Buys until there are enough checkouts and the fault is over; returns all of them.
pub(crate) async fn buy(load: &Load<'_>) -> Vec<Checkout> {
    let begin = Instant::now();
    let numbers = (0..).take_while(|n| *n < load.count || !load.healed.load(Ordering::Relaxed));
    futures::stream::iter(numbers)
        .map(async |n| {
            sleep_until(begin + load.pace * n.try_into().unwrap()).await;
            let checkout = checkout(load, n).await;
            load.done.fetch_add(1, Ordering::Relaxed);
            checkout
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await
}

async fn checkout(load: &Load<'_>, n: usize) -> Checkout {
    let rare = n.is_multiple_of(5);
    let line = match rare {
        true => json!({ "variantId": load.rare, "quantity": 1 }),
        false => json!({ "variantId": load.plenty, "quantity": n % 3 + 1 }),
    };
    let email = format!("{}-{n}@buyer.example", load.name);
    let query = "mutation($input: CartCreateInput) { cartCreate(input: $input) {
        cart { id } userErrors { code message } } }";
    let input = json!({ "input": { "lines": [line], "email": email } });
    let data = insist(load.calls, query, &input, "cartCreate").await;
    let cart = data["cart"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{data}"))
        .to_owned();
    let query = "mutation($cart: ID!, $address: AddressInput!) {
        cartDeliveryAddressUpdate(cartId: $cart, address: $address) { userErrors { code message } } }";
    let address = json!({
        "firstName": "Ada", "lastName": "Lovelace", "line1": "1 rue de la Paix", "city": "Paris",
        "postalCode": "75002", "countryCode": "FR"
    });
    let variables = json!({ "cart": cart, "address": address });
    insist(load.calls, query, &variables, "cartDeliveryAddressUpdate").await;
    let query = "mutation($cart: ID!) {
        cartDeliveryOptionSelect(cartId: $cart, deliveryOptionId: \"standard\") { userErrors { code message } } }";
    insist(
        load.calls,
        query,
        &json!({ "cart": cart }),
        "cartDeliveryOptionSelect",
    )
    .await;
    let (outcome, unknown) = complete(load.calls, &cart).await;
    Checkout {
        cart,
        email,
        rare,
        outcome,
        unknown,
    }
}

/// Completes the cart, and retries with the same key until the outcome is known.
pub(crate) async fn complete(calls: &Calls, cart: &str) -> (Outcome, usize) {
    let query = "mutation($cart: ID!, $key: String!) {
        cartComplete(cartId: $cart, payment: { provider: \"stripe\", token: \"pm_card_visa\" }, idempotencyKey: $key) {
            ... on CartCompleteSuccess { order { id cost { total { fractionalAmount } } } }
            ... on CartCompleteAlreadyAccepted { order { id cost { total { fractionalAmount } } } }
            ... on CartCompleteFailed { userErrors { code message } } } }";
    let variables = json!({ "cart": cart, "key": format!("key-{cart}") });
    let end = Instant::now() + PATIENCE;
    let mut unknown = 0;
    loop {
        if let Some(result) = ask(calls, query, &variables, "cartComplete").await {
            if let Some(id) = result["order"]["id"].as_str() {
                let total = &result["order"]["cost"]["total"]["fractionalAmount"];
                let total = total.as_i64().unwrap_or_else(|| panic!("{result}"));
                return (Outcome::Ordered(id.to_owned(), total), unknown);
            }
            let code = result["userErrors"][0]["code"].as_str();
            let code = code.unwrap_or_else(|| panic!("{result}"));
            if !passes(code) {
                return (Outcome::Refused(code.to_owned()), unknown);
            }
        }
        unknown += 1;
        assert!(
            Instant::now() < end,
            "the checkout of {cart} is not known after {PATIENCE:?}"
        );
        sleep(PAUSE).await;
    }
}

/// Retries a call until it succeeds. A refusal is a defect.
async fn insist(calls: &Calls, query: &str, variables: &Value, field: &str) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(result) = ask(calls, query, variables, field).await {
            let refusals = result["userErrors"].as_array();
            let refusals: Vec<_> = refusals.into_iter().flatten().collect();
            if refusals.is_empty() {
                return result;
            }
            let passing = refusals
                .iter()
                .all(|refusal| refusal["code"].as_str().is_some_and(passes));
            assert!(passing, "{field}: {result}");
        }
        assert!(Instant::now() < end, "{field} was not done within {PATIENCE:?}");
        sleep(PAUSE).await;
    }
}

/// The field of the response; `None` without a response, or when it asks to retry. Anything else is a defect.
async fn ask(calls: &Calls, query: &str, variables: &Value, field: &str) -> Option<Value> {
    let (status, mut body) = calls.post_graphql(None, query, variables.clone()).await.ok()?;
    if let Some(code) = body["errors"][0]["extensions"]["code"].as_str() {
        assert!(passes(code), "{field}: {status} {body}");
        return None;
    }
    assert_eq!(status, StatusCode::OK, "{field}: {body}");
    Some(body["data"][field].take())
}

/// Whether a client should retry after this code.
fn passes(code: &str) -> bool {
    let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{code}"));
    let reason = reason.unwrap_or_else(|| panic!("{code} is no code"));
    matches!(reason.http_status(), 502..=504) || reason == ErrorReason::IdempotencyInProgress
}
