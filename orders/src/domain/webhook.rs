//! What a payment provider told, and what came of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An event of a provider, kept before anything is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The provider's name and its id of the event.
    pub id: String,
    /// A digest of its content: the same id with another one is a conflict.
    pub digest: String,
    /// How far it came.
    pub state: EventState,
    /// Why it is quarantined.
    pub reason: Option<String>,
    /// When it came first.
    pub received_at: Timestamp,
    /// When it is to be looked at; absent once it was.
    pub due_at: Option<Timestamp>,
    /// What matters of it.
    pub content: WebhookContent,
}

/// How far an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventState {
    /// To be looked at.
    Waiting,
    /// Its order was looked at.
    Done,
    /// It is about nothing of ours.
    Ignored,
    /// It contradicts what is known here; nothing came of it, and staff have to look.
    Quarantined,
}

impl EventState {
    /// The name stores and metrics know it by.
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

/// What an event says. It is a hint: the provider is asked before anything is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookContent {
    /// The provider's name for what happened.
    pub kind: String,
    /// What it is about, where that is an order's money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// The money an event is about, in the provider's units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Whose money it is.
    pub order_id: String,
    /// The provider's id of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// The payment's or the refund's.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// What went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Back>,
}

/// Money that went back, or did not after all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Back {
    /// One refund.
    Refund {
        /// The intent it was asked for with; absent where it was not asked for here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The money stays after all.
        failed: bool,
    },
    /// All that went back of the payment by now.
    Total {
        /// In the provider's units.
        amount: i64,
    },
}
