//! Valid settings and their effects.

use std::time::Duration;

use comptoir_e2e::{Shop, shop::eventually};
use serde_json::{Value, json};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_as_long_as_set() {
    let shop = Shop::start_with(&[("COMPTOIR_LIMIT_LIST", "2")]).await;
    let admin = shop.admin().await;
    for title in ["Cup", "Jug", "Mug"] {
        shop.add_product(&admin, title, "9.90", 10).await;
    }
    let page = "{ products { nodes { title } pageInfo { hasNextPage } } }";
    let products = &shop.graphql(None, page, json!({})).await["products"];
    assert_eq!(products["nodes"].as_array().unwrap().len(), 2, "{products}");
    assert_eq!(products["pageInfo"]["hasNextPage"], true);
    for field in [
        "products",
        "search",
        "orders",
        "adminProducts",
        "adminOrders",
        "adminUsers",
        "adminDiscounts",
        "adminDeliveries",
    ] {
        let query = |first: u8| format!("{{ {field}(first: {first}) {{ nodes {{ __typename }} }} }}");
        shop.graphql(Some(&admin), &query(2), json!({})).await;
        let (_, refused) = shop
            .post_graphql(Some(&admin), &query(3), json!({}))
            .await
            .unwrap();
        let code = &refused["errors"][0]["extensions"]["code"];
        assert_eq!(code, "LIMIT_OUT_OF_RANGE", "{field}: {refused}");
    }
    for path in [
        "/store/products",
        "/store/orders",
        "/admin/products",
        "/admin/orders",
    ] {
        let ask = async |limit: u8| {
            let url = shop.url(&format!("{path}?limit={limit}"));
            let answer = shop.http.get(url).bearer_auth(&admin).send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };
        assert_eq!(ask(2).await.0, 200, "{path}");
        assert_eq!(ask(3).await.1["code"], "LIMIT_OUT_OF_RANGE", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_fails_during_a_drain_while_calls_are_served() {
    let mut shop = Shop::start_with(&[("COMPTOIR_DRAIN_DELAY", "10")]).await;
    let ask = async || {
        let answer = shop.http.get(shop.url("/readyz")).send().await.ok()?;
        Some((answer.status().as_u16(), answer.json::<Value>().await.ok()?))
    };
    assert_eq!(ask().await.unwrap().0, 200);
    let pid = shop.pid().to_string();
    assert!(Command::new("kill").arg(pid).status().await.unwrap().success());
    let draining = eventually("it says that it drains", Duration::from_secs(10), || async {
        ask().await.filter(|(status, _)| *status == 503)
    });
    assert_eq!(draining.await.1["draining"], true);
    shop.graphql(None, "{ __typename }", json!({})).await;
    assert!(shop.died(Duration::from_secs(60)).await);
}
