//! Webhooks of payment providers that are refused.

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    answer::Answer,
    case::{Case, Provoked, case},
    world::World,
};

pub(crate) const CASES: &[Case] = &[
    case!(WebhookStale, 401, webhook_stale),
    case!(EventConflict, 409, event_conflict),
];

/// The secret that the shop and Stripe share.
pub(crate) const SECRET: &str = "whsec_test";

/// Reports an event, signed at this time.
async fn report(world: &World, at: i64, event: &Value) -> Answer {
    let body = event.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    let digest = mac.finalize().into_bytes();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let request = world
        .rest(Method::POST, "/webhooks/stripe", None)
        .header("stripe-signature", format!("t={at},v1={digest}"));
    Answer::of(request.body(body)).await
}

fn event(id: &str, object: &str) -> Value {
    json!({ "id": id, "type": "customer.created", "created": 1, "data": { "object": { "id": object } } })
}

/// Seconds since 1970.
fn now() -> i64 {
    comptoir_e2e::now().as_secs().cast_signed()
}

async fn webhook_stale(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let mut refusals = Vec::new();
    for off in [-310, 310, -1_000_000] {
        let answer = report(world, now() + off, &event("evt_stale", "a")).await;
        refusals.push(answer.problem());
    }
    Provoked::without_effect(watch, refusals)
}

async fn event_conflict(world: &World) -> Provoked {
    // Accepted, and accepted again.
    for _ in 0..2 {
        assert_eq!(report(world, now(), &event("evt_1", "a")).await.status, 200);
    }
    let watch = world.watch(&[]).await;
    let refusal = report(world, now(), &event("evt_1", "b")).await.problem();
    assert_eq!(report(world, now(), &event("evt_1", "a")).await.status, 200);
    Provoked::without_effect(watch, vec![refusal])
}
