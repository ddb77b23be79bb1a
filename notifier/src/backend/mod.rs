//! Back ends that send messages: a closed set, chosen by configuration.

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

/// A back end. A new provider needs a variant, settings in [`crate::Config`], and an arm in [`Backend::send`] that
/// passes on the delivery's id, as the idempotency key if the provider supports one.
#[derive(Clone)]
pub(crate) enum Backend {
    /// Stores messages in the notifier's store, for development.
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

/// Why a message was not sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Permanent: a retry would fail too.
    Refused(String),
    /// Transient.
    Again(String),
    /// The recipient is suppressed.
    Suppressed(String),
}

impl Backends {
    /// The back ends in the settings; the mailbox for a channel without one.
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

    /// Sends a message, and returns the provider's id of it, if it has one. Sending it a second time has no effect if
    /// the back end supports idempotency keys.
    pub(crate) async fn send(&self, message: Message, now: Timestamp) -> Result<Option<String>, Failure> {
        match message.channel {
            Channel::Email => self.email.send(message, now).await,
            Channel::Sms => self.sms.send(message, now).await,
        }
    }

    /// The channels without a provider, whose messages stay in the store.
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
