//! What messages are handed to: a closed set, chosen by configuration.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::message::{Channel, Message};
use crate::store::Store;

/// What messages are handed to. A provider gets a variant, its settings in [`crate::Config`], and an arm in [`Backend::send`]
/// that passes the message's id on as the provider's idempotency key, where it has one.
#[derive(Clone)]
pub(crate) enum Backend {
    /// Keeps messages in the notifier's own store, where development reads them.
    Mailbox(Arc<dyn Store>),
}

/// The back end of each channel.
#[derive(Clone)]
pub(crate) struct Backends {
    email: Backend,
    sms: Backend,
}

/// Why a message was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// For good: no other try will do better.
    Refused(String),
    /// For now.
    Again(String),
}

impl Backends {
    /// The mailbox for every channel: what is there when no provider is configured.
    pub(crate) fn mailbox(store: Arc<dyn Store>) -> Self {
        Self {
            email: Backend::Mailbox(store.clone()),
            sms: Backend::Mailbox(store),
        }
    }

    /// Hands a message over. Handing one over a second time has no effect where the back end knows ids.
    pub(crate) async fn send(&self, message: Message, now: Timestamp) -> Result<(), Failure> {
        match message.channel {
            Channel::Email => self.email.send(message, now).await,
            Channel::Sms => self.sms.send(message, now).await,
        }
    }
}

impl Backend {
    async fn send(&self, message: Message, now: Timestamp) -> Result<(), Failure> {
        match self {
            Self::Mailbox(store) => match store.post(message, now).await {
                Ok(_new) => Ok(()),
                Err(error) => {
                    tracing::warn!(error.cause = ?error, "the mailbox did not take a message");
                    Err(Failure::Again("mailbox: not reachable".to_owned()))
                }
            },
        }
    }
}
