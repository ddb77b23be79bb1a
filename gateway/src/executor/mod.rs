//! Everything that relies on async-graphql beyond its documented API. The rest of this crate uses only its derives, the
//! `Context` of its resolvers and its `Schema`.
//!
//! - `sync_object` resolves objects without a future for each field: it walks the library's selections and fills its
//!   registry.
//! - `document` and `documents` parse a text once and cache the result. A document that was valid then skips the library's
//!   validation (`ValidationMode::Fast`). This is correct only while validation depends on nothing but the text and what
//!   `values` checks of the variables.
//! - `response_shape` and `response` arrange answers as the specification requires.
//! - `tokens`, `structure`, `directives`, `cost` and `values` are checks that the library does not make, or makes too late.
//! - `run` passes parsed documents to the library, and validates a document without running it.
//!
//! The library is pinned to the exact version that this module was written against. The tests in `tests` fail if another
//! version behaves differently.

mod cost;
mod directives;
mod document;
mod documents;
mod errors;
mod fields;
mod model;
mod response;
mod response_shape;
mod run;
mod structure;
mod subscriptions;
pub(crate) mod sync_object;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

pub(crate) use document::{Document, Operation};
pub(crate) use documents::{Documents, Lookup};
pub(crate) use errors::{complete_errors, refused, take_refusal};
pub(crate) use fields::{below, named};
pub(crate) use model::Model;
pub(crate) use response::{execute, execute_stream};
#[cfg(test)]
pub(crate) use response_shape::ResponseShape;
pub(crate) use run::{request, validate};
pub(crate) use subscriptions::{SubscriptionEnd, SubscriptionKey, Subscriptions};
pub(crate) use values::{check_variables, is_decimal};
