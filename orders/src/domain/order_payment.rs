//! The payment of an order: requests to the provider, their results, and the status derived from them.

use comptoir_proto::orders::v1 as proto;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The kind of a payment event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentEventKind {
    /// The amount was authorised.
    Authorized,
    /// The buyer's bank requires an action.
    RequiresAction,
    /// The bank declined.
    Declined,
    /// The amount was captured.
    Captured,
    /// The capture failed; `message` says why.
    CaptureFailed,
    /// The authorisation was voided.
    Voided,
    /// The void failed; `message` says why.
    VoidFailed,
    /// The amount was refunded.
    Refunded,
    /// The refund failed; `message` says why.
    RefundFailed,
}

impl PaymentEventKind {
    /// Its name in answers and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::RequiresAction => "requires_action",
            Self::Declined => "declined",
            Self::Captured => "captured",
            Self::CaptureFailed => "capture_failed",
            Self::Voided => "voided",
            Self::VoidFailed => "void_failed",
            Self::Refunded => "refunded",
            Self::RefundFailed => "refund_failed",
        }
    }
}

/// An entry of the append-only record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentEvent {
    /// Begins with `pev_`.
    pub id: String,
    /// What happened.
    pub kind: PaymentEventKind,
    /// In minor units of the order's currency.
    pub amount: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The reason of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The progress of an intent. An intent is written before the provider is called, so that work continues after a crash
/// in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    /// To be done; the provider may have done it already.
    Open,
    /// Done.
    Done,
    /// Refused permanently.
    Refused,
}

/// The capture of an order's amount; there is at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The idempotency key for the provider.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// Its progress.
    pub state: IntentState,
}

/// A refund, requested by staff or by a cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The idempotency key for the provider.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// The reason, for people.
    pub reason: String,
    /// Whether the units are restocked.
    pub restock: bool,
    /// Its progress.
    pub state: IntentState,
}

/// The action that the buyer's bank requires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankAction {
    /// The bank's page.
    pub redirect_url: String,
    /// For the provider's script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

/// An order's payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The provider's name.
    pub provider: String,
    /// The provider's token from the browser. It never leaves the document.
    pub token: String,
    /// The page to which the buyer returns after the bank's action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The provider's id of the payment, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// The bank's action, while it is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<BankAction>,
    /// Append-only.
    #[serde(default)]
    pub events: Vec<PaymentEvent>,
    /// Written with PLACED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
    /// In the order of the requests.
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

impl Payment {
    /// The captured amount.
    pub fn captured(&self) -> i64 {
        self.sum(PaymentEventKind::Captured)
    }

    /// The refunded amount.
    pub fn refunded(&self) -> i64 {
        self.sum(PaymentEventKind::Refunded)
    }

    /// The amount that is not refunded and not in an open refund.
    pub fn refundable(&self) -> i64 {
        let taken: i64 = self
            .refunds
            .iter()
            .filter(|refund| refund.state != IntentState::Refused)
            .map(|refund| refund.amount)
            .sum();
        self.captured() - taken
    }

    /// Whether there is a capture without a recorded outcome.
    pub fn capture_is_open(&self) -> bool {
        self.capture
            .as_ref()
            .is_some_and(|capture| capture.state == IntentState::Open)
    }

    /// Whether the capture is done, also of a zero amount: there is no authorisation left to void.
    pub fn is_captured(&self) -> bool {
        self.capture
            .as_ref()
            .is_some_and(|capture| capture.state == IntentState::Done)
    }

    /// The first refund without a recorded outcome.
    pub fn open_refund(&self) -> Option<&Refund> {
        self.refunds
            .iter()
            .find(|refund| refund.state == IntentState::Open)
    }

    fn sum(&self, kind: PaymentEventKind) -> i64 {
        self.events
            .iter()
            .filter(|event| event.kind == kind)
            .map(|event| event.amount)
            .sum()
    }

    /// The status, derived from the events.
    pub fn status(&self) -> proto::PaymentStatus {
        use PaymentEventKind as Kind;
        use proto::PaymentStatus as Status;
        let mut status = Status::NotPaid;
        let (mut captured, mut refunded) = (0, 0);
        for event in &self.events {
            status = match event.kind {
                Kind::Authorized => Status::Authorized,
                Kind::RequiresAction => Status::RequiresAction,
                Kind::Declined => Status::Failed,
                Kind::Captured => {
                    captured += event.amount;
                    Status::Captured
                }
                Kind::Voided => Status::Canceled,
                Kind::Refunded => {
                    refunded += event.amount;
                    if refunded >= captured {
                        Status::Refunded
                    } else {
                        Status::PartiallyRefunded
                    }
                }
                Kind::CaptureFailed | Kind::VoidFailed | Kind::RefundFailed => status,
            };
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use proto::PaymentStatus as Status;

    use super::*;

    fn payment(events: &[(PaymentEventKind, i64)]) -> Payment {
        let event = |(kind, amount): &(PaymentEventKind, i64)| PaymentEvent {
            id: "pev_1".into(),
            kind: *kind,
            amount: *amount,
            at: Timestamp::UNIX_EPOCH,
            message: None,
        };
        Payment {
            provider: "sandbox".into(),
            token: "tok_visa".into(),
            return_url: None,
            payment_id: None,
            action: None,
            events: events.iter().map(event).collect(),
            capture: None,
            refunds: vec![],
        }
    }

    #[test]
    fn the_status_is_a_fold_over_the_events() {
        use PaymentEventKind as Kind;
        let cases: &[(&[(Kind, i64)], Status)] = &[
            (&[], Status::NotPaid),
            (&[(Kind::RequiresAction, 10)], Status::RequiresAction),
            (
                &[(Kind::RequiresAction, 10), (Kind::Authorized, 10)],
                Status::Authorized,
            ),
            (
                &[(Kind::RequiresAction, 10), (Kind::Declined, 10)],
                Status::Failed,
            ),
            (
                &[(Kind::Authorized, 10), (Kind::CaptureFailed, 10)],
                Status::Authorized,
            ),
            (&[(Kind::Authorized, 10), (Kind::Voided, 10)], Status::Canceled),
            (
                &[(Kind::Authorized, 10), (Kind::VoidFailed, 10)],
                Status::Authorized,
            ),
            (
                &[(Kind::Authorized, 0), (Kind::Captured, 0), (Kind::Voided, 0)],
                Status::Canceled,
            ),
            (&[(Kind::Authorized, 10), (Kind::Captured, 10)], Status::Captured),
            (
                &[(Kind::Captured, 10), (Kind::Refunded, 4)],
                Status::PartiallyRefunded,
            ),
            (
                &[(Kind::Captured, 10), (Kind::Refunded, 4), (Kind::RefundFailed, 6)],
                Status::PartiallyRefunded,
            ),
            (
                &[(Kind::Captured, 10), (Kind::Refunded, 4), (Kind::Refunded, 6)],
                Status::Refunded,
            ),
        ];
        for (events, status) in cases {
            assert_eq!(payment(events).status(), *status, "{events:?}");
        }
    }

    #[test]
    fn open_and_done_refunds_together_take_from_what_was_captured() {
        let mut payment = payment(&[(PaymentEventKind::Captured, 10)]);
        for (amount, state) in [
            (3, IntentState::Open),
            (2, IntentState::Done),
            (4, IntentState::Refused),
        ] {
            payment.refunds.push(Refund {
                id: "r".into(),
                amount,
                reason: String::new(),
                restock: false,
                state,
            });
        }
        assert_eq!(payment.refundable(), 5);
    }
}
