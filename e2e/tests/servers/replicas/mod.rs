//! Two each of gateway, catalog, orders and notifier at once, on the real servers: each knows the changes of the others.

use std::time::Duration;

mod once;
mod seen;
mod views;

/// Longer than any wait that is not measured.
const WAIT: Duration = Duration::from_secs(60);
