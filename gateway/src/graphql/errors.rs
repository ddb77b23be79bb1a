//! How failures of a call become GraphQL errors. What a mutation may expect becomes a `UserError` instead: see `refusals`.

use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, Response, ServerError};
use comptoir_mesh as mesh;
use comptoir_mesh::error::{ErrorReason, NAMED, Reason as _, more_errors};
use tonic::Status;

use super::data::RequestData;

/// A failed field. Not `Display`, so that nothing becomes an error of an answer but by the conversion below.
#[derive(Clone, Debug)]
pub(super) struct Failure(Arc<mesh::Error>);

impl Failure {
    /// A refusal of the gateway's own.
    pub(super) fn new(reason: ErrorReason, message: &str) -> Self {
        Self(Arc::new(mesh::Error::new(reason, message)))
    }

    /// Why it failed.
    pub(super) fn reason(&self) -> ErrorReason {
        self.0.reason()
    }

    /// Whether the argument is of a form that nothing has.
    pub(super) fn is_malformed(&self) -> bool {
        matches!(
            self.reason(),
            ErrorReason::ValidationFailed | ErrorReason::InvalidText
        )
    }

    /// The error itself.
    pub(super) fn error(&self) -> &mesh::Error {
        &self.0
    }

    /// Whether the thing asked for is, as far as this caller may know, just not there. Malformed ids are of things that
    /// are not there, and get the very same answer.
    pub(super) fn is_absence(&self) -> bool {
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

impl From<Failure> for async_graphql::Error {
    fn from(failure: Failure) -> Self {
        error_of(&failure.0)
    }
}

/// A refusal or failure as a GraphQL error: `extensions.code`, where it makes sense `retryAfter` in seconds, and for
/// defects of ours nothing but the request id.
pub fn error_of(error: &mesh::Error) -> async_graphql::Error {
    let reason = error.reason();
    if let Some(cause) = error.cause() {
        tracing::warn!(error.reason = reason.code(), error.cause = %format!("{cause:#}"), "a field failed");
    }
    let mut answer = async_graphql::Error::new(error.message());
    let extensions = answer.extensions.get_or_insert_default();
    extensions.set("code", reason.code());
    if let Some(wait) = error.retry_after() {
        extensions.set("retryAfter", wait.as_secs_f64().ceil() as u64);
    }
    if reason == ErrorReason::Internal {
        extensions.set("requestId", mesh::context::current().request_id.to_string());
    }
    answer
}

/// Leaves the first errors of an answer; one without a place says how many more there were.
pub(crate) fn bound_errors(errors: &mut Vec<ServerError>) {
    // An answer that turns out to be a refusal comes here a second time.
    let is_counted = errors.len() == NAMED + 1 && errors[NAMED].locations.is_empty();
    if errors.len() > NAMED && !is_counted {
        let mut more = ServerError::new(more_errors(errors.len() - NAMED), None);
        more.extensions.clone_from(&errors[0].extensions);
        errors.truncate(NAMED);
        errors.push(more);
    }
}

/// Puts a code on the errors the library made itself: arguments and variables of values their types refuse.
pub fn complete_errors(response: &mut Response) {
    bound_errors(&mut response.errors);
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
        if extensions.get("code").is_none() {
            extensions.set("code", ErrorReason::ValidationFailed.code());
        }
    }
}

/// The answer's body, or `None` where the thing is absent or not the caller's to see.
pub(super) fn optional<T>(answer: Result<tonic::Response<T>, Status>) -> Result<Option<T>, Failure> {
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
pub(super) fn present<T>(part: Option<T>) -> Result<T, Failure> {
    part.ok_or_else(|| {
        mesh::Error::internal(anyhow::anyhow!("a service left out a part of its answer")).into()
    })
}

/// Refuses callers without a token.
pub(super) fn require_user(data: &RequestData) -> Result<&mesh::identity::User, Failure> {
    data.private();
    data.caller
        .as_deref()
        .ok_or_else(|| Failure::new(ErrorReason::Unauthenticated, "Sign in first."))
}

/// Refuses callers that are not STAFF or ADMIN.
pub(super) fn require_staff(data: &RequestData) -> Result<(), Failure> {
    require_role(data, mesh::identity::Role::Staff)
}

/// Refuses callers that are not ADMIN.
pub(super) fn require_admin(data: &RequestData) -> Result<(), Failure> {
    require_role(data, mesh::identity::Role::Admin)
}

fn require_role(data: &RequestData, role: mesh::identity::Role) -> Result<(), Failure> {
    if require_user(data)?.role >= role {
        return Ok(());
    }
    Err(Failure::new(ErrorReason::Forbidden, "Your role may not do this."))
}
