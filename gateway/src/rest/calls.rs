//! Calls of services: their refusals tell of fields as the client wrote them.

use comptoir_mesh::Error;
use comptoir_mesh::error::Violation;
use tonic::{Response, Status};

use crate::graphql::{Paths, argument_path};
use crate::problem::Problem;

/// What a service answered.
pub(crate) trait Answered<T> {
    /// The answer, or a problem whose fields are renamed by `paths` and in camelCase.
    fn answer_for(self, paths: Paths) -> Result<T, Problem>;

    /// The answer, or a problem whose fields are in camelCase.
    fn answer(self) -> Result<T, Problem>
    where
        Self: Sized,
    {
        self.answer_for(&[])
    }
}

impl<T> Answered<T> for Result<Response<T>, Status> {
    fn answer_for(self, paths: Paths) -> Result<T, Problem> {
        match self {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(renamed(Error::from_status(&status), paths).into()),
        }
    }
}

/// An error whose fields are those of the client's body.
pub(crate) fn renamed(error: Error, paths: Paths) -> Error {
    if error.field_violations().is_empty() {
        return error;
    }
    let rename = |violation: &Violation| {
        Violation::new(
            argument_path(&violation.field, paths).join("."),
            violation.reason,
            violation.message.as_str(),
        )
    };
    let renamed = Error::violations(error.field_violations().iter().map(rename).collect());
    match error.retry_after() {
        Some(wait) => renamed.with_retry_after(wait),
        None => renamed,
    }
}

/// What a service always sends.
pub(crate) fn present<T>(part: Option<T>) -> Result<T, Problem> {
    part.ok_or_else(|| Error::internal(anyhow::anyhow!("a service left out a part of its answer")).into())
}
