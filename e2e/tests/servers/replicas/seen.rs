//! A change made through one gateway is seen through all.

use comptoir_e2e::{
    Buyer, Calls,
    cluster::{Cluster, Name, Servers},
};
use serde_json::{Value, json};

use super::views::Views;
use crate::{ONE_AT_A_TIME, doubles};

/// The product that changes.
struct Article<'a> {
    admin: &'a str,
    id: String,
    variant: String,
    slug: String,
}

impl<'a> Article<'a> {
    async fn made(cluster: &Cluster, admin: &'a str) -> Self {
        let query = "mutation($input: ProductInput!) { productCreate(input: $input) {
            product { id slug variants { id } } userErrors { code field message } } }";
        let input = json!({ "title": format!("lamp-{}", cluster.id), "variants": [{ "price": "1.00", "quantity": 1 }] });
        let data = cluster
            .graphql(Some(admin), query, json!({ "input": input }))
            .await;
        let product = &data["productCreate"]["product"];
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{data}")).to_owned();
        Self {
            admin,
            id: text(&product["id"]),
            variant: text(&product["variants"][0]["id"]),
            slug: text(&product["slug"]),
        }
    }

    /// Another price or status, through this gateway.
    async fn change(&self, gateway: &Calls, price: &str, status: &str) {
        let query = "query($id: ID!) { product(id: $id) { version } }";
        let data = gateway
            .graphql(Some(self.admin), query, json!({ "id": self.id }))
            .await;
        let version = &data["product"]["version"];
        let query = "mutation($id: ID!, $input: ProductInput!, $version: Long!) {
            productUpdate(id: $id, input: $input, version: $version) { userErrors { code field message } } }";
        let variants = json!([{ "id": self.variant, "price": price }]);
        let input = json!({ "title": self.slug, "slug": self.slug, "status": status, "variants": variants });
        let variables = json!({ "id": self.id, "input": input, "version": version });
        let data = gateway.graphql(Some(self.admin), query, variables).await;
        assert_eq!(data["productUpdate"]["userErrors"], json!([]), "{data}");
    }

    /// More or fewer units, through this gateway.
    async fn adjust(&self, gateway: &Calls, delta: i32, key: String) {
        let query = "mutation($id: ID!, $delta: Int!, $key: String!) {
            inventoryAdjust(variantId: $id, delta: $delta, reason: \"counted\", idempotencyKey: $key) {
                userErrors { code field message } } }";
        let variables = json!({ "id": self.variant, "delta": delta, "key": key });
        let data = gateway.graphql(Some(self.admin), query, variables).await;
        assert_eq!(data["inventoryAdjust"]["userErrors"], json!([]), "{data}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_through_every_gateway() {
    let Some(servers) = Servers::of_environment("what_changes_is_seen_through_every_gateway") else {
        return;
    };
    let _alone = ONE_AT_A_TIME.lock().await;
    let stripe = doubles::stripe().await;
    // Entries live long, so that expiry cannot hide a missed event.
    let settings = [
        &doubles::settings(&stripe)[..],
        &[("COMPTOIR_RESPONSE_CACHE_AGE", "600000")],
    ]
    .concat();
    let cluster = Cluster::start_in_pairs(&servers, 2, &settings).await;
    let gateways = cluster.gateways();
    let admin = cluster.admin().await;
    let article = Article::made(&cluster, &admin).await;
    let mut views = Views::through(&gateways, &article.slug);
    let shows = |price: &str, sold: bool| json!({ "price": price, "sold": sold });

    // After the first change that is seen everywhere, every gateway receives the catalogue's events.
    views.show(&shows("1.00", true)).await;
    article.change(&gateways[0], "2.00", "ACTIVE").await;
    views.show(&shows("2.00", true)).await;
    for (number, gateway) in (0..20).zip(gateways.iter().cycle()) {
        let price = format!("{}.50", 10 + number);
        let change = article.change(gateway, &price, "ACTIVE");
        views.follow(&shows(&price, true), change).await;
    }
    for process in cluster.of(Name::Gateway) {
        let hits = process.metric("cache_requests_total", "outcome=\"hit\"").await;
        assert!(hits > 0.0, "nothing is cached at {}", process.port);
    }

    let price = "29.50";
    for (round, (here, there)) in [(0, 1), (1, 0)].into_iter().enumerate() {
        let (here, there) = (&gateways[here], &gateways[there]);
        let change = article.change(here, price, "DRAFT");
        views.follow(&Value::Null, change).await;
        let change = article.change(there, price, "ACTIVE");
        views.follow(&shows(price, true), change).await;
        let change = article.adjust(here, -1, format!("less {round}"));
        views.follow(&shows(price, false), change).await;
        let change = article.adjust(there, 1, format!("more {round}"));
        views.follow(&shows(price, true), change).await;

        // The last unit is sold, and returned.
        let name = format!("last-{round}-{}", cluster.id);
        let buyer = Buyer::with_cart(here, &name, &[(article.variant.as_str(), 1)]).await;
        let mut order = Value::Null;
        let bought = async {
            let mut answer = buyer.pay("stripe", "pm_card_visa", "the-key").await;
            assert_eq!(answer.kind, "CartCompleteSuccess", "{answer:?}");
            order = answer.body["data"]["cartComplete"]["order"].take();
        };
        views.follow(&shows(price, false), bought).await;
        let canceled = async {
            let query = "mutation($id: ID!, $token: String!) {
                orderCancel(id: $id, accessToken: $token, idempotencyKey: \"cancel\") { userErrors { code message } } }";
            let variables = json!({ "id": order["id"], "token": order["accessToken"] });
            let data = there.graphql(None, query, variables).await;
            assert_eq!(data["orderCancel"]["userErrors"], json!([]), "{data}");
        };
        views.follow(&shows(price, true), canceled).await;
    }
    println!("behind at most: {:?}", views.behind);
}
