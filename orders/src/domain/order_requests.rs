//! What was asked of an order with which key, so that the same key and input gives the same answer for good.

use comptoir_mesh::error::{Error, ErrorReason, Reason as _};
use serde::{Deserialize, Serialize};

use super::order::Order;

/// How many refusals an order remembers; what was done is remembered for good.
const REFUSALS: usize = 50;

/// What can be asked with a key.
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

/// A call that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What was asked.
    pub operation: Operation,
    /// Who asked: a user's id, or `guest`.
    pub caller: String,
    /// The idempotency key.
    pub key: String,
    /// A digest of the input.
    pub fingerprint: String,
    /// What came of it: the id of what was made, a cancellation, parcel or refund.
    pub subject: Option<String>,
    /// The answer, where it was a refusal.
    pub refused: Option<Refused>,
}

/// A refusal that stands for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The public code.
    pub code: String,
    /// The public sentence.
    pub message: String,
    /// The path into the input, where one field was it.
    pub field: Option<String>,
}

impl Refused {
    /// The refusal to remember.
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

    /// The refusal as it was answered.
    pub fn error(&self) -> Error {
        let reason = ErrorReason::from_code(&self.code).unwrap_or(ErrorReason::InvalidState);
        match &self.field {
            Some(field) => Error::field(field, reason, &self.message),
            None => Error::new(reason, &self.message),
        }
    }
}

impl Order {
    /// What the same call with the same key met before. The key with another input is IDEMPOTENCY_KEY_REUSED.
    pub fn earlier(&self, asked: &Request) -> Result<Option<&Request>, Error> {
        let earlier = self.requests.iter().find(|earlier| {
            earlier.operation == asked.operation && earlier.caller == asked.caller && earlier.key == asked.key
        });
        match earlier {
            Some(earlier) if earlier.fingerprint != asked.fingerprint => Err(key_reused()),
            other => Ok(other),
        }
    }

    /// Remembers a call.
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
