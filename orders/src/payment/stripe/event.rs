//! What matters here of Stripe's events.

use std::collections::BTreeMap;

use comptoir_mesh::{Error, ErrorReason};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    NAME,
    amount::to_stripe,
    intent::{Intent, ORDER, REFUND, Refund},
};
use crate::domain::{
    order::{IntentState, Order, void_key},
    webhook::{About, Back, EventState, WebhookContent, WebhookEvent},
};

/// The longest id of an event.
const MAX_ID: usize = 255;

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    created: Value,
    /// Whether real money moved.
    livemode: Option<bool>,
    /// The connected account it happened in; absent where that is the key's own.
    account: Option<String>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

#[derive(Deserialize)]
struct StripeCharge {
    amount: i64,
    amount_refunded: i64,
    currency: String,
    payment_intent: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RefundOf {
    payment_intent: Option<String>,
    #[serde(flatten)]
    refund: Refund,
}

/// Reads an event whose signature was found good. `live` says whether the key moves real money, where that is known.
pub(crate) fn read(body: &[u8], live: Option<bool>, now: Timestamp) -> Result<WebhookEvent, Error> {
    let wrong = |_| {
        Error::field(
            "body",
            ErrorReason::ValidationFailed,
            "This is no event of Stripe.",
        )
    };
    let Envelope {
        id,
        kind,
        created,
        livemode,
        account,
        data: Data { object },
    } = serde_json::from_slice(body).map_err(wrong)?;
    if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "An event's id is 1 to 255 printable characters.";
        return Err(Error::field("id", ErrorReason::ValidationFailed, message));
    }
    // What Stripe says of the delivery itself may differ from one to the next.
    let content = json!({ "type": &kind, "created": created, "object": &object }).to_string();
    let digest = Sha256::digest(content.as_bytes());
    let foreign = foreign(account.as_deref(), livemode, live);
    let (state, about, reason) = match about(&kind, object) {
        _ if foreign.is_some() => (EventState::Ignored, None, foreign.map(str::to_owned)),
        Ok(Some(about)) => (EventState::Waiting, Some(about), None),
        Ok(None) => (EventState::Ignored, None, None),
        Err(error) => {
            let reason = format!("what it is about cannot be read: {error}");
            (EventState::Quarantined, None, Some(reason))
        }
    };
    Ok(WebhookEvent {
        id: format!("{NAME}:{id}"),
        digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        state,
        reason,
        received_at: now,
        due_at: (state == EventState::Waiting).then_some(now),
        content: WebhookContent { kind, about },
    })
}

/// Why it is of no matter to this key, whatever it is about: payments are made in the key's own account and mode alone.
fn foreign(account: Option<&str>, livemode: Option<bool>, live: Option<bool>) -> Option<&'static str> {
    match (livemode, live) {
        _ if account.is_some() => Some("it is of another account"),
        (Some(true), Some(false)) => Some("it is of live mode, and the key of test mode"),
        (Some(false), Some(true)) => Some("it is of test mode, and the key of live mode"),
        _ => None,
    }
}

/// The payment or refund it is about; `None` if it belongs to no order here.
fn about(kind: &str, object: Value) -> Result<Option<About>, serde_json::Error> {
    Ok(match kind {
        // Nothing has happened yet.
        "payment_intent.created" => None,
        "charge.refunded" => {
            let charge: StripeCharge = serde_json::from_value(object)?;
            charge.metadata.get(ORDER).map(|order_id| About {
                order_id: order_id.clone(),
                payment_id: charge.payment_intent.clone(),
                amount: charge.amount,
                currency: charge.currency.clone(),
                back: Some(Back::Total {
                    amount: charge.amount_refunded,
                }),
            })
        }
        _ if kind.starts_with("payment_intent.") => {
            let intent: Intent = serde_json::from_value(object)?;
            intent.metadata.get(ORDER).map(|order_id| About {
                order_id: order_id.clone(),
                payment_id: Some(intent.id.clone()),
                amount: intent.amount,
                currency: intent.currency.clone(),
                back: None,
            })
        }
        _ if kind.starts_with("refund.") || kind == "charge.refund.updated" => {
            let RefundOf {
                payment_intent,
                refund,
            } = serde_json::from_value(object)?;
            let failed = refund.failed() || kind == "refund.failed";
            refund.metadata.get(ORDER).map(|order_id| About {
                order_id: order_id.clone(),
                payment_id: payment_intent,
                amount: refund.amount,
                currency: refund.currency.clone(),
                back: Some(Back::Refund {
                    id: refund.metadata.get(REFUND).cloned(),
                    failed,
                }),
            })
        }
        _ => None,
    })
}

/// Why an event cannot be about this order, as it is known here.
pub(crate) fn contradiction(about: &About, order: &Order) -> Option<&'static str> {
    let currency = order.currency();
    let units = |minor_units| to_stripe(minor_units, currency);
    let payment = &order.payment;
    if payment.provider != NAME {
        return Some("the order is not paid by Stripe");
    }
    let known = payment.payment_id.as_deref().filter(|id| !id.is_empty());
    if known.is_some_and(|known| about.payment_id.as_deref().is_some_and(|told| told != known)) {
        return Some("the order is paid by another payment");
    }
    if !about.currency.eq_ignore_ascii_case(currency) {
        return Some("it is of another currency than the order");
    }
    match &about.back {
        Some(Back::Refund { id, failed }) => refund_contradiction(about, order, id.as_deref(), *failed),
        _ if units(order.total()) != Some(about.amount) => Some("it is of another amount than the order"),
        Some(Back::Total { amount }) => {
            let asked: i64 = if order.cancel.is_some() || !order.failing.is_empty() {
                order.total()
            } else {
                let refunds = payment.refunds.iter();
                refunds
                    .filter(|refund| refund.state != IntentState::Refused)
                    .map(|refund| refund.amount)
                    .sum()
            };
            (units(asked)? < *amount).then_some("more went back than was asked for here")
        }
        None => None,
    }
}

fn refund_contradiction(
    about: &About,
    order: &Order,
    id: Option<&str>,
    failed: bool,
) -> Option<&'static str> {
    let refund = order
        .payment
        .refunds
        .iter()
        .find(|refund| Some(refund.id.as_str()) == id);
    let canceled = order
        .cancel
        .as_ref()
        .filter(|cancel| Some(cancel.id.as_str()) == id);
    let done = match (refund, canceled) {
        (Some(refund), _) => {
            if to_stripe(refund.amount, order.currency()) != Some(about.amount) {
                return Some("it is of another amount than the refund");
            }
            refund.state == IntentState::Done
        }
        (None, Some(cancel)) => cancel.state == IntentState::Done,
        (None, None) if id.is_some_and(|id| id == void_key(&order.id)) => true,
        (None, None) => return Some("no such refund was asked for here"),
    };
    (failed && done).then_some("a refund that was done has failed after all")
}
