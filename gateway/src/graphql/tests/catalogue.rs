//! Reading the catalogue: calls, pages, tags.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use comptoir_mesh::identity::Role;
use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::orders::v1 as orders;
use serde_json::json;

use super::gateway::{Gateway, codes, data};
use super::samples::{GONE, cart, id, order, product, stock_catalogue, user};
use crate::cache::{EntityCache, Mark};

const EVERYTHING: &str = "nodes { id category { name ancestors { name } children { name } }
    variants { id product { title category { slug } } } priceRange { min { amount } max { amount } } }";

#[tokio::test]
async fn a_list_of_100_makes_as_many_calls_as_a_list_of_1() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    for first in [1, 35, 100] {
        let answer = gateway
            .guest(&format!("{{ products(first: {first}) {{ {EVERYTHING} }} }}"))
            .await;
        let nodes = data(&answer)["products"]["nodes"].as_array().unwrap().len();
        assert_eq!(nodes, first);
        assert_eq!(
            gateway.fakes.take_calls(),
            ["list_products", "list_categories"],
            "for {first}"
        );
    }
}

#[tokio::test]
async fn the_lines_of_a_cart_share_their_calls() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    for lines in [1, 100] {
        gateway.fakes.on("get_cart", move |_: orders::GetCartRequest| {
            Ok(orders::GetCartResponse {
                cart: Some(cart(lines)),
            })
        });
        let document = format!(
            "{{ cart(id: \"{}\") {{ lines {{ variant {{ id product {{ title }} }} }} }} }}",
            id("cart_", 1)
        );
        let answer = data(&gateway.guest(&document).await);
        assert_eq!(
            answer["cart"]["lines"][0]["variant"]["product"]["title"],
            "Product 0"
        );
        assert_eq!(gateway.fakes.take_calls(), ["get_cart", "batch_get_products"]);
        gateway.staff(&document).await;
        assert_eq!(
            gateway.fakes.take_calls(),
            ["get_cart", "batch_get_variants", "batch_get_products"]
        );
    }
}

#[tokio::test]
async fn a_line_whose_variant_is_gone_still_shows() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    gateway.fakes.on("get_cart", |_: orders::GetCartRequest| {
        let mut cart = cart(GONE + 1);
        let variant = cart.lines[GONE].variant.as_mut().unwrap();
        variant.available_for_sale = false;
        variant.product_status = catalog::ProductStatus::Archived.into();
        Ok(orders::GetCartResponse { cart: Some(cart) })
    });
    let variant = "id availableForSale product { title status variants { id } }";
    let document = format!("{{ cart(id: \"cart_x\") {{ lines {{ variant {{ {variant} }} }} }} }}");
    for role in [None, Some(Role::Staff)] {
        let answer = data(&gateway.ask(role, &document).await);
        let id = id("var_", GONE);
        assert_eq!(
            answer["cart"]["lines"][GONE]["variant"],
            json!({ "id": id, "availableForSale": false,
                "product": { "title": "Product 13", "status": "ARCHIVED", "variants": [{ "id": id }] } })
        );
    }
}

#[tokio::test]
async fn the_customers_of_a_list_of_orders_are_one_call() {
    let gateway = Gateway::new();
    gateway
        .fakes
        .on("list_orders", |request: orders::ListOrdersRequest| {
            assert!(request.all);
            let count = request.page_size as usize;
            Ok(orders::ListOrdersResponse {
                orders: (0..count).map(order).collect(),
                cursors: (0..count).map(|at| at.to_string()).collect(),
                ..Default::default()
            })
        });
    gateway.fakes.on("list_users", |request: auth::ListUsersRequest| {
        Ok(auth::ListUsersResponse {
            users: request.user_ids.iter().map(|id| user(id)).collect(),
            ..Default::default()
        })
    });
    let answer = data(
        &gateway
            .staff("{ adminOrders(first: 100) { nodes { customer { id email } } } }")
            .await,
    );
    assert_eq!(
        answer["adminOrders"]["nodes"][99]["customer"]["id"],
        id("user_", 99)
    );
    assert_eq!(gateway.fakes.calls(), ["list_orders", "list_users"]);
}

#[tokio::test]
async fn a_page_has_its_cursors() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let page = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount edges { cursor node { slug } }";
    let answer = data(
        &gateway
            .guest(&format!("{{ products(first: 2, after: \"x\") {{ {page} }} }}"))
            .await,
    );
    assert_eq!(
        answer["products"],
        json!({
            "pageInfo": {
                "hasNextPage": true, "hasPreviousPage": true, "startCursor": "cursor0", "endCursor": "cursor1"
            },
            "totalCount": 1000,
            "edges": [
                { "cursor": "cursor0", "node": { "slug": "product-0" } },
                { "cursor": "cursor1", "node": { "slug": "product-1" } }
            ]
        })
    );
}

