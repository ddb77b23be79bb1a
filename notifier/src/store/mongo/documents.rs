//! The documents in the collections. Times are microseconds, so that they sort and compare as in the other adapter.

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

/// An entry of the inbox.
#[derive(Serialize, Deserialize)]
pub(super) struct InboxDocument {
    #[serde(rename = "_id")]
    pub(super) id: String,
    topic: String,
    pub(super) body_sha256: Binary,
    received_at: i64,
    /// Its deliveries, until they are in their own collection.
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

/// A delivery, with the fields it is found by.
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

/// When a delivery is due. Events of one order can have the same microsecond: then their sequence decides.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct DueAt {
    pub(super) at: i64,
    sequence: i64,
}

/// The part of a delivery that tells when it is due.
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

/// A record that can never be handled.
#[derive(Serialize, Deserialize)]
pub(super) struct DeadLetterDocument {
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

impl From<DeadLetter> for DeadLetterDocument {
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

impl From<DeadLetterDocument> for DeadLetter {
    fn from(document: DeadLetterDocument) -> Self {
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
    /// The lookup key: an address in lower case, a number's digits.
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

/// A suppressed address.
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

/// A used quota.
#[derive(Serialize, Deserialize)]
pub(super) struct QuotaDocument {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) used: i64,
    /// A BSON date, for the server's time-to-live index.
    pub(super) expires_at: DateTime,
}

/// Mails to an unconfirmed address.
#[derive(Serialize, Deserialize)]
pub(super) struct CountedDocument {
    /// The address's hash.
    #[serde(rename = "_id")]
    pub(super) id: String,
    /// The version, for compare-and-set.
    pub(super) version: i64,
    pub(super) mails: Vec<CountedEntry>,
    /// A BSON date, for the server's time-to-live index.
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
