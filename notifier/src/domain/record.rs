//! The inbox, and dead letters.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// An entry of the inbox: an event that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// The event.
    pub event_id: String,
    /// Its topic.
    pub topic: String,
    /// The digest of its bytes: the same id with another digest is a conflict.
    pub body_sha256: [u8; 32],
    /// When it was recorded.
    pub received_at: Timestamp,
}

/// The digest of an event's bytes.
pub fn digest(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(payload).into()
}

/// A record that can never be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Begins with `dead_`; derived from the record, so that a second delivery is the same dead letter.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// The record's key.
    pub key: String,
    /// The event's id, from the record.
    pub event_id: String,
    /// The event's sequence, from the record.
    pub sequence: u64,
    /// Why.
    pub reason: DeadReason,
    /// Why, in words; never the event's text.
    pub error: String,
    /// The record's bytes, for inspection and redrive; empty if the record is over the limit.
    pub payload: Vec<u8>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// Why a record can never be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadReason {
    /// The bytes are not an event, or not the record's event.
    DecodeError,
    /// Its schema is later than this build's.
    UnsupportedVersion,
    /// Its id was recorded before with another body.
    IdConflict,
    /// The event cannot be handled.
    HandlerFailed,
}

impl DeadReason {
    /// Its name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DecodeError => "DECODE_ERROR",
            Self::UnsupportedVersion => "UNSUPPORTED_VERSION",
            Self::IdConflict => "ID_CONFLICT",
            Self::HandlerFailed => "HANDLER_FAILED",
        }
    }

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::DecodeError,
            Self::UnsupportedVersion,
            Self::IdConflict,
            Self::HandlerFailed,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == name)
    }
}
