//! An order as it is stored: one document, replaced by compare-and-set on its revision.
//!
//! It is the durable state of a engine: [`Order::work`] says what is to be done next, so that whoever reads the document,
//! the call that made it, a later one or the sweeper, goes on from the same place. What was bought ([`Contents`]) is written
//! once; history and payment events are append-only.

use comptoir_mesh::error::{Error, ErrorReason};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::Address;
pub use super::order_contents::{Contents, OrderLine, UsedDiscount};
pub use super::order_fulfillment::{FulfilledLine, Fulfillment};
pub use super::order_payment::{
    BankAction, Capture, IntentState, Payment, PaymentEvent, PaymentEventKind, Refund,
};
pub use super::order_requests::{Operation, Refused, Request, key_reused};
pub use super::order_state::State;

/// The actor of what a buyer did.
pub const BUYER: &str = "buyer";
/// The actor of what happened by itself.
pub const SYSTEM: &str = "system";

/// What was bought, and everything that came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Begins with `order_`; derived from owner and key.
    pub id: String,
    /// Grows with each write; what compare-and-set looks at.
    pub revision: i64,
    /// Grows with each change a reader can see.
    pub version: i64,
    /// The cart it came from.
    pub cart_id: String,
    /// The cart's version the contents were read at.
    pub cart_version: i64,
    /// The customer's id, or the cart's for a guest.
    pub owner: String,
    /// Absent for a guest.
    pub customer_id: Option<String>,
    /// The confirmed address of the account when it was completed, as far as auth said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_email: Option<String>,
    /// The idempotency key it was completed with.
    pub key: String,
    /// A digest of what was asked with the key.
    pub fingerprint: String,
    /// Minor units; what the buyer was shown, where the call said so.
    pub expected_total: Option<i64>,
    /// Whom its hold counts for while a bank's action is awaited.
    pub client_address: Option<String>,
    /// Given when PLACED.
    pub number: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What was bought; absent where it failed before that was read.
    pub contents: Option<Contents>,
    /// The money side.
    pub payment: Payment,
    /// When the catalogue lets its units go, once they were held.
    pub hold_expires_at: Option<Timestamp>,
    /// Why it ends FAILED; written before anything is undone.
    pub failing: Vec<Refusal>,
    /// Whether the provider was never asked for anything, as whoever wrote `failing` knew.
    pub unasked: bool,
    /// The cancellation, asked for or done.
    pub cancel: Option<Cancel>,
    /// Whether its units went back on the shelf.
    pub restocked: bool,
    /// Parcels.
    pub fulfillments: Vec<Fulfillment>,
    /// Changes of state; append-only.
    pub history: Vec<HistoryEntry>,
    /// What was asked with which key.
    pub requests: Vec<Request>,
    /// How many events were written.
    pub events: u64,
    /// Who drives it now.
    pub lease: Option<Lease>,
    /// When to go on, where nobody drives it and something is left to do.
    pub wake_at: Option<Timestamp>,
    /// Tries in a row that did not get on.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it became PLACED.
    pub placed_at: Option<Timestamp>,
    /// When a reader's view of it last changed.
    pub updated_at: Timestamp,
}

/// An expected no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// An `ErrorReason`'s public code.
    pub code: String,
    /// The path into the input.
    pub field: Vec<String>,
    /// A sentence for a person.
    pub message: String,
}

/// A cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Begins with `cxl_`; what the money goes back under.
    pub id: String,
    /// As given.
    pub reason: Option<String>,
    /// Who asked.
    pub actor: String,
    /// How far it came.
    pub state: IntentState,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// Absent in the first entry.
    pub from: Option<State>,
    /// Where to.
    pub to: State,
    /// [`BUYER`], [`SYSTEM`], or a staff user's id.
    pub actor: String,
    /// Why, where somebody said.
    pub reason: Option<String>,
}

/// The right to drive an order, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Whose.
    pub holder: String,
    /// Past this anybody may take it.
    pub until: Timestamp,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// From PENDING_PAYMENT towards PLACED.
    Pay,
    /// Undo and end FAILED.
    Fail,
    /// Get the money.
    Capture,
    /// Give money back.
    Refund(Refund),
    /// Undo and end CANCELED.
    Cancel(Cancel),
}

/// What an amount goes back under that the provider took though it was to be let go.
pub fn void_key(order_id: &str) -> String {
    format!("void_{}", order_id.trim_start_matches("order_"))
}

