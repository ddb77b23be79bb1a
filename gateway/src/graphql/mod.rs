//! The GraphQL schema. A resolver converts its arguments, makes one RPC and converts the answer. Lists get related objects
//! from the batched loaders of the request.
//!
//! [`builder`] creates the schema over the clients of the services. Each request carries a `RequestData`, and runs through
//! the `executor`.
//!
//! Reading order: `query`, `mutation` and `subscription` are the roots. A file for each noun holds its types and
//! conversions. `mask` says which fields of products are read, `user_errors` how expected refusals of mutations are
//! answered.

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

/// The schema, before it is finished with a validation mode.
pub(crate) fn builder(services: Services) -> SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription).data(services)
}

/// The text of the schema, which is also in `gateway/schema.graphql`.
pub fn sdl() -> String {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription)
        .finish()
        .sdl()
}
