//! How both adapters store a message.

use comptoir_mesh::error::Error;
use serde::{Deserialize, Serialize};

use crate::domain::message::{Channel, Message, Recipient, Subject};

/// A stored message.
#[derive(Serialize, Deserialize)]
pub(super) struct MessageDocument {
    id: String,
    channel: Channel,
    from: String,
    to: Recipient,
    subject: String,
    text: String,
    html: String,
}

impl From<Message> for MessageDocument {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            channel: message.channel,
            from: message.from,
            to: message.to,
            subject: message.subject.as_str().to_owned(),
            text: message.text,
            html: message.html,
        }
    }
}

impl TryFrom<MessageDocument> for Message {
    type Error = Error;

    fn try_from(document: MessageDocument) -> Result<Self, Error> {
        Ok(Self {
            id: document.id,
            channel: document.channel,
            from: document.from,
            to: document.to,
            subject: Subject::new(&document.subject).map_err(Error::internal)?,
            text: document.text,
            html: document.html,
        })
    }
}