impl Order {
    /// What is to be done next; `None` when it rests. An open capture comes before all else: what was taken can be given
    /// back, but what may or may not have been taken cannot.
    pub fn work(&self) -> Option<Work> {
        let cancel = self.open_cancel();
        match self.state {
            State::PendingPayment if !self.failing.is_empty() => Some(Work::Fail),
            State::PendingPayment if cancel.is_none() => Some(Work::Pay),
            _ if self.payment.capture_is_open() => Some(Work::Capture),
            _ => match (self.payment.open_refund(), cancel) {
                (Some(refund), _) => Some(Work::Refund(refund.clone())),
                (None, Some(cancel)) => Some(Work::Cancel(cancel.clone())),
                (None, None) => None,
            },
        }
    }

    /// The cancellation that is under way.
    pub fn open_cancel(&self) -> Option<&Cancel> {
        self.cancel
            .as_ref()
            .filter(|cancel| cancel.state == IntentState::Open)
    }

    /// When the sweeper has to look at it: when a lease runs out, or when a rest ends.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.lease.as_ref().map(|lease| lease.until).or(self.wake_at)
    }

    /// Whether somebody else than `holder` drives it.
    pub fn is_leased_by_other(&self, holder: &str, now: Timestamp) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| lease.holder != holder && now < lease.until)
    }

    /// Notes a change a reader can see.
    pub fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        // A clock set back must not make the order look older to a reader.
        self.updated_at = self.updated_at.max(now);
    }

    /// Changes the state as the table allows, and says so in the history.
    pub fn transition(
        &mut self,
        to: State,
        actor: &str,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.state.check(to)?;
        self.history.push(HistoryEntry {
            at: now,
            from: Some(self.state),
            to,
            actor: actor.to_owned(),
            reason,
        });
        self.state = to;
        Ok(())
    }

    /// Adds a payment event about `amount` minor units.
    pub fn note_payment(
        &mut self,
        id: String,
        kind: PaymentEventKind,
        amount: i64,
        message: Option<String>,
        now: Timestamp,
    ) {
        self.payment.events.push(PaymentEvent {
            id,
            kind,
            amount,
            at: now,
            message,
        });
    }

    /// What it comes to, in minor units; 0 where it failed before that was read.
    pub fn total(&self) -> i64 {
        self.contents.as_ref().map_or(0, |contents| contents.cost.total)
    }

    /// ISO 4217; empty where it failed before that was read.
    pub fn currency(&self) -> &str {
        self.contents.as_ref().map_or("", |contents| &contents.currency)
    }

    /// Whether its e-mail address is that of the account that ordered.
    pub fn email_is_confirmed(&self) -> bool {
        let key = |email: &str| comptoir_mesh::text::normalise_email(email);
        let of = self.contents.as_ref().map(|contents| key(&contents.email));
        of.is_some() && of == self.account_email.as_deref().map(key)
    }

    /// Whether it was PLACED once: only such orders are told of.
    pub fn was_placed(&self) -> bool {
        self.placed_at.is_some()
    }

    /// Whether a bank's action is awaited for units that are held.
    pub fn awaits_action(&self) -> bool {
        self.state == State::PendingPayment && self.failing.is_empty() && self.payment.action.is_some()
    }

    /// Refuses a cancellation the rules do not allow now.
    pub fn check_cancel(&self) -> Result<(), Error> {
        if let Some(cancel) = &self.cancel
            && cancel.state == IntentState::Open
        {
            return Err(Error::new(
                ErrorReason::InvalidState,
                "The order is being cancelled already.",
            ));
        }
        if !self.fulfillments.is_empty() {
            return Err(Error::new(
                ErrorReason::InvalidState,
                format!(
                    "An order that is {} cannot become CANCELED once a unit was shipped.",
                    self.state.name()
                ),
            ));
        }
        if !self.failing.is_empty() {
            return Err(State::Failed.refuse("become CANCELED"));
        }
        self.state.check(State::Canceled)
    }

    /// Refuses a refund of `amount` minor units that the rules do not allow now.
    pub fn check_refund(&self, amount: i64) -> Result<(), Error> {
        if !matches!(self.state, State::Confirmed | State::Completed) {
            return Err(Error::new(
                ErrorReason::InvalidState,
                format!(
                    "An order that is {} cannot be refunded; one that is CONFIRMED or COMPLETED can.",
                    self.state.name()
                ),
            ));
        }
        if self.open_cancel().is_some() {
            return Err(Error::new(
                ErrorReason::InvalidState,
                "The order is being cancelled.",
            ));
        }
        if amount > self.payment.refundable() {
            return Err(Error::field(
                "amount",
                ErrorReason::RefundExceedsCapture,
                "The amount is more than what is left of the captured amount.",
            ));
        }
        Ok(())
    }

    /// Where the bill goes.
    pub fn delivery_address(&self) -> Option<&Address> {
        self.contents.as_ref().map(|contents| &contents.delivery_address)
    }
}
