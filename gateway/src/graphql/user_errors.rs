//! Expected refusals of mutations: `userErrors` with a path into the mutation's arguments.
//!
//! A `UserError` is a refusal that is caused by the caller's input or by the current state: the codes of 400, 402, 404, 409,
//! 412 and 422, wrong credentials, a wrong current password, and an invalid token that is an argument. All other failures
//! are errors of the answer: missing or invalid access tokens, insufficient roles, rate limits, outages.

use async_graphql::SimpleObject;
use comptoir_mesh as mesh;
use comptoir_mesh::error::{ErrorReason, Reason as _};
use tonic::Status;

use crate::backend::{Failure, Paths, argument_path, is_idempotency_key, present};

/// An expected refusal. `code` is one of the API's codes. `field` is the path into the input.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub(super) struct UserError {
    pub(super) code: String,
    pub(super) field: Option<Vec<String>>,
    pub(super) message: String,
}

impl UserError {
    /// Creates a refusal of one argument.
    pub(super) fn new(reason: ErrorReason, field: &[&str], message: &str) -> Self {
        let field = field.iter().map(|&part| part.to_owned()).collect();
        Self::at(reason.code(), field, message)
    }

    /// Creates a refusal with a path into the arguments. An empty path becomes null.
    pub(super) fn at(code: &str, field: Vec<String>, message: &str) -> Self {
        let field = Some(field).filter(|field| !field.is_empty());
        Self {
            code: code.to_owned(),
            field,
            message: message.to_owned(),
        }
    }
}

/// The result of a mutation: a value, or the reasons why it was refused.
pub(super) type MutationResult<T> = Result<T, Vec<UserError>>;

/// Converts the result of a call. Expected refusals become user errors.
pub(super) fn mutation_result<R, T>(
    answer: Result<tonic::Response<R>, Status>,
    paths: Paths,
    take: impl FnOnce(R) -> Option<T>,
) -> Result<MutationResult<T>, Failure> {
    match answer {
        Ok(response) => Ok(Ok(present(take(response.into_inner()))?)),
        Err(status) => as_user_errors(status.into(), paths).map(Err),
    }
}

/// Like `mutation_result`, for a call with a mailed token or refresh token as an argument.
pub(super) fn token_mutation_result<R, T>(
    answer: Result<tonic::Response<R>, Status>,
    paths: Paths,
    take: impl FnOnce(R) -> Option<T>,
) -> Result<MutationResult<T>, Failure> {
    match answer {
        Ok(response) => Ok(Ok(present(take(response.into_inner()))?)),
        Err(status) => {
            let failure = Failure::from(status);
            if is_about_token(failure.reason()) {
                return Ok(Err(user_errors(failure.error(), paths)));
            }
            as_user_errors(failure, paths).map(Err)
        }
    }
}

/// Converts an expected refusal to user errors. Returns other failures.
pub(super) fn as_user_errors(failure: Failure, paths: Paths) -> Result<Vec<UserError>, Failure> {
    if is_expected(failure.reason()) {
        Ok(user_errors(failure.error(), paths))
    } else {
        Err(failure)
    }
}

fn is_about_token(reason: ErrorReason) -> bool {
    use ErrorReason::{TokenExpired, TokenInvalid, TokenReused, TokenRevoked};
    matches!(reason, TokenInvalid | TokenExpired | TokenRevoked | TokenReused)
}

fn is_expected(reason: ErrorReason) -> bool {
    matches!(
        reason,
        ErrorReason::InvalidCredentials | ErrorReason::ReauthRequired
    ) || matches!(reason.http_status(), 400 | 402 | 404 | 409 | 412 | 422)
}

fn user_errors(error: &mesh::Error, paths: Paths) -> Vec<UserError> {
    let violations = error.field_violations();
    if violations.is_empty() {
        return vec![UserError::at(error.reason().code(), Vec::new(), error.message())];
    }
    let user_error = |violation: &mesh::error::Violation| {
        UserError::at(
            violation.reason.code(),
            argument_path(&violation.field, paths),
            &violation.message,
        )
    };
    violations.iter().map(user_error).collect()
}

/// Refuses idempotency keys that are not 1 to 255 printable ASCII characters.
pub(super) fn check_idempotency_key(key: &str) -> MutationResult<()> {
    if is_idempotency_key(key.as_bytes()) {
        return Ok(());
    }
    let message = "An idempotency key is 1 to 255 printable ASCII characters.";
    Err(vec![UserError::new(
        ErrorReason::IdempotencyKeyInvalid,
        &["idempotencyKey"],
        message,
    )])
}

/// Declares the payload of a mutation: a nullable value and the user errors.
macro_rules! payload {
    ($(#[$attribute:meta])* $payload:ident { $field:ident: $value:ty }) => {
        $(#[$attribute])*
        #[derive(async_graphql::SimpleObject)]
        pub(super) struct $payload {
            $field: Option<$value>,
            user_errors: Vec<$crate::graphql::user_errors::UserError>,
        }

        impl From<$crate::graphql::user_errors::MutationResult<$value>> for $payload {
            fn from(result: $crate::graphql::user_errors::MutationResult<$value>) -> Self {
                match result {
                    Ok(value) => Self { $field: Some(value), user_errors: Vec::new() },
                    Err(user_errors) => Self { $field: None, user_errors },
                }
            }
        }
    };
}
pub(super) use payload;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_keys_are_printable_ascii() {
        for good in ["a", "0f8fad5b-d9cb-469f-a165-70867728950e", "~ ~"] {
            assert!(check_idempotency_key(good).is_ok(), "{good}");
        }
        for bad in ["", "clé", "a\nb", &"k".repeat(256)] {
            assert!(check_idempotency_key(bad).is_err(), "{bad}");
        }
    }
}
