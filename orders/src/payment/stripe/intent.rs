//! What Stripe tells: payment intents and refunds, and how the port says the same.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{NAME, amount::to_stripe};
use crate::payment::{Authorization, Charge, Failure, Outcome};

/// In the metadata of what is made at Stripe: whose it is.
pub(crate) const ORDER: &str = "order_id";
/// The same for a refund: the id of what asked for it.
pub(crate) const REFUND: &str = "refund_id";

/// A payment of an order.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(super) status: Status,
    pub(crate) amount: i64,
    #[serde(default)]
    pub(super) amount_received: i64,
    /// ISO 4217, lower case.
    pub(crate) currency: String,
    client_secret: Option<String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    last_payment_error: Option<PaymentError>,
    next_action: Option<NextAction>,
}

/// Where an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Deserialize)]
struct PaymentError {
    message: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct NextAction {
    redirect_to_url: Option<Redirect>,
}

#[derive(Debug, Clone, Deserialize)]
struct Redirect {
    url: Option<String>,
}

/// What an intent says of an authorisation.
pub(super) enum Standing {
    /// Nothing was asked of the bank yet.
    Open,
    /// The outcome.
    Known(Authorization),
    /// The bank is being asked.
    Running,
}

impl Intent {
    pub(super) fn standing(&self) -> Standing {
        let payment_id = self.id.clone();
        Standing::Known(match (self.status, &self.last_payment_error) {
            (Status::RequiresPaymentMethod, Some(error)) => Authorization::Declined {
                payment_id,
                message: decline(error.message.as_deref()),
            },
            (Status::RequiresPaymentMethod | Status::RequiresConfirmation, _) => return Standing::Open,
            (Status::Processing | Status::Other, _) => return Standing::Running,
            (Status::RequiresAction, _) => Authorization::RequiresAction {
                payment_id,
                redirect_url: self.redirect_url(),
                client_secret: self.client_secret.clone(),
            },
            (Status::RequiresCapture | Status::Succeeded, _) => Authorization::Authorized { payment_id },
            (Status::Canceled, _) => Authorization::Voided { payment_id },
        })
    }

    /// The same, where the bank was asked for sure: an intent that is still open is one whose answer has not come.
    pub(super) fn authorization(&self) -> Result<Authorization, Failure> {
        match self.standing() {
            Standing::Known(authorization) => Ok(authorization),
            Standing::Open | Standing::Running => Err(running()),
        }
    }

    /// Without one, the action is for the provider's own script, by the client secret.
    fn redirect_url(&self) -> String {
        let redirect = self.next_action.as_ref();
        let url = redirect.and_then(|action| action.redirect_to_url.as_ref()?.url.clone());
        url.unwrap_or_default()
    }

    /// What became of a capture of `amount`.
    pub(super) fn captured(&self, amount: i64) -> Result<Outcome, Failure> {
        match self.status {
            Status::Succeeded if self.amount_received == amount => Ok(Outcome::Done),
            Status::Succeeded => Ok(Outcome::Refused("another amount was captured at stripe".into())),
            Status::RequiresCapture => Ok(Outcome::Failed("stripe did not capture the amount".into())),
            Status::Processing | Status::Other => Err(running()),
            _ => Ok(Outcome::Refused("the authorisation was let go at stripe".into())),
        }
    }

    /// Where it came from: the attempt of opening it.
    pub(super) fn attempt(&self) -> u32 {
        self.metadata
            .get("attempt")
            .and_then(|attempt| attempt.parse().ok())
            .unwrap_or_default()
    }

    /// Why it cannot be the payment of this charge, if it cannot.
    pub(crate) fn differs(&self, charge: &Charge) -> Option<&'static str> {
        if self.metadata.get(ORDER) != Some(&charge.order_id) {
            return Some("it is another order's");
        }
        if !self.currency.eq_ignore_ascii_case(&charge.currency) {
            return Some("it is of another currency");
        }
        if to_stripe(charge.amount, &charge.currency) != Some(self.amount) {
            return Some("it is of another amount");
        }
        None
    }

    /// The intent, where it is of this charge.
    pub(super) fn of(self, charge: &Charge) -> Result<Self, Failure> {
        let Some(why) = self.differs(charge) else {
            return Ok(self);
        };
        tracing::error!(
            order.id = charge.order_id,
            payment.id = self.id,
            payment.difference = why,
            "a payment at Stripe is not its order's"
        );
        metrics::counter!("payments_mismatched_total", "provider" => NAME).increment(1);
        Err(Failure::Unavailable(format!(
            "a payment at stripe cannot be taken: {why}"
        )))
    }
}

/// The bank is being asked.
pub(super) fn running() -> Failure {
    Failure::Unknown("the bank has not answered stripe yet".into())
}

/// The message for a buyer whose bank declined.
pub(super) fn decline(message: Option<&str>) -> String {
    message.unwrap_or("The bank declined the payment.").to_owned()
}

/// Money that goes back.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Refund {
    pub(crate) status: Option<String>,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    failure_reason: Option<String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Refund {
    /// Whether the money stays after all.
    pub(crate) fn failed(&self) -> bool {
        matches!(self.status.as_deref(), Some("failed" | "canceled"))
    }

    /// One that is on its way is done: it takes days with some banks, and a webhook tells should it fail.
    pub(super) fn outcome(&self) -> Outcome {
        if self.failed() {
            let reason = self.failure_reason.as_deref().unwrap_or("no reason was given");
            return Outcome::Refused(format!("stripe did not give the money back: {reason}"));
        }
        Outcome::Done
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}
