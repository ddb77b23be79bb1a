//! The money side of an order: what was asked of the provider, what came of it, and the status that folds out of it.

use comptoir_proto::orders::v1 as proto;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a payment event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentEventKind {
    /// The amount is set aside for the shop.
    Authorized,
    /// The buyer's bank wants an action.
    RequiresAction,
    /// The bank said no.
    Declined,
    /// The shop has the amount.
    Captured,
    /// The provider did not pay the amount; `message` says why.
    CaptureFailed,
    /// The authorisation was let go.
    Voided,
    /// The provider did not let it go; `message` says why.
    VoidFailed,
    /// The amount went back.
    Refunded,
    /// The amount did not go back; `message` says why.
    RefundFailed,
}

impl PaymentEventKind {
    /// The name it has in answers and events.
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
    /// Why, where something was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How far an intent came. An intent is written before the provider is asked, so that a crash in between is taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    /// To be done; perhaps done already at the provider.
    Open,
    /// Done.
    Done,
    /// Refused for good.
    Refused,
}

/// The capture of an order's amount; there is at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The key the provider is called with.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// How far it came.
    pub state: IntentState,
}

/// Money that goes back, asked for by staff or by a cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The key the provider is called with.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// For people.
    pub reason: String,
    /// Whether the units go back on the shelf with it.
    pub restock: bool,
    /// How far it came.
    pub state: IntentState,
}

/// What the buyer's bank wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankAction {
    /// Where the buyer has to go.
    pub redirect_url: String,
    /// For a provider's own script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

/// An order's payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The provider's name.
    pub provider: String,
    /// What the provider gave the browser. Never leaves the document.
    pub token: String,
    /// Where the buyer comes back to after an action of the bank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The provider's id of the payment, once it told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// What the bank wants, while it wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<BankAction>,
    /// Append-only.
    #[serde(default)]
    pub events: Vec<PaymentEvent>,
    /// Written with PLACED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
    /// In the order they were asked for.
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

impl Payment {
    /// What the shop got.
    pub fn captured(&self) -> i64 {
        self.sum(PaymentEventKind::Captured)
    }

    /// What went back.
    pub fn refunded(&self) -> i64 {
        self.sum(PaymentEventKind::Refunded)
    }

    /// What no refund, done or open, has taken yet.
    pub fn refundable(&self) -> i64 {
        let taken: i64 = self
            .refunds
            .iter()
            .filter(|refund| refund.state != IntentState::Refused)
            .map(|refund| refund.amount)
            .sum();
        self.captured() - taken
    }

    /// Whether a capture was asked for and its outcome is not recorded.
    pub fn capture_is_open(&self) -> bool {
        self.capture
            .as_ref()
            .is_some_and(|capture| capture.state == IntentState::Open)
    }

    /// Whether the capture is done, also of an amount of nothing: there is no authorisation left to let go.
    pub fn is_captured(&self) -> bool {
        self.capture
            .as_ref()
            .is_some_and(|capture| capture.state == IntentState::Done)
    }

    /// The first refund whose outcome is not recorded.
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

    /// The status: a fold over the events.
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
