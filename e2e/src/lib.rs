//! What the end-to-end tests share: a real `comptoir up` on a folder on disk, called over sockets.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

pub mod buyer;
pub mod calls;
pub mod cluster;
pub mod databases;
pub mod mails;
pub mod process;
pub mod shop;
pub mod topic;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::{buyer::Buyer, calls::Calls, shop::Shop};

/// How often each race is run: the variable `ROUNDS`, or 5.
pub fn rounds() -> usize {
    std::env::var("ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(5)
}

/// What the environment says of a server; `None`, and said on the test's output, where it says nothing.
pub fn server(variable: &str, test: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        skip(test, &format!("{variable} is not set"));
    }
    url
}

/// Says on the test's output that it did not run, and why; the test command counts and lists these lines.
pub fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
}

/// The time of day, since 1970: providers sign with it, and it tells one run's databases from another's.
#[expect(
    clippy::disallowed_methods,
    reason = "tests stand outside of the processes whose clocks are set"
)]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
