//! Two each of gateway, catalog, orders and notifier at once, on the real servers: what one of them did, the others know.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use tokio::sync::Mutex;

#[path = "../doubles/mod.rs"]
mod doubles;
mod once;
mod seen;
mod views;

/// Nine processes at a time are enough for one machine, and what is timed here is not how they share it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
/// Longer than anything takes that is not timed.
const WAIT: Duration = Duration::from_secs(60);
