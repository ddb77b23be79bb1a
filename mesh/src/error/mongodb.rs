//! Failures of MongoDB.

use mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};

use super::Error;

impl From<MongoError> for Error {
    fn from(error: MongoError) -> Self {
        if is_transient(&error) {
            Self::unavailable(error)
        } else {
            Self::internal(error)
        }
    }
}

/// Whether a retry may succeed: no server could be reached, a connection was lost, a new primary is being elected, or a
/// majority did not acknowledge in time.
pub fn is_transient(error: &MongoError) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Write(WriteFailure::WriteConcernError(_)) => true,
        // Interrupted or shutting down, no primary, a time limit passed.
        ErrorKind::Command(failure) => matches!(
            failure.code,
            6 | 7 | 50 | 64 | 89 | 91 | 189 | 262 | 9001 | 10058 | 10107 | 11600 | 11602 | 13435 | 13436
        ),
        _ => error.contains_label("RetryableWriteError"),
    }
}
