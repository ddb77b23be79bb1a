//! What relies on more of async-graphql than its documentation promises. Everything else in this crate uses only its derives,
//! its resolvers' `Context` and its `Schema`.
//!
//! - `plain` resolves objects without a future for each field: it walks the library's own selections and writes its registry.
//! - `document` and `documents` parse a text once, keep what was found out about it, and let a document that was valid pass
//!   the library's validation by (`ValidationMode::Fast`). That is right only while validation depends on nothing but the
//!   text and what `values` checks of the variables.
//! - `response_shape` and `answers` put answers into the form that the specification asks for.
//! - `tokens`, `shape`, `directives`, `cost` and `values` are checks the library does not make, or makes too late.
//! - `run` hands a parsed document to the library, and validates one without running it.
//!
//! The library is pinned to the version this was written against; `tests` fails when another one behaves otherwise.

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
