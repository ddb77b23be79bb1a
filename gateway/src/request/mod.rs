//! What a request is checked by, and what every handler may ask of it: who the client is, what it accepts, which language it
//! prefers, how fast it may go and how much it may send.

mod accept;
mod body;
mod client;
mod cors;
mod hosts;
mod language;
mod rate;
mod streams;

pub(crate) use accept::{admits, names, produced_by};
pub(crate) use body::Arriving;
pub use body::BodyTooLarge;
pub use client::Client;
pub(crate) use client::{Identity, address, bearer, household, identify, token};
pub(crate) use cors::{Cors, Verdict};
pub(crate) use hosts::Hosts;
pub(crate) use language::preferred_language;
pub(crate) use rate::{Allowance, Key, RateLimit};
pub use streams::{Permit, Streams};
