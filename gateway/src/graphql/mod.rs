//! The GraphQL API. Resolvers convert, call one RPC and convert back; what lists need many times over comes through the
//! batched loaders of the request.
//!
//! What the HTTP endpoint needs is here: [`builder`] or [`schema`], [`Services`], and a [`RequestData`] in each request
//! (`request.data(data.clone())`). Requests run through [`execute`] and [`execute_stream`], inside the call's
//! `mesh::context`: they put the answer into the form that the specification asks for, with the [`ResponseShape`] of the
//! operation, and a code on every error. After an execution, [`RequestData::public_tags`] says whether and under which tags
//! the answer may be stored.
//!
//! Reading order: `query` and `mutation` and `subscription` are the roots; a file per noun holds its types and
//! conversions; `plain` resolves the objects of the catalogue, and `mask` says what of products is read for them; `loaders`
//! and `batch` do the batching; `errors` maps refusals.

mod account;
mod address;
mod admin;
mod cart;
mod cart_mutations;
mod category;
mod checkout;
mod connection;
mod delivery;
mod discount;
mod mask;
mod money;
mod mutation;
mod node;
mod order;
mod order_mutations;
mod order_states;
mod product;
mod product_inputs;
mod query;
mod scalars;
mod search;
mod shop;
mod stock;
mod subscription;
#[cfg(test)]
mod tests;
mod user;
mod user_errors;
mod variant;

use async_graphql::SchemaBuilder;

use mutation::Mutation;
use query::Query;
use subscription::Subscription;

use crate::backend::Services;

/// The executable schema.
pub(crate) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema before it is finished, for limits and extensions of the endpoint.
pub(crate) fn builder(services: Services) -> SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription).data(services)
}

/// The schema's text, as `gateway/schema.graphql` has it.
pub fn sdl() -> String {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription)
        .finish()
        .sdl()
}
