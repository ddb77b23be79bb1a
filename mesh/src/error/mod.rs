//! The error type of every service, with conversions to and from a `tonic::Status` with `ErrorInfo`.

use std::{fmt, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

#[cfg(feature = "mongodb")]
pub use self::mongodb::is_transient;
pub use self::reason::Reason;
pub use comptoir_proto::types::ErrorReason;

#[cfg(feature = "mongodb")]
mod mongodb;
mod reason;
#[cfg(feature = "sqlx")]
mod sqlx;

/// The `domain` of our `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "comptoir";

/// The most violations that an answer lists. A short request can have thousands of them; the others are counted.
pub const NAMED: usize = 20;

/// A refusal or failure, by what the caller can do about it. The message is public; the cause is for logs only.
pub struct Error {
    reason: ErrorReason,
    message: String,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    cause: Option<anyhow::Error>,
}

/// What is wrong with one field of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Dotted path into the request, as the proto spells it: `lines.0.quantity`.
    pub field: String,
    /// Why the field is refused.
    pub reason: ErrorReason,
    /// A sentence for a person.
    pub message: String,
}

impl Violation {
    /// A violation of `field`.
    pub fn new(field: impl Into<String>, reason: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason,
            message: message.into(),
        }
    }
}

/// A sentence about the errors that are not listed.
pub fn more_errors(count: usize) -> String {
    if count == 1 {
        "One more error is not shown.".to_owned()
    } else {
        format!("{count} more errors are not shown.")
    }
}

impl Error {
    /// A refusal. `message` is a clear sentence and public.
    pub fn new(reason: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            violations: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// A refusal because of one field.
    pub fn field(field: impl Into<String>, reason: ErrorReason, message: impl Into<String>) -> Self {
        Self::violations(vec![Violation::new(field, reason, message)])
    }

    /// A refusal because of several fields; the first one's reason and message stand for all. After [`NAMED`]
    /// violations a last one without a field counts the others.
    pub fn violations(mut violations: Vec<Violation>) -> Self {
        // Violations that are renamed on their way to the client come here a second time.
        let is_counted = violations.len() == NAMED + 1 && violations[NAMED].field.is_empty();
        if violations.len() > NAMED && !is_counted {
            let (reason, message) = (violations[0].reason, more_errors(violations.len() - NAMED));
            violations.truncate(NAMED);
            violations.push(Violation::new("", reason, message));
        }
        let (reason, message) = violations.first().map_or(
            (
                ErrorReason::ValidationFailed,
                "The request is not valid.".to_owned(),
            ),
            |first| (first.reason, first.message.clone()),
        );
        Self {
            reason,
            message,
            violations,
            retry_after: None,
            cause: None,
        }
    }

    /// An internal error. The cause is logged where this becomes an answer, and never sent.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let message = "Something went wrong on our side.";
        Self {
            cause: Some(cause.into()),
            ..Self::new(ErrorReason::Internal, message)
        }
    }

