//! What is remembered of the events that came in: the inbox, and the dead letters.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// That an event was taken in, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// The event.
    pub event_id: String,
    /// Where it came from.
    pub topic: String,
    /// The digest of its bytes: the same id with another digest is a conflict.
    pub body_sha256: [u8; 32],
    /// When it was taken in.
    pub received_at: Timestamp,
}

/// The digest of an event's bytes.
pub fn digest(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(payload).into()
}

/// A record that could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Begins with `dead_`; derived from the record, so that its second coming is the same letter.
    pub id: String,
    /// Where it came from.
    pub topic: String,
    /// The record's key.
    pub key: String,
    /// The event's id, as the record gives it.
    pub event_id: String,
    /// Its place among those of its key, as the record gives it.
    pub sequence: u64,
    /// Why.
    pub reason: DeadReason,
    /// Why, in words; never text of the event's.
    pub error: String,
    /// The record's bytes, to be looked at and sent in again; none of a record over the limit.
    pub payload: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
}

/// Why a record could not be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadReason {
    /// The bytes are no event, or not the one the record says.
    DecodeError,
    /// Of a schema later than this build's.
    UnsupportedVersion,
    /// An id that came before with another body.
    IdConflict,
    /// The event cannot be worked with, tried as often as allowed.
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
