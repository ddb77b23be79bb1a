//! Five processes on the real servers: PostgreSQL, MongoDB, Kafka, Redis, and doubles of the providers.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use comptoir_e2e::{
    Buyer, Calls,
    cluster::{Cluster, Servers},
    shop::eventually,
};
use serde_json::{Value, json};

/// The mails that the SES double took for this address, oldest first.
async fn mails(calls: &Calls, to: &str) -> Vec<Value> {
    let url = format!(
        "{}/moto-api/data.json",
        std::env::var("AWS_ENDPOINT_URL").unwrap()
    );
    let data: Value = calls.http.get(url).send().await.unwrap().json().await.unwrap();
    let all = ["Message", "RawMessage"].map(|kind| data["ses"][kind].as_array().cloned().unwrap_or_default());
    let mut all = all.concat();
    all.retain(|mail| {
        mail["destinations"].to_string().contains(to) || mail["raw_data"].to_string().contains(to)
    });
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_walks_through_five_processes() {
    let Some(servers) = Servers::of_environment("an_order_walks_through_five_processes") else {
        return;
    };
    let cluster = Cluster::start(&servers, 1, &[]).await;
    let admin = cluster.admin().await;
    let variant = cluster.add_product(&admin, "Stoneware mug", "18.00", 50).await;
    let found = eventually("the product is found", Duration::from_secs(5), || async {
        let query = "{ search(query: \"stonware\") { totalCount nodes { title } } }";
        let data = cluster.graphql(None, query, json!({})).await;
        (data["search"]["totalCount"] == json!(1)).then_some(data)
    })
    .await;
    assert_eq!(found["search"]["nodes"][0]["title"], json!("Stoneware mug"));

    let name = format!("ada-{}", cluster.id);
    let buyer = Buyer::with_cart(&cluster, &name, &[(&variant, 2)]).await;
    let placed = buyer.complete("tok_visa", "first").await;
    assert_eq!(placed.kind, "CartCompleteSuccess", "{}", placed.body);
    eventually("the order is captured", Duration::from_secs(10), || async {
        let query = "query($id: ID!) { order(id: $id) { state paymentStatus } }";
        let data = cluster
            .graphql(Some(&admin), query, json!({ "id": placed.order }))
            .await;
        (data["order"] == json!({ "state": "CONFIRMED", "paymentStatus": "CAPTURED" })).then_some(())
    })
    .await;
    assert_eq!(cluster.stock(&admin, &variant).await, (48, 0));
    eventually("the mails are with SES", Duration::from_secs(15), || async {
        (mails(&cluster, &buyer.email).await.len() >= 2).then_some(())
    })
    .await;
}
