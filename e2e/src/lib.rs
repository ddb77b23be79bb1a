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

/// Whether the campaigns run in full, as `COMPTOIR_TEST_FULL=1` asks. Without it each fault happens once, with fewer buyers.
pub fn is_full() -> bool {
    std::env::var("COMPTOIR_TEST_FULL").is_ok_and(|value| !["", "0"].contains(&value.as_str()))
}

/// A number that a variable sets; else one for a full run and one for a quick run.
pub fn number(variable: &str, full: usize, quick: usize) -> usize {
    let set = std::env::var(variable).ok().and_then(|value| value.parse().ok());
    set.unwrap_or(if is_full() { full } else { quick })
}

/// How often each race is run; the variable `ROUNDS` sets it.
pub fn rounds() -> usize {
    number("ROUNDS", 5, 1)
}

/// The URL of a server by its variable. `None`, with a note on the test's output, if it is not set.
pub fn server(variable: &str, test: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        skip(test, &format!("{variable} is not set"));
    }
    url
}

/// Notes on the test's output that it did not run, and why. `e2e/run` counts and lists these lines.
pub fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
}

/// The time of day, since 1970: providers sign with it, and it makes the names of databases unique.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are outside the processes whose clocks are set"
)]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
