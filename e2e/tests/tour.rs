//! The tour of the README, run as it stands.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use comptoir_e2e::{Shop, shop, skip};
use serde_json::json;
use tokio::process::Command;

async fn run(shop: &Shop, script: &str) -> String {
    let [auth, catalog, orders, notifier] = shop.ports().grpc.map(|port| format!("127.0.0.1:{port}"));
    let output = Command::new("bash")
        .arg(format!("{}/../docs/tour/{script}", env!("CARGO_MANIFEST_DIR")))
        .env("SHOP", shop.url(""))
        .env("COMPTOIR_ADMIN_EMAIL", shop::ADMIN_EMAIL)
        .env("COMPTOIR_ADMIN_PASSWORD", shop::ADMIN_PASSWORD)
        .envs([
            ("AUTH", auth),
            ("CATALOG", catalog),
            ("ORDERS", orders),
            ("NOTIFIER", notifier),
        ])
        .output()
        .await
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{script}: {text}");
    text
}

/// A shop with what the tour looks for.
async fn stocked() -> Shop {
    let shop = Shop::start().await;
    let admin = shop.admin().await;
    let query = "mutation($input: ProductInput!) { productCreate(input: $input) { userErrors { code field message } } }";
    let input = json!({
        "title": "Stoneware mug", "productType": "Mug", "vendor": "Atelier", "tags": ["stoneware"],
        "variants": [{ "price": "18.00", "quantity": 50 }]
    });
    let data = shop.graphql(Some(&admin), query, json!({ "input": input })).await;
    assert_eq!(data["productCreate"]["userErrors"], json!([]), "{data}");
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_by_graphql() {
    let text = run(&stocked().await, "graphql.sh").await;
    assert!(text.contains("CartCompleteAlreadyAccepted"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_by_rest() {
    run(&stocked().await, "rest.sh").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_by_grpcurl() {
    if Command::new("grpcurl").arg("-version").output().await.is_err() {
        skip("the_tour_by_grpcurl", "grpcurl is not installed");
        return;
    }
    let text = run(&stocked().await, "grpc.sh").await;
    for service in [
        "comptoir.auth.v1.AuthService",
        "comptoir.catalog.v1.CatalogService",
        "comptoir.catalog.v1.InventoryService",
        "comptoir.orders.v1.CartService",
        "comptoir.orders.v1.OrderService",
        "comptoir.orders.v1.DiscountService",
        "comptoir.orders.v1.PaymentService",
        "comptoir.notifier.v1.NotifierService",
    ] {
        assert!(text.contains(service), "{service} is not listed: {text}");
    }
    assert!(text.contains("Stoneware mug"), "{text}");
}
