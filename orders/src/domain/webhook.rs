//! Events of payment providers, and how far they were handled.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An event of a provider. It is stored before it is handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The provider's name and its id of the event.
    pub id: String,
    /// The digest of its content: the same id with another digest is a conflict.
    pub digest: String,
    /// Its progress.
    pub state: EventState,
    /// Why it is quarantined.
    pub reason: Option<String>,
    /// When it was received first.
    pub received_at: Timestamp,
    /// When it is to be handled; absent once it was.
    pub due_at: Option<Timestamp>,
    /// Its content.
    pub content: WebhookContent,
}

/// The state of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventState {
    /// To be handled.
    Waiting,
    /// Handled.
    Done,
    /// It is not about an order of this shop.
    Ignored,
    /// It contradicts the stored order. It had no effect, and staff have to look at it.
    Quarantined,
}

impl EventState {
    /// Its name in stores and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Quarantined => "quarantined",
        }
    }

    /// The state of this name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Done, Self::Ignored, Self::Quarantined]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// The content of an event. It is a hint: the provider is asked before anything changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookContent {
    /// The provider's name of the kind.
    pub kind: String,
    /// The payment or refund it is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// The payment or refund of an event, in the provider's units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The order.
    pub order_id: String,
    /// The provider's id of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// The payment's or the refund's.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// The refunded amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Back>,
}

/// A refund, or its failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Back {
    /// One refund.
    Refund {
        /// The intent of the refund; absent if it was not requested here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The refund failed after all.
        failed: bool,
    },
    /// The total refunded of the payment so far.
    Total {
        /// In the provider's units.
        amount: i64,
    },
}
