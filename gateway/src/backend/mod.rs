//! The services behind the gateway, as both of its faces see them: REST and GraphQL.
//!
//! Reading order: `services` are the clients; `data` is what one request carries; `loaders`, `batch` and `categories` read
//! the catalogue in few calls and through the cache of entities; `followed_orders` shares the streams of orders; `access` and
//! `arguments` are the checks that both faces make, and `failure` is why a call failed.

mod access;
mod arguments;
mod batch;
mod categories;
mod data;
mod failure;
mod followed_orders;
mod loaders;
pub(crate) mod locale;
mod services;
#[cfg(test)]
mod tests;

pub(crate) use access::{require_admin, require_staff, require_user, signed_in, with_role};
pub(crate) use arguments::{Paths, argument_path, camel_case, is_idempotency_key, renamed, return_url};
pub(crate) use categories::CategoryTree;
pub(crate) use data::RequestData;
pub(crate) use failure::{Failure, optional, present};
pub(crate) use followed_orders::OrderSnapshot;
pub use services::Peers;
pub(crate) use services::{Services, Settings};
