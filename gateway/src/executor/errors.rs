//! How failures become GraphQL errors, and how the library's own errors get a code.

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

/// A refusal or failure as a GraphQL error: `extensions.code`, where it makes sense `retryAfter` in seconds, and for
/// defects of ours nothing but the request id.
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

/// Leaves the first errors of an answer; one without a place says how many more there were.
fn bound_errors(errors: &mut Vec<ServerError>) {
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
pub(crate) fn complete_errors(response: &mut Response) {
    bound_errors(&mut response.errors);
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
        if extensions.get("code").is_none() {
            extensions.set("code", ErrorReason::ValidationFailed.code());
        }
    }
}

/// The errors of an answer whose operation never began to run: those have no path. Parsing and validation are all that can
/// fail then.
pub(crate) fn take_refusal(response: &mut Response) -> Option<Vec<ServerError>> {
    let never_ran = response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty());
    never_ran.then(|| std::mem::take(&mut response.errors))
}

/// The refusal of a document, by the library's own words for it.
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
