//! The tour of the README, run as it is written.

use std::time::Duration;

use comptoir_e2e::{
    Calls, Shop, calls,
    cluster::{Cluster, Name, Servers},
    shop::eventually,
    skip,
};
use serde_json::{Value, json};
use tokio::process::Command;

/// Runs a script against the shop with these gRPC ports: auth, catalog, orders, notifier.
async fn run(shop: &Calls, ports: [u16; 4], script: &str) -> String {
    let [auth, catalog, orders, notifier] = ports.map(|port| format!("127.0.0.1:{port}"));
    let output = Command::new("bash")
        .arg(format!("{}/../docs/tour/{script}", env!("CARGO_MANIFEST_DIR")))
        .env("SHOP", shop.url(""))
        .env("COMPTOIR_ADMIN_EMAIL", calls::ADMIN_EMAIL)
        .env("COMPTOIR_ADMIN_PASSWORD", calls::ADMIN_PASSWORD)
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

/// Adds the products that the tour searches for.
async fn stock(shop: &Calls) {
    let admin = shop.admin().await;
    let query = "mutation($input: ProductInput!) { productCreate(input: $input) { userErrors { code field message } } }";
    let input = json!({
        "title": "Stoneware mug", "productType": "Mug", "vendor": "Atelier", "tags": ["stoneware"],
        "variants": [{ "price": "18.00", "quantity": 50 }]
    });
    let data = shop.graphql(Some(&admin), query, json!({ "input": input })).await;
    assert_eq!(data["productCreate"]["userErrors"], json!([]), "{data}");
}

async fn by_graphql(shop: &Calls, ports: [u16; 4]) {
    let text = run(shop, ports, "graphql.sh").await;
    assert!(text.contains("CartCompleteAlreadyAccepted"), "{text}");
}

/// Skipped without grpcurl.
async fn by_grpcurl(test: &str, shop: &Calls, ports: [u16; 4]) {
    if Command::new("grpcurl").arg("-version").output().await.is_err() {
        skip(test, "grpcurl is not installed");
        return;
    }
    let text = run(shop, ports, "grpc.sh").await;
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

async fn stocked() -> Shop {
    let shop = Shop::start().await;
    stock(&shop).await;
    shop
}

/// The call in the README itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_search() {
    let shop = stocked().await;
    let blocks = include_str!("../../../README.md").split("```");
    let call = blocks
        .filter_map(|block| block.strip_prefix("sh\n"))
        .find(|block| block.starts_with("curl "))
        .unwrap();
    let call = call.replace("http://127.0.0.1:8080", &shop.url(""));
    eventually("the mug is found", Duration::from_secs(10), || async {
        let output = Command::new("bash").args(["-c", &call]).output().await.unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let search = &answer["data"]["search"];
        assert!(search["facets"].is_array(), "{answer}");
        (search["nodes"][0]["title"] == "Stoneware mug").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_by_graphql() {
    let shop = stocked().await;
    by_graphql(&shop, shop.ports().grpc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_by_rest() {
    let shop = stocked().await;
    run(&shop, shop.ports().grpc, "rest.sh").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_by_grpcurl() {
    let shop = stocked().await;
    by_grpcurl("the_tour_by_grpcurl", &shop, shop.ports().grpc).await;
}

/// The tour with five processes. It reads the mailbox, so mails do not go to SES.
#[tokio::test(flavor = "multi_thread")]
async fn the_tour_on_servers() {
    let Some(servers) = Servers::of_environment("the_tour_on_servers") else {
        return;
    };
    let cluster = Cluster::start(&servers, 1, &[("COMPTOIR_MAIL_FROM", "")]).await;
    stock(&cluster).await;
    let ports = [Name::Auth, Name::Catalog, Name::Orders, Name::Notifier]
        .map(|name| cluster.of(name).next().unwrap().port);
    eventually("the mug is found", Duration::from_secs(10), || async {
        let data = cluster
            .graphql(None, "{ search(query: \"mug\") { totalCount } }", json!({}))
            .await;
        (data["search"]["totalCount"] == json!(1)).then_some(())
    })
    .await;
    by_graphql(&cluster, ports).await;
    run(&cluster, ports, "rest.sh").await;
    by_grpcurl("the_tour_on_servers", &cluster, ports).await;
}
