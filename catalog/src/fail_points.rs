//! The fail points of this crate, at which tests make the process die.

/// A fail point before and one after each write that an order depends on.
pub const FAIL_POINTS: &[&str] = &[
    "catalog.reserve.before",
    "catalog.reserve.after",
    "catalog.confirm.before",
    "catalog.confirm.after",
    "catalog.release.before",
    "catalog.release.after",
];

/// Passes the fail point of this name.
pub(crate) fn hit(name: &'static str) {
    debug_assert!(FAIL_POINTS.contains(&name), "{name} is not listed");
    comptoir_mesh::fail_points::hit(name);
}
