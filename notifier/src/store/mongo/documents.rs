//! What stands in the collections. Times are microseconds, so that they sort and compare as the other adapter's.

use comptoir_mesh::error::Error;
use comptoir_stores::sqlite::{micros, timestamp};
use jiff::Timestamp;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime};
use serde::{Deserialize, Serialize};

use super::super::documents::MessageDocument;
use crate::domain::delivery::Delivery;
use crate::domain::feedback::{Report, Suppression};
use crate::domain::message::{Message, Recipient};
use crate::domain::record::{DeadLetter, DeadReason, InboxEntry};
use crate::store::Posted;

/// That an event was taken in.
#[derive(Serialize, Deserialize)]
pub(super) struct InboxDocument {
    #[serde(rename = "_id")]
    pub(super) id: String,
    topic: String,
    pub(super) body_sha256: Binary,
    received_at: i64,
    /// What it asks for, until that stands in its own collection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) deliveries: Vec<StoredDelivery>,
}

impl InboxDocument {
    pub(super) fn new(entry: InboxEntry, deliveries: Vec<Delivery>) -> Self {
        Self {
            id: entry.event_id,
            topic: entry.topic,
            body_sha256: binary(entry.body_sha256.to_vec()),
            received_at: micros(entry.received_at),
            deliveries: deliveries.into_iter().map(StoredDelivery::from).collect(),
        }
    }
}

/// A delivery, with what is looked up beside it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredDelivery {
    #[serde(rename = "_id")]
    id: String,
    version: i64,
    status: String,
    created_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<DueAt>,
    pub(super) delivery: Delivery,
}

/// When the worker has to look at a delivery. Events of one order can come within a microsecond: their sequence decides then.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct DueAt {
    pub(super) at: i64,
    sequence: i64,
}

/// What is read of a delivery to know when the worker has to look.
#[derive(Serialize, Deserialize)]
pub(super) struct Due {
    pub(super) due: DueAt,
}

impl From<Delivery> for StoredDelivery {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.clone(),
            version: delivery.version,
            status: delivery.status().as_str().to_owned(),
            created_at: micros(delivery.created_at),
            due: delivery.due().map(|due| DueAt {
                at: micros(due),
                sequence: number(delivery.sequence),
            }),
            delivery,
        }
    }
}

/// A record that could not be taken in.
#[derive(Serialize, Deserialize)]
pub(super) struct LetterDocument {
    #[serde(rename = "_id")]
    id: String,
    topic: String,
    key: String,
    event_id: String,
    sequence: i64,
    reason: String,
    error: String,
    payload: Binary,
    received_at: i64,
}

impl From<DeadLetter> for LetterDocument {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id,
            topic: letter.topic,
            key: letter.key,
            event_id: letter.event_id,
            sequence: number(letter.sequence),
            reason: letter.reason.as_str().to_owned(),
            error: letter.error,
            payload: binary(letter.payload),
            received_at: micros(letter.received_at),
        }
    }
}

impl From<LetterDocument> for DeadLetter {
    fn from(document: LetterDocument) -> Self {
        Self {
            id: document.id,
            topic: document.topic,
            key: document.key,
            event_id: document.event_id,
            sequence: u64::try_from(document.sequence).unwrap_or(0),
            reason: DeadReason::from_name(&document.reason).unwrap_or(DeadReason::HandlerFailed),
            error: document.error,
            payload: document.payload.bytes,
            received_at: timestamp(document.received_at),
        }
    }
}

/// A message in the mailbox.
#[derive(Serialize, Deserialize)]
pub(super) struct MailboxDocument {
    #[serde(rename = "_id")]
    id: String,
    /// As it is looked up: an address in lower case, a number's digits.
    recipient: String,
    created_at: i64,
    message: MessageDocument,
}

impl MailboxDocument {
    pub(super) fn new(message: Message, now: Timestamp) -> Self {
        Self {
            id: message.id.clone(),
            recipient: Recipient::lookup_key(message.to.as_str()),
            created_at: micros(now),
            message: message.into(),
        }
    }
}

impl TryFrom<MailboxDocument> for Posted {
    type Error = Error;

    fn try_from(document: MailboxDocument) -> Result<Self, Error> {
        Ok(Self {
            message: document.message.try_into()?,
            created_at: timestamp(document.created_at),
        })
    }
}

/// An address that is not written to any more.
#[derive(Serialize, Deserialize)]
pub(super) struct SuppressionDocument {
    /// The address's hash.
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) suppression: Suppression,
}

/// What a provider told last of a delivery.
#[derive(Serialize, Deserialize)]
pub(super) struct ReportDocument {
    /// The delivery's.
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) rank: i64,
    pub(super) report: Report,
}

/// What was used up.
#[derive(Serialize, Deserialize)]
pub(super) struct QuotaDocument {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) used: i64,
    /// A date of BSON's, as the server's own sweeper reads it.
    pub(super) expires_at: DateTime,
}

/// Mails to an unconfirmed address.
#[derive(Serialize, Deserialize)]
pub(super) struct CountedDocument {
    /// The address's hash.
    #[serde(rename = "_id")]
    pub(super) id: String,
    /// What a change is compared with.
    pub(super) version: i64,
    pub(super) mails: Vec<CountedEntry>,
    /// A date of BSON's, as the server's own sweeper reads it.
    pub(super) expires_at: DateTime,
}

/// One of them.
#[derive(Serialize, Deserialize)]
pub(super) struct CountedEntry {
    /// The delivery's.
    pub(super) id: String,
    pub(super) at: i64,
}

fn binary(bytes: Vec<u8>) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes,
    }
}

/// BSON has no unsigned numbers.
fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
