//! Checks of the caller's identity and role.

use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::identity::{Role, User};

use super::{Failure, RequestData};

/// The signed-in user, or UNAUTHENTICATED.
pub(crate) fn signed_in(user: Option<&User>) -> Result<&User, Failure> {
    user.ok_or_else(|| Failure::new(ErrorReason::Unauthenticated, "Sign in first."))
}

/// The user with at least this role, or UNAUTHENTICATED or FORBIDDEN.
pub(crate) fn with_role(user: Option<&User>, role: Role) -> Result<&User, Failure> {
    let user = signed_in(user)?;
    if user.role >= role {
        return Ok(user);
    }
    Err(Failure::new(ErrorReason::Forbidden, "Your role may not do this."))
}

/// Refuses a request without a token. Its answer is private to the caller.
pub(crate) fn require_user(data: &RequestData) -> Result<&User, Failure> {
    data.private();
    signed_in(data.caller.as_deref())
}

/// Refuses callers that are not STAFF or ADMIN. The answer is private to the caller.
pub(crate) fn require_staff(data: &RequestData) -> Result<(), Failure> {
    data.private();
    with_role(data.caller.as_deref(), Role::Staff).map(drop)
}

/// Refuses callers that are not ADMIN. The answer is private to the caller.
pub(crate) fn require_admin(data: &RequestData) -> Result<(), Failure> {
    data.private();
    with_role(data.caller.as_deref(), Role::Admin).map(drop)
}
