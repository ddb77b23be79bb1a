//! The OpenAPI document.

use serde_json::Value;

use crate::harness::Shop;

/// The API's table, but for what are pages, probes and pictures.
const TABLE: &str = "
GET /store/products
GET /store/products/{idOrSlug}
GET /store/shop
GET /store/categories
POST /store/carts
GET /store/carts/{id}
PATCH /store/carts/{id}
POST /store/carts/{id}/line-items
PATCH /store/carts/{id}/line-items/{lineId}
DELETE /store/carts/{id}/line-items/{lineId}
POST /store/carts/{id}/attach
POST /store/carts/{id}/complete
GET /store/orders
GET /store/orders/{id}
POST /store/orders/{id}/cancel
GET /store/orders/{id}/events
POST /auth/register
POST /auth/confirm
POST /auth/confirm/resend
POST /auth/token
POST /auth/token/refresh
POST /auth/logout
POST /auth/logout-all
POST /auth/password
POST /auth/password-reset
POST /auth/password-reset/confirm
GET /auth/me
PATCH /auth/me
GET /auth/me/addresses
POST /auth/me/addresses
PATCH /auth/me/addresses/{id}
DELETE /auth/me/addresses/{id}
GET /auth/me/sessions
DELETE /auth/me/sessions/{id}
GET /admin/products
POST /admin/products
PATCH /admin/products/{id}
DELETE /admin/products/{id}
POST /admin/products/import
POST /admin/media
POST /admin/inventory/{variantId}/adjust
GET /admin/orders
GET /admin/orders/{id}
POST /admin/orders/{id}/fulfill
POST /admin/orders/{id}/deliver
POST /admin/orders/{id}/refund
POST /admin/orders/{id}/cancel
POST /webhooks/stripe
POST /webhooks/twilio
POST /webhooks/ses
";

#[test]
fn every_route_is_described() {
    let document: Value = serde_json::from_str(&comptoir_gateway::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let mut described: Vec<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .keys()
                .map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let mut table: Vec<String> = TABLE.trim().lines().map(str::to_owned).collect();
    described.sort();
    table.sort();
    assert_eq!(described, table);
}

/// `UPDATE_SCHEMA=1 cargo test -p comptoir-gateway schema` writes it anew.
#[test]
fn the_openapi_schema_is_the_one_in_the_repository() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let now = comptoir_gateway::openapi();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == now,
        "gateway/openapi.json is not what the code says: run with UPDATE_SCHEMA=1"
    );
}

#[tokio::test]
async fn the_page_brings_all_it_needs() {
    let shop = Shop::open().await;
    assert_eq!(
        shop.get("/openapi.json").await.json()["info"]["title"],
        "Comptoir"
    );
    let page = shop.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("https://"), "{}", page.text);
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self';")
    );
}
