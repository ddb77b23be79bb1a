//! Calls to a shop's HTTP port.

use std::{sync::Once, time::Duration};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// The administrator of every shop of the tests.
pub const ADMIN_EMAIL: &str = "admin@shop.example";
/// The administrator's password.
pub const ADMIN_PASSWORD: &str = "correct horse battery staple";

/// Calls to a gateway.
#[derive(Clone)]
pub struct Calls {
    port: u16,
    /// The HTTP client.
    pub http: Client,
}

impl Calls {
    /// Calls to the gateway on this port of the machine.
    pub fn to(port: u16) -> Self {
        install_tls();
        let http = Client::builder()
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self { port, http }
    }

    /// An address of its HTTP port.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Calls GraphQL; returns the status and the body, whatever they are.
    pub async fn post_graphql(
        &self,
        token: Option<&str>,
        query: &str,
        variables: Value,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let mut request = self
            .http
            .post(self.url("/graphql"))
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    /// Calls GraphQL and expects data without errors.
    pub async fn graphql(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let (status, mut body) = self
            .post_graphql(token, query, variables)
            .await
            .expect("an answer");
        assert_eq!(status, StatusCode::OK, "{query}: {body}");
        assert!(body["errors"].is_null(), "{query}: {body}");
        body["data"].take()
    }

    /// An access token of the administrator.
    pub async fn admin(&self) -> String {
        self.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    /// An access token.
    pub async fn sign_in(&self, email: &str, password: &str) -> String {
        let query = "mutation($email: String!, $password: String!) {
            tokenCreate(email: $email, password: $password) { accessToken userErrors { code message } } }";
        let data = self
            .graphql(None, query, json!({ "email": email, "password": password }))
            .await;
        data["tokenCreate"]["accessToken"]
            .as_str()
            .unwrap_or_else(|| panic!("{data}"))
            .to_owned()
    }

    /// Creates a product with one variant; returns the variant's id.
    pub async fn add_product(&self, admin: &str, title: &str, price: &str, quantity: u32) -> String {
        let query = "mutation($input: ProductInput!) { productCreate(input: $input) {
            product { variants { id } } userErrors { code field message } } }";
        let input = json!({ "title": title, "variants": [{ "price": price, "quantity": quantity }] });
        let data = self.graphql(Some(admin), query, json!({ "input": input })).await;
        let id = &data["productCreate"]["product"]["variants"][0]["id"];
        id.as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
    }

    /// Units on hand and reserved.
    pub async fn stock(&self, admin: &str, variant: &str) -> (i64, i64) {
        let query =
            "query($id: ID!) { node(id: $id) { ... on ProductVariant { quantityOnHand quantityReserved } } }";
        let data = self.graphql(Some(admin), query, json!({ "id": variant })).await;
        let units = |name: &str| data["node"][name].as_i64().unwrap_or_else(|| panic!("{data}"));
        (units("quantityOnHand"), units("quantityReserved"))
    }

    /// The sum of a variant's stock ledger.
    pub async fn ledger(&self, admin: &str, variant: &str) -> i64 {
        let query = "query($id: ID!, $after: String) { adminStockMovements(variantId: $id, first: 100, after: $after) {
            nodes { delta } pageInfo { hasNextPage endCursor } } }";
        let (mut sum, mut after) = (0, Value::Null);
        loop {
            let data = self
                .graphql(Some(admin), query, json!({ "id": variant, "after": after }))
                .await;
            let page = &data["adminStockMovements"];
            sum += page["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["delta"].as_i64().unwrap())
                .sum::<i64>();
            if page["pageInfo"]["hasNextPage"] != json!(true) {
                return sum;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    /// The sandbox provider's payments of an order, or all of them.
    pub async fn payments(&self, order: Option<&str>) -> Vec<Value> {
        let url = match order {
            Some(order) => self.url(&format!("/sandbox/payments?orderId={order}")),
            None => self.url("/sandbox/payments"),
        };
        let answer = self
            .http
            .get(url)
            .header("accept", "application/json")
            .send()
            .await
            .expect("an answer");
        answer.json().await.expect("a list")
    }

    /// The mailbox's messages to an address, newest first.
    pub async fn mailbox(&self, to: &str) -> Vec<Value> {
        let request = self
            .http
            .get(self.url("/mailbox"))
            .query(&[("to", to)])
            .header("accept", "application/json");
        request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("a list")
    }
}

fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
