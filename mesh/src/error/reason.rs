//! The table of refusals: each reason's code, HTTP status and gRPC code.

use comptoir_proto::types::ErrorReason;
use tonic::Code;

const PREFIX: &str = "ERROR_REASON_";

/// What the table says of a reason.
pub trait Reason: Sized {
    /// The public code: `NOT_FOUND`.
    fn code(self) -> &'static str;
    /// The reason with this public code.
    fn from_code(code: &str) -> Option<Self>;
    /// The HTTP status it is answered with.
    fn http_status(self) -> u16;
    /// The gRPC code it is answered with.
    fn grpc_code(self) -> Code;
}

impl Reason for ErrorReason {
    fn code(self) -> &'static str {
        let name = self.as_str_name();
        name.strip_prefix(PREFIX).unwrap_or(name)
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::from_str_name(&format!("{PREFIX}{code}")).filter(|reason| *reason != Self::Unspecified)
    }

    fn http_status(self) -> u16 {
        use ErrorReason as R;
        match self {
            R::Unspecified | R::Internal => 500,
            R::ValidationFailed
            | R::InvalidId
            | R::InvalidJson
            | R::UnknownField
            | R::LimitOutOfRange
            | R::InvalidSort
            | R::InvalidKey
            | R::InvalidEncoding
            | R::DuplicateParameter
            | R::QueryTooLong
            | R::IdempotencyKeyRequired
            | R::IdempotencyKeyInvalid
            | R::QueryTooDeep
            | R::QueryTooComplex
            | R::TooManyAliases
            | R::TooManyDirectives
            | R::DocumentTooLarge
            | R::BatchNotAllowed
            | R::IntrospectionDisabled
            | R::PersistedQueryNotFound
            | R::PersistedQueryMismatch => 400,
            R::Unauthenticated
            | R::TokenInvalid
            | R::TokenExpired
            | R::TokenRevoked
            | R::TokenReused
            | R::InvalidCredentials
            | R::WebhookSignatureInvalid
            | R::WebhookStale => 401,
            R::PaymentDeclined | R::PaymentFailed => 402,
            R::Forbidden | R::ReauthRequired => 403,
            R::NotFound => 404,
            R::MethodNotAllowed => 405,
            R::NotAcceptable => 406,
            R::RequestTimeout => 408,
            R::IdempotencyInProgress
            | R::CartAlreadyOrdered
            | R::PriceChanged
            | R::InsufficientStock
            | R::InvalidState
            | R::DiscountCodeLimitReached
            | R::EventConflict => 409,
            R::VersionConflict => 412,
            R::PayloadTooLarge => 413,
            R::UriTooLong => 414,
            R::UnsupportedMediaType | R::UnsupportedEncoding => 415,
            R::IdempotencyKeyReused
            | R::InvalidQuantity
            | R::QuantityOutOfRange
            | R::TooManyLines
            | R::InvalidCurrency
            | R::CurrencyMismatch
            | R::ProductUnavailable
            | R::DiscountCodeInvalid
            | R::DiscountCodeExpired
            | R::RefundExceedsCapture
            | R::WeakPassword
            | R::InvalidText
            | R::InvalidImage
            | R::UrlNotAllowed
            | R::DestinationNotAllowed => 422,
            R::PreconditionRequired => 428,
            R::TooManyAttempts | R::RateLimited | R::ReservationLimit => 429,
            R::HeadersTooLarge => 431,
            R::Overloaded | R::DependencyUnavailable => 503,
            R::DeadlineExceeded => 504,
        }
    }

    fn grpc_code(self) -> Code {
        use ErrorReason as R;
        match self {
            R::Overloaded => Code::ResourceExhausted,
            R::InsufficientStock
            | R::InvalidState
            | R::DiscountCodeLimitReached
            | R::PaymentDeclined
            | R::PaymentFailed
            | R::IdempotencyKeyReused
            | R::ProductUnavailable
            | R::CurrencyMismatch
            | R::DiscountCodeInvalid
            | R::DiscountCodeExpired
            | R::RefundExceedsCapture
            | R::DestinationNotAllowed => Code::FailedPrecondition,
            other => match other.http_status() {
                400 | 405 | 406 | 408 | 414 | 415 | 422 | 428 | 431 => Code::InvalidArgument,
                401 => Code::Unauthenticated,
                403 => Code::PermissionDenied,
                404 => Code::NotFound,
                409 | 412 => Code::Aborted,
                413 | 429 => Code::ResourceExhausted,
                503 => Code::Unavailable,
                504 => Code::DeadlineExceeded,
                _ => Code::Internal,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_names_without_their_prefix() {
        assert_eq!(ErrorReason::NotFound.code(), "NOT_FOUND");
        assert_eq!(ErrorReason::from_code("NOT_FOUND"), Some(ErrorReason::NotFound));
        assert_eq!(ErrorReason::from_code("UNSPECIFIED"), None);
        assert_eq!(ErrorReason::from_code("nonsense"), None);
    }
}
