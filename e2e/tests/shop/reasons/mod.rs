//! Every reason for a refusal, provoked from outside: a real `comptoir up` over sockets. A reason that has no case here, or
//! whose case does not provoke it, fails.

mod account;
mod answer;
mod beside;
mod case;
mod catalogue;
mod checkout;
mod edge;
mod graphql;
mod raw;
mod rest;
mod tokens;
mod webhooks;
mod world;

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use comptoir_mesh::error::Reason as _;
use futures::FutureExt as _;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use reqwest::Method;
use serde_json::json;

use self::{
    case::{case, walk},
    world::{Watch, World},
};

/// The values of the enum in the proto, except for the one that is never sent.
fn reasons() -> BTreeMap<i32, String> {
    let files = FileDescriptorSet::decode(comptoir_proto::DESCRIPTOR_SET).expect("a descriptor set");
    let file = files
        .file
        .iter()
        .find(|file| file.name().ends_with("type/v1/error_reason.proto"))
        .expect("the file");
    let values = file
        .enum_type
        .iter()
        .find(|r#enum| r#enum.name() == "ErrorReason")
        .expect("the enum");
    let values = values.value.iter().filter(|value| value.number() != 0);
    values
        .map(|value| {
            (
                value.number(),
                value.name().trim_start_matches("ERROR_REASON_").to_owned(),
            )
        })
        .collect()
}

#[test]
fn every_reason_is_provoked() {
    let groups = [
        edge::CASES,
        graphql::CASES,
        rest::CASES,
        account::CASES,
        tokens::CASES,
        catalogue::CASES,
        checkout::CASES,
        webhooks::CASES,
    ];
    let cases = groups.iter().flat_map(|cases| cases.iter());
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    for case in cases {
        *counts.entry(case.reason.into()).or_default() += 1;
        assert_eq!(
            case.reason.http_status(),
            case.status,
            "{}",
            case::code(case.reason)
        );
    }
    let reasons = reasons();
    assert_eq!(reasons.len(), 73);
    for (number, name) in &reasons {
        assert_eq!(counts.remove(number), Some(1), "{name} must be in the table once");
    }
    assert!(counts.is_empty(), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_refuses() {
    walk(&World::new(&[]).await, edge::CASES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graphql_endpoint_refuses() {
    walk(&World::new(&[]).await, graphql::CASES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_handlers_refuse() {
    walk(&World::new(&[]).await, rest::CASES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhooks_refuse() {
    let settings = [("STRIPE_WEBHOOK_SECRET", webhooks::SECRET)];
    walk(&World::new(&settings).await, webhooks::CASES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_refuse() {
    walk(&World::new(&[]).await, account::CASES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_refuse() {
    walk(&World::new(&[]).await, tokens::CASES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn products_and_carts_refuse() {
    walk(&World::new(&[]).await, catalogue::CASES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checkout_refuses() {
    walk(&World::new(&[]).await, checkout::CASES).await;
}

/// The walk fails for a case that provokes another reason, and notices an effect.
#[tokio::test(flavor = "multi_thread")]
async fn another_reason_and_an_effect_are_noticed() {
    let world = World::new(&[]).await;
    let wrong = [case!(UnknownField, 400, edge::invalid_json)];
    assert!(
        AssertUnwindSafe(walk(&world, &wrong))
            .catch_unwind()
            .await
            .is_err(),
        "another reason"
    );
    let status = [case!(InvalidJson, 422, edge::invalid_json)];
    assert!(
        AssertUnwindSafe(walk(&world, &status))
            .catch_unwind()
            .await
            .is_err(),
        "another status"
    );

    let buyer = world.buyer().await;
    let mut watch = world.watch(&[&buyer.cart]).await;
    let path = format!("/store/carts/{}", buyer.cart);
    world
        .send(
            Method::PATCH,
            &path,
            None,
            &json!({ "email": "other@buyer.example" }),
        )
        .await;
    watch = changed(&world, watch, &buyer.cart, "a cart").await;
    let placed = buyer.complete("tok_visa", "key").await;
    assert_eq!(placed.kind, "CartCompleteSuccess", "{placed:?}");
    watch = changed(&world, watch, &buyer.cart, "an order").await;
    world.customer("new").await;
    watch = changed(&world, watch, &buyer.cart, "a user").await;
    let admin = world.admin().await;
    world.shop.add_product(&admin, "Shade", "9.90", 10).await;
    changed(&world, watch, &buyer.cart, "a product").await;
}

/// Panics unless the state changed; returns the new state.
async fn changed(world: &World, watch: Watch, cart: &str, what: &str) -> Watch {
    assert_ne!(watch.again(world).await, watch.state, "{what} was not seen");
    world.watch(&[cart]).await
}
