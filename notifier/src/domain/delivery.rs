//! A delivery: one message to one recipient, from its event to its being sent.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use ulid::Ulid;

use super::content::Content;
use super::message::{Channel, Recipient};

/// One message to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Begins with `dlv_`; derived from the event's id and the channel.
    pub id: String,
    /// Incremented by each change, for compare-and-set.
    pub version: i64,
    /// The event that caused it.
    pub event_id: String,
    /// The user, mail or order the event is about; its messages are sent in order.
    pub aggregate_id: String,
    /// The event's sequence in its aggregate.
    pub sequence: u64,
    /// The channel.
    pub channel: Channel,
    /// The message's template.
    pub template: Template,
    /// The recipient.
    pub recipient: Recipient,
    /// The recipient's language, BCP 47.
    pub locale: String,
    /// The content.
    pub content: Content,
    /// The state.
    pub state: State,
    /// The attempts made.
    pub attempts: u32,
    /// The attempts made since it was recorded or staff retried it.
    pub round: u32,
    /// Why the last attempt failed; never the recipient's text.
    pub last_error: Option<String>,
    /// Whether the address is a guest's and unconfirmed; such mails are limited.
    #[serde(default)]
    pub unconfirmed: bool,
    /// When the event was recorded.
    pub created_at: Timestamp,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
}

/// The kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Confirm a new account's address.
    EmailConfirm,
    /// Set a new password.
    PasswordReset,
    /// Confirm an account's new address.
    EmailChange,
    /// A registration with an address that has an account.
    AlreadyRegistered,
    /// The order was placed.
    OrderPlaced,
    /// The order was paid.
    OrderPaid,
    /// A parcel was dispatched.
    OrderShipped,
    /// The order was cancelled.
    OrderCanceled,
    /// A refund was made.
    OrderRefunded,
}

impl Template {
    /// Every template.
    pub const ALL: [Self; 9] = [
        Self::EmailConfirm,
        Self::PasswordReset,
        Self::EmailChange,
        Self::AlreadyRegistered,
        Self::OrderPlaced,
        Self::OrderPaid,
        Self::OrderShipped,
        Self::OrderCanceled,
        Self::OrderRefunded,
    ];

    /// Its name in the API and of its files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmailConfirm => "email_confirm",
            Self::PasswordReset => "password_reset",
            Self::EmailChange => "email_change",
            Self::AlreadyRegistered => "already_registered",
            Self::OrderPlaced => "order_placed",
            Self::OrderPaid => "order_paid",
            Self::OrderShipped => "order_shipped",
            Self::OrderCanceled => "order_canceled",
            Self::OrderRefunded => "order_refunded",
        }
    }

    /// The storefront's page for a mail's token; `None` for mails without a token.
    pub fn token_page(self) -> Option<&'static str> {
        match self {
            Self::EmailConfirm | Self::EmailChange => Some("confirm"),
            Self::PasswordReset => Some("reset"),
            _ => None,
        }
    }
}

/// The state of a delivery, with its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum State {
    /// Recorded, and due for sending at `due`.
    Pending {
        /// When.
        due: Timestamp,
    },
    /// Being sent. A worker that finds it in this state after `lease_until` sends it again.
    Sending {
        /// The end of the sender's lease.
        lease_until: Timestamp,
    },
    /// Accepted by the provider.
    Sent,
    /// The last attempt failed; the next one is due at `due`.
    Failed {
        /// When.
        due: Timestamp,
    },
    /// Given up, unless staff retry it.
    Dead,
    /// Not sent: the recipient is suppressed, or a limit of unconfirmed addresses is reached.
    Suppressed,
}

/// A state, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Recorded.
    Pending,
    /// Being sent.
    Sending,
    /// Accepted by the provider.
    Sent,
    /// To be retried.
    Failed,
    /// Given up.
    Dead,
    /// Not to be sent.
    Suppressed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Sending,
        Self::Sent,
        Self::Failed,
        Self::Dead,
        Self::Suppressed,
    ];

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Suppressed => "suppressed",
        }
    }

    /// The status of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// The retry policy of deliveries.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Attempts before it is given up.
    pub attempts: u32,
    /// The backoff after the first failure; doubled after each further one.
    pub backoff: Duration,
    /// The longest backoff.
    pub backoff_max: Duration,
}

