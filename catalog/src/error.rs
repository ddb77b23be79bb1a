//! The refusals that several modules return, with one wording.

use comptoir_mesh::{
    Error,
    error::{ErrorReason, Violation},
};

/// The thing does not exist, or the caller may not see it.
pub(crate) fn not_found(what: &str) -> Error {
    Error::new(ErrorReason::NotFound, format!("There is no such {what}."))
}

/// A field with a value it cannot have.
pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Error {
    Error::field(field, ErrorReason::ValidationFailed, message)
}

/// Puts the paths of an error below `parent`: the store names fields of a draft, the caller those of its request.
pub(crate) fn below(parent: &str, error: Error) -> Error {
    if error.field_violations().is_empty() {
        return error;
    }
    let moved = error.field_violations().iter().map(|violation| Violation {
        field: format!("{parent}.{}", violation.field),
        ..violation.clone()
    });
    Error::violations(moved.collect())
}
