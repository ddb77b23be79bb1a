//! Calls of services: their refusals tell of fields as the client wrote them.

use comptoir_mesh::Error;
use tonic::{Response, Status};

use crate::backend::{Paths, renamed};
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
