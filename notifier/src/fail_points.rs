//! The fail points of this crate, at which tests make the process die.

/// In the order an event passes them.
pub const FAIL_POINTS: &[&str] = &[
    "notifier.record.before",
    "notifier.record.after",
    "notifier.bury.before",
    "notifier.bury.after",
    "notifier.claim.before",
    "notifier.claim.after",
    "notifier.send.before",
    "notifier.send.after",
    "notifier.sent.before",
    "notifier.sent.after",
];