    /// A dependency cannot be reached; the caller may retry.
    pub fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        let message = "Something this needs cannot be reached. Try again shortly.";
        Self {
            cause: Some(cause.into()),
            ..Self::new(ErrorReason::DependencyUnavailable, message)
        }
        .with_retry_after(Duration::from_secs(1))
    }

    /// Sets when to retry.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The reason.
    pub fn reason(&self) -> ErrorReason {
        self.reason
    }

    /// The public sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The violations; may be empty.
    pub fn field_violations(&self) -> &[Violation] {
        &self.violations
    }

    /// When to retry.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the error is transient: the same call may succeed later.
    pub fn passes_by_itself(&self) -> bool {
        matches!(
            self.reason,
            ErrorReason::DependencyUnavailable | ErrorReason::Overloaded | ErrorReason::DeadlineExceeded
        )
    }

    /// The internal cause, for logs.
    pub fn cause(&self) -> Option<&anyhow::Error> {
        self.cause.as_ref()
    }

    /// Reads another service's error. A status without our `ErrorInfo` is mapped by its code.
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let known = details
            .error_info()
            .filter(|info| info.domain == DOMAIN)
            .and_then(|info| ErrorReason::from_code(&info.reason));
        let Some(reason) = known else {
            return Self::from_foreign_status(status);
        };
        let violations = details.bad_request().map_or_else(Vec::new, |bad| {
            bad.field_violations
                .iter()
                .map(|violation| {
                    // The reason of a violation travels in front of its description, as FieldViolation has no field for it here.
                    let (code, message) = violation.description.split_once(": ").unwrap_or(("", ""));
                    let reason_of_field = ErrorReason::from_code(code);
                    let text = if reason_of_field.is_some() {
                        message
                    } else {
                        violation.description.as_str()
                    };
                    Violation::new(violation.field.clone(), reason_of_field.unwrap_or(reason), text)
                })
                .collect()
        });
        Self {
            reason,
            message: status.message().to_owned(),
            violations,
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            cause: None,
        }
    }

    /// tonic itself answers some cases, with statuses that are not in our table.
    fn from_foreign_status(status: &Status) -> Self {
        let cause = anyhow::anyhow!("status {:?}: {}", status.code(), status.message());
        match status.code() {
            Code::Unavailable | Code::Unknown => Self::unavailable(cause),
            Code::DeadlineExceeded | Code::Cancelled => Self::new(
                ErrorReason::DeadlineExceeded,
                "It took too long; whether it was done is not known. Try again with the same key.",
            ),
            Code::OutOfRange => Self::new(ErrorReason::PayloadTooLarge, "The message is too large."),
            Code::ResourceExhausted => Self::new(
                ErrorReason::Overloaded,
                "The service has more work than it can do. Try again shortly.",
            )
            .with_retry_after(Duration::from_secs(1)),
            Code::Unauthenticated => Self::new(ErrorReason::Unauthenticated, "Sign in first."),
            Code::PermissionDenied => Self::new(ErrorReason::Forbidden, "You may not do this."),
            Code::NotFound => Self::new(ErrorReason::NotFound, "There is no such thing."),
            Code::InvalidArgument => Self::new(ErrorReason::ValidationFailed, status.message()),
            _ => Self::internal(cause),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        if let Some(cause) = &error.cause {
            // Logged here, once: past this point only the public text remains.
            if error.reason == ErrorReason::Internal {
                tracing::error!(error.reason = error.reason.code(), error.cause = %format!("{cause:#}"), "internal error");
            } else {
                tracing::warn!(error.reason = error.reason.code(), error.cause = %format!("{cause:#}"), "dependency failed");
            }
        }
        let mut details = ErrorDetails::with_error_info(error.reason.code(), DOMAIN, []);
        if !error.violations.is_empty() {
            let violations = error.violations.iter().map(|violation| {
                FieldViolation::new(
                    violation.field.clone(),
                    format!("{}: {}", violation.reason.code(), violation.message),
                )
            });
            details.set_bad_request(violations.collect::<Vec<_>>());
        }
        if let Some(wait) = error.retry_after {
            details.set_retry_info(Some(wait));
        }
        let mut status = Status::with_error_details(error.reason.grpc_code(), error.message.clone(), details);
        if error.reason == ErrorReason::Overloaded {
            let wait = error.retry_after.unwrap_or(Duration::from_secs(1)).as_millis();
            if let Ok(value) = wait.to_string().parse() {
                status.metadata_mut().insert("grpc-retry-pushback-ms", value);
            }
        }
        status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.code(), self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        for violation in &self.violations {
            write!(f, " [{}: {}]", violation.field, violation.reason.code())?;
        }
        if let Some(cause) = &self.cause {
            write!(f, " ({cause:#})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_violations_the_first_are_named_and_the_others_counted() {
        let many = |count: usize| -> Vec<Violation> {
            (0..count)
                .map(|n| Violation::new(format!("tags.{n}"), ErrorReason::InvalidText, "Not a text."))
                .collect()
        };
        let last = |error: &Error| error.field_violations().last().cloned();
        let error = Error::violations(many(2_000));
        assert_eq!(error.field_violations().len(), NAMED + 1);
        let more = Violation::new("", ErrorReason::InvalidText, "1980 more errors are not shown.");
        assert_eq!(last(&error), Some(more.clone()));
        // Services, the gateway and its renaming of fields each make it once more.
        let sent = Error::from_status(&Status::from(error));
        let again = Error::violations(sent.field_violations().to_vec());
        assert_eq!(
            (again.field_violations().len(), last(&again)),
            (NAMED + 1, Some(more))
        );
        assert_eq!(Error::violations(many(NAMED)).field_violations().len(), NAMED);
        let one_more = Error::violations(many(NAMED + 1));
        assert_eq!(
            last(&one_more).map(|more| more.message),
            Some("One more error is not shown.".to_owned())
        );
    }

    #[test]
    fn a_refusal_survives_the_wire() {
        let sent = Error::violations(vec![
            Violation::new(
                "lines.0.quantity",
                ErrorReason::InvalidQuantity,
                "A quantity is 1 or more.",
            ),
            Violation::new("email", ErrorReason::InvalidText, "Not an address."),
        ])
        .with_retry_after(Duration::from_secs(2));
        let got = Error::from_status(&Status::from(sent));
        assert_eq!(got.reason(), ErrorReason::InvalidQuantity);
        assert_eq!(got.message(), "A quantity is 1 or more.");
        assert_eq!(got.retry_after(), Some(Duration::from_secs(2)));
        assert_eq!(
            got.field_violations()[1],
            Violation::new("email", ErrorReason::InvalidText, "Not an address.")
        );
    }

    #[test]
    fn an_internal_cause_is_never_sent() {
        let status = Status::from(Error::internal(anyhow::anyhow!("SELECT secret")));
        assert!(!format!("{status:?}").contains("SELECT"));
        assert_eq!(status.code(), Code::Internal);
    }

    #[test]
    fn a_foreign_over_long_message_is_payload_too_large() {
        let error = Error::from_status(&Status::out_of_range("message too large"));
        assert_eq!(error.reason(), ErrorReason::PayloadTooLarge);
    }
}
