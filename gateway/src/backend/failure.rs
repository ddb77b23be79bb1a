//! Why a call failed.

use std::sync::Arc;

use comptoir_mesh as mesh;
use comptoir_mesh::error::ErrorReason;
use tonic::Status;

use crate::problem::Problem;

/// A failed call. It does not implement `Display`, so that it can only reach an answer as a [`Problem`] or a GraphQL error.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Arc<mesh::Error>);

impl Failure {
    /// Creates a failure that the gateway itself causes.
    pub(crate) fn new(reason: ErrorReason, message: &str) -> Self {
        Self(Arc::new(mesh::Error::new(reason, message)))
    }

    pub(crate) fn reason(&self) -> ErrorReason {
        self.0.reason()
    }

    /// Whether the argument has a form that no stored value has.
    pub(crate) fn is_malformed(&self) -> bool {
        matches!(
            self.reason(),
            ErrorReason::ValidationFailed | ErrorReason::InvalidText
        )
    }

    pub(crate) fn error(&self) -> &mesh::Error {
        &self.0
    }

    /// Whether the requested thing does not exist as far as this caller may know. A malformed id gets the same answer as an
    /// unknown one.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(
            self.reason(),
            ErrorReason::NotFound
                | ErrorReason::InvalidId
                | ErrorReason::Forbidden
                | ErrorReason::Unauthenticated
        )
    }
}

impl From<mesh::Error> for Failure {
    fn from(error: mesh::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        mesh::Error::from_status(&status).into()
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        failure.0.into()
    }
}

/// Returns the response, or `None` if the thing does not exist or is hidden from the caller.
pub(crate) fn optional<T>(answer: Result<tonic::Response<T>, Status>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(response) => Ok(Some(response.into_inner())),
        Err(status) => {
            let failure = Failure::from(status);
            if failure.is_absence() {
                Ok(None)
            } else {
                Err(failure)
            }
        }
    }
}

/// Unwraps a field that services always set.
pub(crate) fn present<T>(part: Option<T>) -> Result<T, Failure> {
    part.ok_or_else(|| {
        mesh::Error::internal(anyhow::anyhow!("a service left out a part of its answer")).into()
    })
}