impl Patience {
    /// The backoff after `failures` failures in a row: between half and all of the doubled one, by `jitter` (0 to 1).
    pub fn pause(&self, failures: u32, jitter: f64) -> Duration {
        let doubled = self
            .backoff
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        doubled
            .min(self.backoff_max)
            .mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

impl Delivery {
    /// The id of the delivery of an event on a channel, derived from both.
    pub fn derive_id(event_id: &str, channel: Channel) -> String {
        let digest = Sha256::new()
            .chain_update(event_id)
            .chain_update([0])
            .chain_update(channel.as_str())
            .finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        format!("dlv_{}", Ulid::from(u128::from_be_bytes(half)))
    }

    /// The id of its message, the same at every attempt.
    pub fn message_id(&self) -> String {
        format!("msg_{}", self.id.trim_start_matches("dlv_"))
    }

    /// The state's name.
    pub fn status(&self) -> Status {
        match self.state {
            State::Pending { .. } => Status::Pending,
            State::Sending { .. } => Status::Sending,
            State::Sent => Status::Sent,
            State::Failed { .. } => Status::Failed,
            State::Dead => Status::Dead,
            State::Suppressed => Status::Suppressed,
        }
    }

    /// Whether staff retried it.
    pub fn is_retried_by_hand(&self) -> bool {
        self.attempts > self.round
    }

    /// When the worker has to handle it, if at all.
    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            State::Pending { due } | State::Failed { due } => Some(due),
            State::Sending { lease_until } => Some(lease_until),
            State::Sent | State::Dead | State::Suppressed => None,
        }
    }

    /// Claimed for sending until the end of the lease; counts as an attempt.
    #[must_use]
    pub fn sending(self, lease_until: Timestamp) -> Self {
        let (attempts, round) = (self.attempts.saturating_add(1), self.round.saturating_add(1));
        Self {
            state: State::Sending { lease_until },
            attempts,
            round,
            ..self.next()
        }
    }

    /// Accepted by the provider.
    #[must_use]
    pub fn sent(self, now: Timestamp) -> Self {
        Self {
            state: State::Sent,
            sent_at: Some(now),
            last_error: None,
            ..self.next()
        }
    }

    /// The attempt failed: retry after a backoff, or give up after the last attempt of `patience`.
    #[must_use]
    pub fn failed(self, error: &str, now: Timestamp, patience: &Patience, jitter: f64) -> Self {
        if self.round >= patience.attempts {
            return self.dead(error);
        }
        let due = now
            .saturating_add(patience.pause(self.round, jitter))
            .unwrap_or(now);
        Self {
            state: State::Failed { due },
            last_error: Some(error.to_owned()),
            ..self.next()
        }
    }

    /// Gives up.
    #[must_use]
    pub fn dead(self, error: &str) -> Self {
        Self {
            state: State::Dead,
            last_error: Some(error.to_owned()),
            ..self.next()
        }
    }

    /// Not sent: the recipient is suppressed, or a limit of unconfirmed addresses is reached.
    #[must_use]
    pub fn suppressed(self, error: &str) -> Self {
        Self {
            state: State::Suppressed,
            last_error: Some(error.to_owned()),
            ..self.next()
        }
    }

    /// Makes it due now, with all attempts again. `Err` is the status that does not allow it.
    pub fn retried(self, now: Timestamp) -> Result<Self, Status> {
        match self.status() {
            Status::Failed | Status::Dead | Status::Suppressed => Ok(Self {
                state: State::Pending { due: now },
                round: 0,
                ..self.next()
            }),
            other => Err(other),
        }
    }

    fn next(self) -> Self {
        Self {
            version: self.version + 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_derived() {
        let id = Delivery::derive_id("evt_1", Channel::Email);
        assert_eq!(id, Delivery::derive_id("evt_1", Channel::Email));
        assert_ne!(id, Delivery::derive_id("evt_1", Channel::Sms));
        assert_ne!(id, Delivery::derive_id("evt_2", Channel::Email));
        assert!(comptoir_mesh::ids::is_id(&id, "dlv_"), "{id}");
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_differ() {
        let patience = Patience {
            attempts: 5,
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
        };
        assert_eq!(patience.pause(1, 1.0), Duration::from_secs(1));
        assert_eq!(patience.pause(1, 0.0), Duration::from_millis(500));
        assert_eq!(patience.pause(4, 1.0), Duration::from_secs(8));
        assert_eq!(patience.pause(40, 1.0), Duration::from_secs(60));
        assert_eq!(patience.pause(400, 0.0), Duration::from_secs(30));
    }
}
