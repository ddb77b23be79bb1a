//! What messages are handed to: a closed set, chosen by configuration.

use std::sync::Arc;

use comptoir_mesh::env::Env;
use jiff::Timestamp;

use self::ses::Ses;
use self::twilio::Twilio;
use crate::config::Config;
use crate::domain::message::{Channel, Message};
use crate::store::Store;

pub(crate) use self::ses::DELIVERY_TAG;
pub(crate) use self::twilio::callback_url;

mod mailbox;
mod ses;
mod twilio;

/// What messages are handed to. A provider gets a variant, its settings in [`crate::Config`], and an arm in [`Backend::send`]
/// that passes the delivery's id on, as the idempotency key where the provider has one.
#[derive(Clone)]
pub(crate) enum Backend {
    /// Keeps messages in the notifier's own store, where development reads them.
    Mailbox(Arc<dyn Store>),
    /// Amazon SES.
    Ses(Arc<Ses>),
    /// Twilio's text messages.
    Twilio(Arc<Twilio>),
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
    /// The recipient is not written to any more.
    Suppressed(String),
}

impl Backends {
    /// What the settings name; the mailbox where they name nothing.
    pub(crate) async fn new(config: &Config, env: &Env, store: &Arc<dyn Store>) -> anyhow::Result<Self> {
        let email = if config.sends_by_ses() {
            Backend::Ses(Arc::new(Ses::new(&config.ses).await))
        } else {
            Backend::Mailbox(store.clone())
        };
        let sms = match Twilio::new(&config.twilio, env, store)? {
            Some(twilio) => Backend::Twilio(Arc::new(twilio)),
            None => Backend::Mailbox(store.clone()),
        };
        Ok(Self { email, sms })
    }

    /// Hands a message over; gives the provider's own id of it, where it has one. Handing one over a second time has no effect
    /// where the back end knows ids.
    pub(crate) async fn send(&self, message: Message, now: Timestamp) -> Result<Option<String>, Failure> {
        match message.channel {
            Channel::Email => self.email.send(message, now).await,
            Channel::Sms => self.sms.send(message, now).await,
        }
    }

    /// What has no provider: its messages stay in the store.
    pub(crate) fn without_provider(&self) -> Vec<&'static str> {
        [("mails", &self.email), ("text messages", &self.sms)]
            .into_iter()
            .filter(|(_, backend)| matches!(backend, Backend::Mailbox(_)))
            .map(|(messages, _)| messages)
            .collect()
    }
}

impl Backend {
    async fn send(&self, message: Message, now: Timestamp) -> Result<Option<String>, Failure> {
        match self {
            Self::Mailbox(store) => mailbox::send(&**store, message, now).await.map(|()| None),
            Self::Ses(ses) => ses.send(&message).await.map(Some),
            Self::Twilio(twilio) => twilio.send(&message, now).await.map(Some),
        }
    }
}
