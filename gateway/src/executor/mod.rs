//! What relies on more of async-graphql than its documentation promises. Everything else in this crate uses only its derives,
//! its resolvers' `Context` and its `Schema`.
//!
//! - `plain` resolves objects without a future for each field: it walks the library's own selections and writes its registry.
//! - `document` and `documents` parse a text once, keep what was found out about it, and let a document that was valid pass
//!   the library's validation by (`ValidationMode::Fast`). That is right only while validation depends on nothing but the
//!   text and what `values` checks of the variables.
//! - `outline` and `answers` put answers into the form that the specification asks for.
//! - `tokens`, `shape`, `directives`, `cost` and `values` are checks the library does not make, or makes too late.
//! - `run` hands a parsed document to the library, and validates one without running it.
//!
//! The library is pinned to the version this was written against; `tests` fails when another one behaves otherwise.

mod answers;
mod cost;
mod directives;
mod document;
mod documents;
mod errors;
mod fields;
mod model;
mod outline;
pub(crate) mod plain;
mod run;
mod shape;
mod subscriptions;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

pub(crate) use answers::{execute, execute_stream};
pub(crate) use document::{Document, Operation};
pub(crate) use documents::{Chosen, Documents};
pub(crate) use errors::{complete_errors, refused, take_refusal};
pub(crate) use fields::{below, named};
pub(crate) use model::Model;
#[cfg(test)]
pub(crate) use outline::Outline;
pub(crate) use run::{request, validate};
pub(crate) use subscriptions::{SubscriptionEnd, SubscriptionKey, Subscriptions};
pub(crate) use values::{check_variables, is_decimal};
