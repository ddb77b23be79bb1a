//! The gateway over real sockets, with services of the test's own behind it.

mod batches;
mod caching;
mod cors;
mod drain;
mod fakes;
mod graphql_limits;
mod harness;
mod identity;
mod known;
mod pages;
mod persisted;
mod requests;
mod revalidation;
mod transport;
mod websocket;