#[tokio::test]
async fn a_page_is_1_to_100() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    for first in [-1, 0, 101] {
        let answer = gateway
            .guest(&format!("{{ products(first: {first}) {{ totalCount }} }}"))
            .await;
        assert_eq!(codes(&answer), ["LIMIT_OUT_OF_RANGE"], "for {first}");
    }
    assert!(gateway.fakes.calls().is_empty());
}

#[tokio::test]
async fn prices_are_exact() {
    let gateway = Gateway::new();
    gateway
        .fakes
        .on("search_products", |request: catalog::SearchProductsRequest| {
            let filters = request.filters.unwrap();
            assert_eq!(
                (filters.price_min, filters.price_max),
                (Some(1990), Some(9_007_199_254_740_993))
            );
            assert!(!request.with_facets);
            let products = vec![product(1)];
            Ok(catalog::SearchProductsResponse {
                products,
                cursors: vec!["c".into()],
                ..Default::default()
            })
        });
    let filters = "filters: { priceMin: \"19.9\", priceMax: \"90071992547409.93\" }";
    let price = "price { amount currencyCode fractionalAmount fractionDigits }";
    let answer = gateway
        .guest(&format!(
            "{{ search({filters}) {{ nodes {{ variants {{ {price} }} }} }} }}"
        ))
        .await;
    assert_eq!(
        data(&answer)["search"]["nodes"][0]["variants"][0]["price"],
        json!({ "amount": "49.90", "currencyCode": "EUR", "fractionalAmount": 4990, "fractionDigits": 2 })
    );
    let answer = gateway
        .guest("{ search(filters: { priceMin: \"19.999\" }) { totalCount } }")
        .await;
    assert_eq!(codes(&answer), ["VALIDATION_FAILED"]);
    let answer = gateway
        .guest("{ search(filters: { priceMin: 19.9 }) { totalCount } }")
        .await;
    assert_eq!(codes(&answer), ["VALIDATION_FAILED"]);
}

#[tokio::test]
async fn public_answers_name_what_they_depend_on() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let tags = gateway
        .tags(
            None,
            "{ products(first: 2) { nodes { title } } shop { name } }",
            None,
        )
        .await;
    assert_eq!(
        tags.unwrap(),
        [
            format!("product:{}", id("prod_", 0)),
            format!("product:{}", id("prod_", 1)),
            "products".into()
        ]
    );
    let tags = gateway
        .tags(None, "{ category(slug: \"shirts\") { name } }", None)
        .await;
    assert_eq!(
        tags.unwrap(),
        ["categories".into(), format!("category:{}", id("cat_", 2))]
    );
}

#[tokio::test]
async fn what_is_not_the_same_for_all_has_no_tags() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let products = "{ products(first: 1) { nodes { title } } }";
    assert!(gateway.tags(Some(Role::Customer), products, None).await.is_none());
    assert!(gateway.tags(Some(Role::Staff), products, None).await.is_none());
    assert!(
        gateway
            .tags(None, "{ shop { name } me { id } }", None)
            .await
            .is_none()
    );
    gateway.fakes.on("get_cart", |_: orders::GetCartRequest| {
        Err::<orders::GetCartResponse, _>(comptoir_mesh::Error::new(
            comptoir_mesh::ErrorReason::NotFound,
            "There is no such cart.",
        ))
    });
    assert!(
        gateway
            .tags(None, "{ cart(id: \"cart_x\") { id } }", None)
            .await
            .is_none()
    );
    assert!(
        gateway
            .tags(None, "{ node(id: \"cart_x\") { id } }", None)
            .await
            .is_none()
    );
}

/// Keeps everything.
#[derive(Default)]
struct Kept(Mutex<HashMap<String, Bytes>>);

#[async_trait]
impl EntityCache for Kept {
    async fn get(&self, keys: &[String]) -> (Vec<Option<Bytes>>, Mark) {
        let kept = self.0.lock().unwrap();
        (
            keys.iter().map(|key| kept.get(key).cloned()).collect(),
            Mark::default(),
        )
    }

    async fn put(&self, _: Mark, entries: Vec<(String, Bytes)>) {
        self.0.lock().unwrap().extend(entries);
    }
}

#[tokio::test]
async fn guests_read_through_the_entity_cache_and_others_past_it() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let kept: Arc<dyn EntityCache> = Arc::new(Kept::default());
    let document = format!(
        "{{ product(id: \"{}\") {{ title category {{ name }} }} }}",
        id("prod_", 1)
    );
    gateway.tags(None, &document, Some(kept.clone())).await;
    assert_eq!(
        gateway.fakes.take_calls(),
        ["batch_get_products", "list_categories"]
    );
    gateway.tags(None, &document, Some(kept.clone())).await;
    assert!(gateway.fakes.take_calls().is_empty());
    gateway.tags(Some(Role::Staff), &document, Some(kept)).await;
    assert_eq!(
        gateway.fakes.take_calls(),
        ["batch_get_products", "list_categories"]
    );
}
