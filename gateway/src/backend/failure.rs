//! Why a call failed.

use std::sync::Arc;

use comptoir_mesh as mesh;
use comptoir_mesh::error::ErrorReason;
use tonic::Status;

use crate::problem::Problem;

/// A failed call. Not `Display`, so that it reaches an answer only by a conversion: to a [`Problem`] or to a GraphQL error.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Arc<mesh::Error>);

impl Failure {
    /// A refusal of the gateway's own.
    pub(crate) fn new(reason: ErrorReason, message: &str) -> Self {
        Self(Arc::new(mesh::Error::new(reason, message)))
    }

    /// Why it failed.
    pub(crate) fn reason(&self) -> ErrorReason {
        self.0.reason()
    }

    /// Whether the argument is of a form that nothing has.
    pub(crate) fn is_malformed(&self) -> bool {
        matches!(
            self.reason(),
            ErrorReason::ValidationFailed | ErrorReason::InvalidText
        )
    }

    /// The error itself.
    pub(crate) fn error(&self) -> &mesh::Error {
        &self.0
    }

    /// Whether the thing asked for is, as far as this caller may know, just not there. Malformed ids are of things that
    /// are not there, and get the very same answer.
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

/// The answer's body, or `None` where the thing is absent or not the caller's to see.
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

/// What a service always sends.
pub(crate) fn present<T>(part: Option<T>) -> Result<T, Failure> {
    part.ok_or_else(|| {
        mesh::Error::internal(anyhow::anyhow!("a service left out a part of its answer")).into()
    })
}
