//! Checks of requests, and what handlers read from them: the client, the media types and the language it prefers, its rate
//! limit and its open streams, the size of its body.

mod body;
mod client;
mod cors;
mod hosts;
mod language;
mod media_types;
mod rate_limit;
mod streams;

pub(crate) use body::{BodyTooLarge, LimitedBody};
pub(crate) use client::{Client, Identity, address, bearer, client_network, identify, token};
pub(crate) use cors::{Cors, OriginDecision};
pub(crate) use hosts::Hosts;
pub(crate) use language::preferred_language;
pub(crate) use media_types::{accepts, accepts_exactly, produced_by};
pub(crate) use rate_limit::{Allowance, ClientKey, RateLimit};
pub(crate) use streams::Streams;
