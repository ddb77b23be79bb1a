//! Converts failures to GraphQL errors, and adds codes to the library's own errors.

use async_graphql::{ErrorExtensionValues, Response, ServerError, Value};
use comptoir_mesh as mesh;
use comptoir_mesh::error::{ErrorReason, NAMED, Reason as _, more_errors};

use crate::backend::Failure;
use crate::problem::Problem;

impl From<Failure> for async_graphql::Error {
    fn from(failure: Failure) -> Self {
        error_of(failure.error())
    }
}

/// Converts an error: `extensions.code`, `retryAfter` in seconds if there is one, and for internal errors only the request
/// id.
fn error_of(error: &mesh::Error) -> async_graphql::Error {
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

/// Keeps the first errors of an answer, and adds one without a location that says how many more there were.
fn bound_errors(errors: &mut Vec<ServerError>) {
    // The errors of a refusal pass through here twice.
    let is_counted = errors.len() == NAMED + 1 && errors[NAMED].locations.is_empty();
    if errors.len() > NAMED && !is_counted {
        let mut more = ServerError::new(more_errors(errors.len() - NAMED), None);
        more.extensions.clone_from(&errors[0].extensions);
        errors.truncate(NAMED);
        errors.push(more);
    }
}

/// Adds a code to the library's own errors, which are about values of arguments and variables.
pub(crate) fn complete_errors(response: &mut Response) {
    bound_errors(&mut response.errors);
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
        if extensions.get("code").is_none() {
            extensions.set("code", ErrorReason::ValidationFailed.code());
        }
    }
}

/// Takes the errors of an answer whose operation did not start: they have no path. Only parsing and validation fail before
/// the start.
pub(crate) fn take_refusal(response: &mut Response) -> Option<Vec<ServerError>> {
    let never_ran = response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty());
    never_ran.then(|| std::mem::take(&mut response.errors))
}

/// The refusal of a document, with the library's messages.
pub(crate) fn refused(mut errors: Vec<ServerError>) -> Problem {
    bound_errors(&mut errors);
    let message = errors
        .first()
        .map_or_else(String::new, |error| error.message.clone());
    let errors = errors.into_iter().map(|error| {
        let locations: Vec<_> =
            error.locations.iter().map(|at| serde_json::json!({ "line": at.line, "column": at.column })).collect();
        let code = ErrorReason::ValidationFailed.code();
        serde_json::json!({ "message": error.message, "locations": locations, "extensions": { "code": code } })
    });
    Problem::new(ErrorReason::ValidationFailed, message).with_graphql_errors(errors.collect())
}
