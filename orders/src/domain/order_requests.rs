//! Requests about an order and their idempotency keys: the same key and input gets the same answer for good.

use comptoir_mesh::error::{Error, ErrorReason, Reason as _};
use serde::{Deserialize, Serialize};

use super::order::Order;

/// The most refusals stored in an order; successful requests are stored for good.
const REFUSALS: usize = 50;

/// The operations with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// CancelOrder.
    Cancel,
    /// FulfillOrder.
    Fulfill,
    /// RefundOrder.
    Refund,
}

/// An answered request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The operation.
    pub operation: Operation,
    /// The caller: a user's id, or `guest`.
    pub caller: String,
    /// The idempotency key.
    pub key: String,
    /// A digest of the input.
    pub fingerprint: String,
    /// The result: the id of the cancellation, parcel or refund.
    pub subject: Option<String>,
    /// The answer, if it was a refusal.
    pub refused: Option<Refused>,
}

/// A stored refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The public code.
    pub code: String,
    /// The public sentence.
    pub message: String,
    /// The path into the input, if it is about one field.
    pub field: Option<String>,
}

impl Refused {
    /// The refusal to store.
    pub fn of(error: &Error) -> Self {
        Self {
            code: error.reason().code().to_owned(),
            message: error.message().to_owned(),
            field: error
                .field_violations()
                .first()
                .map(|violation| violation.field.clone()),
        }
    }

    /// The refusal, as an error.
    pub fn error(&self) -> Error {
        let reason = ErrorReason::from_code(&self.code).unwrap_or(ErrorReason::InvalidState);
        match &self.field {
            Some(field) => Error::field(field, reason, &self.message),
            None => Error::new(reason, &self.message),
        }
    }
}

impl Order {
    /// The earlier request with the same key, if any. The key with another input is IDEMPOTENCY_KEY_REUSED.
    pub fn earlier(&self, asked: &Request) -> Result<Option<&Request>, Error> {
        let earlier = self.requests.iter().find(|earlier| {
            earlier.operation == asked.operation && earlier.caller == asked.caller && earlier.key == asked.key
        });
        match earlier {
            Some(earlier) if earlier.fingerprint != asked.fingerprint => Err(key_reused()),
            other => Ok(other),
        }
    }

    /// Stores a request.
    pub fn remember(&mut self, request: Request) {
        self.requests.push(request);
        let refusals = self
            .requests
            .iter()
            .filter(|request| request.refused.is_some())
            .count();
        if refusals > REFUSALS
            && let Some(oldest) = self.requests.iter().position(|request| request.refused.is_some())
        {
            self.requests.remove(oldest);
        }
    }
}

/// The key was used before with another input.
pub fn key_reused() -> Error {
    Error::field(
        "request_id",
        ErrorReason::IdempotencyKeyReused,
        "This idempotency key was used before with another input.",
    )
}
