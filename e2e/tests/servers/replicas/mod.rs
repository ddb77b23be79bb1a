//! Two each of gateway, catalog, orders and notifier at once, on the real servers: what one of them did, the others know.

use std::time::Duration;

mod once;
mod seen;
mod views;

/// Longer than anything takes that is not timed.
const WAIT: Duration = Duration::from_secs(60);
