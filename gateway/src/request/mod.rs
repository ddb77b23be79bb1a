//! What a request is checked by, and what every handler may ask of it: who the client is, what it accepts, which language it
//! prefers, how fast it may go and how much it may send.

mod body;
mod client;
mod cors;
mod hosts;
mod language;
mod media_types;
mod rate_limit;
mod streams;

pub use body::BodyTooLarge;
pub(crate) use body::LimitedBody;
pub use client::Client;
pub(crate) use client::{Identity, address, bearer, client_network, identify, token};
pub(crate) use cors::{Cors, OriginDecision};
pub(crate) use hosts::Hosts;
pub(crate) use language::preferred_language;
pub(crate) use media_types::{accepts, accepts_exactly, produced_by};
pub(crate) use rate_limit::{Allowance, ClientKey, RateLimit};
pub use streams::{Permit, Streams};
