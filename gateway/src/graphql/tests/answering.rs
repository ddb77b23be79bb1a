//! The form of answers.

use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::orders::v1 as orders;
use serde_json::{Value, json};

use super::gateway::{Gateway, codes};
use super::samples::{cart, id, stock_catalogue};

fn json(response: &async_graphql::Response) -> Value {
    response.data.clone().into_json().unwrap()
}

/// Has the categories be out of reach.
fn without_categories(gateway: &Gateway) {
    stock_catalogue(&gateway.fakes);
    gateway
        .fakes
        .on("list_categories", |_: catalog::ListCategoriesRequest| {
            Err::<catalog::ListCategoriesResponse, _>(Error::new(ErrorReason::DependencyUnavailable, "no"))
        });
}

#[tokio::test]
async fn fields_come_in_the_order_of_the_document() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let document =
        "query($id: ID!) { late: product(id: $id) { ...C slug category { slug name } ... on Product { title id } }
            shop { name } }
         fragment C on Product { category { name } __typename }";
    let answer = gateway
        .ask_with(None, document, json!({ "id": id("prod_", 1) }))
        .await;
    assert_eq!(
        serde_json::to_string(&answer.data).unwrap(),
        format!(
            "{{\"late\":{{\"category\":{{\"name\":\"SHIRTS\",\"slug\":\"shirts\"}},\"__typename\":\"Product\",\
             \"slug\":\"product-1\",\"title\":\"Product 1\",\"id\":\"{}\"}},\"shop\":{{\"name\":\"Comptoir\"}}}}",
            id("prod_", 1)
        )
    );
}

#[tokio::test]
async fn an_object_whose_fields_are_all_skipped_is_empty() {
    let gateway = Gateway::new();
    assert_eq!(
        json(&gateway.guest("{ shop @skip(if: true) { name } }").await),
        json!({})
    );
    assert_eq!(
        json(&gateway.guest("{ shop { name @include(if: false) } }").await),
        json!({ "shop": {} })
    );
}

#[tokio::test]
async fn a_nullable_field_that_failed_is_null() {
    let gateway = Gateway::new();
    without_categories(&gateway);
    let document =
        "{ products(first: 2) { nodes { slug category { name } } } a: category(slug: \"x\") { name } }";
    let answer = gateway.guest(document).await;
    assert_eq!(
        json(&answer),
        json!({ "products": { "nodes": [
            { "slug": "product-0", "category": null }, { "slug": "product-1", "category": null } ] }, "a": null })
    );
    assert_eq!(codes(&answer), ["DEPENDENCY_UNAVAILABLE"; 3]);
}

#[tokio::test]
async fn a_field_that_may_not_be_null_makes_null_what_holds_it() {
    let gateway = Gateway::new();
    without_categories(&gateway);
    assert_eq!(
        json(&gateway.guest("{ shop { name } categories { name } }").await),
        json!(null)
    );
    gateway.fakes.on("get_cart", |_: orders::GetCartRequest| {
        Ok(orders::GetCartResponse { cart: Some(cart(2)) })
    });
    gateway
        .fakes
        .on("batch_get_products", |_: catalog::BatchGetProductsRequest| {
            Err::<catalog::BatchGetProductsResponse, _>(Error::new(ErrorReason::DependencyUnavailable, "no"))
        });
    let lines = "lines { id variant { product { title } } }";
    let document = format!(
        "{{ shop {{ name }} cart(id: \"c\") {{ id {lines} }} other: cart(id: \"c\") {{ {lines} }} }}"
    );
    assert_eq!(
        json(&gateway.guest(&document).await),
        json!({ "shop": { "name": "Comptoir" }, "cart": null, "other": null })
    );
}

#[tokio::test]
async fn an_object_whose_fields_all_failed_is_an_object_of_nulls() {
    let gateway = Gateway::new();
    without_categories(&gateway);
    let document = format!(
        "{{ product(id: \"{}\") {{ category {{ name }} }} }}",
        id("prod_", 1)
    );
    assert_eq!(
        json(&gateway.guest(&document).await),
        json!({ "product": { "category": null } })
    );
}

#[tokio::test]
async fn what_never_ran_has_no_data() {
    let gateway = Gateway::new();
    for document in ["{ nonsense }", "{", "{ products(first: \"x\") { totalCount } }"] {
        let answer = gateway.guest(document).await;
        assert_eq!(
            (json(&answer), codes(&answer)),
            (json!(null), vec!["VALIDATION_FAILED".into()]),
            "{document}"
        );
    }
}

#[tokio::test]
async fn introspection_is_left_as_it_is() {
    let gateway = Gateway::new();
    let answer = gateway
        .guest("{ __type(name: \"Cart\") { kind name fields { name } } __typename }")
        .await;
    assert_eq!(json(&answer)["__type"]["fields"][0], json!({ "name": "id" }));
    assert_eq!(json(&answer)["__typename"], "Query");
}
