//! An order as it is stored: one document, replaced by compare-and-set on its revision.
//!
//! It is the durable state of the engine: [`Order::work`] tells the next step, so that any reader of the document (the
//! first call, a retry, the sweeper) continues from the same place. [`Contents`] are written once; history and payment
//! events are append-only.

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

/// The buyer, as an actor in the history.
pub const BUYER: &str = "buyer";
/// The system, as an actor in the history.
pub const SYSTEM: &str = "system";

/// An order: its contents and everything that happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Begins with `order_`; derived from owner and key.
    pub id: String,
    /// Incremented by each write, for compare-and-set.
    pub revision: i64,
    /// Incremented by each change that readers can see.
    pub version: i64,
    /// The cart it was made from.
    pub cart_id: String,
    /// The cart's version when the contents were read.
    pub cart_version: i64,
    /// The customer's id, or the cart's for a guest.
    pub owner: String,
    /// Absent for a guest.
    pub customer_id: Option<String>,
    /// The account's confirmed address at completion, if auth returned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_email: Option<String>,
    /// The idempotency key it was completed with.
    pub key: String,
    /// The fingerprint of the input.
    pub fingerprint: String,
    /// The total that the buyer was shown, in minor units, if the call sent it.
    pub expected_total: Option<i64>,
    /// The client address for which its hold counts while a bank's action is awaited.
    pub client_address: Option<String>,
    /// Given when PLACED.
    pub number: Option<String>,
    /// The state.
    pub state: State,
    /// The contents; absent if it failed before they were read.
    pub contents: Option<Contents>,
    /// The payment.
    pub payment: Payment,
    /// When the reservation expires, once there is one.
    pub hold_expires_at: Option<Timestamp>,
    /// Why it fails; written before anything is undone.
    pub failing: Vec<Refusal>,
    /// Whether the provider was never called, as known when `failing` was written.
    pub unasked: bool,
    /// The cancellation, requested or done.
    pub cancel: Option<Cancel>,
    /// Whether its units were restocked.
    pub restocked: bool,
    /// Parcels.
    pub fulfillments: Vec<Fulfillment>,
    /// Changes of state; append-only.
    pub history: Vec<HistoryEntry>,
    /// Requests with their idempotency keys.
    pub requests: Vec<Request>,
    /// The number of events written.
    pub events: u64,
    /// The lease of the current run.
    pub lease: Option<Lease>,
    /// When to continue, if there is work left and no run.
    pub wake_at: Option<Timestamp>,
    /// Failed attempts in a row.
    pub attempts: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it became PLACED.
    pub placed_at: Option<Timestamp>,
    /// When a change that readers can see was last made.
    pub updated_at: Timestamp,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// An `ErrorReason`'s public code.
    pub code: String,
    /// The path into the input.
    pub field: Vec<String>,
    /// A public sentence.
    pub message: String,
}

/// A cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Begins with `cxl_`; the idempotency key of its refund.
    pub id: String,
    /// As given.
    pub reason: Option<String>,
    /// The actor.
    pub actor: String,
    /// Its progress.
    pub state: IntentState,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// Absent in the first entry.
    pub from: Option<State>,
    /// The new state.
    pub to: State,
    /// [`BUYER`], [`SYSTEM`], or a staff user's id.
    pub actor: String,
    /// The reason, if one was given.
    pub reason: Option<String>,
}

/// The exclusive right to run an order, until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The holder.
    pub holder: String,
    /// When another process may take it.
    pub until: Timestamp,
}

/// The next work of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Continue from PENDING_PAYMENT to PLACED.
    Pay,
    /// Undo, and end FAILED.
    Fail,
    /// Capture the payment.
    Capture,
    /// Make a refund.
    Refund(Refund),
    /// Undo, and end CANCELED.
    Cancel(Cancel),
}

/// The idempotency key of the refund of an amount that was captured although it was to be voided.
pub fn void_key(order_id: &str) -> String {
    format!("void_{}", order_id.trim_start_matches("order_"))
}

impl Order {
    /// The next work; `None` when there is none. An open capture comes first: a captured amount can be refunded, one
    /// that may or may not be captured cannot.
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

    /// The cancellation in progress.
    pub fn open_cancel(&self) -> Option<&Cancel> {
        self.cancel
            .as_ref()
            .filter(|cancel| cancel.state == IntentState::Open)
    }

    /// When the sweeper has to handle it: when a lease expires, or at `wake_at`.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.lease.as_ref().map(|lease| lease.until).or(self.wake_at)
    }

    /// Whether another holder than `holder` has the lease.
    pub fn is_leased_by_other(&self, holder: &str, now: Timestamp) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| lease.holder != holder && now < lease.until)
    }

    /// Records a change that readers can see.
    pub fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        // A clock that was set back must not make the order look older.
        self.updated_at = self.updated_at.max(now);
    }

    /// Changes the state if the table allows it, and adds it to the history.
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

    /// The total, in minor units; 0 if it failed before that was read.
    pub fn total(&self) -> i64 {
        self.contents.as_ref().map_or(0, |contents| contents.cost.total)
    }

    /// ISO 4217; empty if it failed before that was read.
    pub fn currency(&self) -> &str {
        self.contents.as_ref().map_or("", |contents| &contents.currency)
    }

    /// Whether its e-mail address is that of the ordering account.
    pub fn email_is_confirmed(&self) -> bool {
        let key = |email: &str| comptoir_mesh::text::normalise_email(email);
        let of = self.contents.as_ref().map(|contents| key(&contents.email));
        of.is_some() && of == self.account_email.as_deref().map(key)
    }

    /// Whether it was ever PLACED: only such orders publish events about it.
    pub fn was_placed(&self) -> bool {
        self.placed_at.is_some()
    }

    /// Whether a bank's action is awaited for units that are held.
    pub fn awaits_action(&self) -> bool {
        self.state == State::PendingPayment && self.failing.is_empty() && self.payment.action.is_some()
    }

    /// Refuses a cancellation that is not allowed now.
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

    /// Refuses a refund of `amount` minor units that is not allowed now.
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

    /// The delivery address; absent if it failed before that was read.
    pub fn delivery_address(&self) -> Option<&Address> {
        self.contents.as_ref().map(|contents| &contents.delivery_address)
    }
}
