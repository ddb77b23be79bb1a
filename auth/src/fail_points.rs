//! The fail points of this crate, at which tests make the process die.

/// A fail point before and one after each write that must not be half done.
pub const FAIL_POINTS: &[&str] = &[
    "auth.mail.request.before",
    "auth.mail.request.after",
    "auth.mail.use.before",
    "auth.mail.use.after",
    "auth.session.rotate.before",
    "auth.session.rotate.after",
];

/// Passes the fail point of this name.
pub(crate) fn hit(name: &'static str) {
    debug_assert!(FAIL_POINTS.contains(&name), "{name} is not listed");
    comptoir_mesh::fail_points::hit(name);
}
