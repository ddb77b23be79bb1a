//! Results of calls. Refusals name fields as the client wrote them.

use comptoir_mesh::Error;
use tonic::{Response, Status};

use crate::backend::{Paths, renamed};
use crate::problem::Problem;

/// The result of a call.
pub(crate) trait CallResult<T> {
    /// The answer, or a problem whose fields are renamed by `paths` and are in camelCase.
    fn or_problem_for(self, paths: Paths) -> Result<T, Problem>;

    /// The answer, or a problem whose fields are in camelCase.
    fn or_problem(self) -> Result<T, Problem>
    where
        Self: Sized,
    {
        self.or_problem_for(&[])
    }
}

impl<T> CallResult<T> for Result<Response<T>, Status> {
    fn or_problem_for(self, paths: Paths) -> Result<T, Problem> {
        match self {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(renamed(Error::from_status(&status), paths).into()),
        }
    }
}
