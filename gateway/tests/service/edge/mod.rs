//! The gateway over real sockets, with fake services behind it.

mod batches;
mod caching;
mod connections;
mod cors;
mod drain;
mod graphql_limits;
mod http2;
mod identity;
mod known;
mod methods;
mod pages;
mod persisted;
mod readiness;
mod requests;
mod revalidation;
mod transport;
mod websocket;
