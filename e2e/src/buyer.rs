//! A buyer: fills a cart and pays.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::Calls;

/// The fields of an order that tests look at.
pub const ORDER: &str = "id number version state paymentStatus fulfillmentStatus accessToken
    cost { total { amount fractionalAmount } }";

/// A guest with a cart that is ready to be paid.
pub struct Buyer<'a> {
    shop: &'a Calls,
    /// The cart's id.
    pub cart: String,
    /// Where the mails go.
    pub email: String,
}

/// The result of `cartComplete`.
#[derive(Debug, Clone)]
pub struct Completed {
    /// `CartCompleteSuccess` and its like; empty when there was an error or no answer.
    pub kind: String,
    /// The code of the first refusal or error; empty without one.
    pub code: String,
    /// The order's id; empty without one.
    pub order: String,
    /// The whole answer.
    pub body: Value,
}

impl<'a> Buyer<'a> {
    /// The buyer whose cart this is.
    pub fn of(shop: &'a Calls, cart: &str, email: &str) -> Self {
        let (cart, email) = (cart.to_owned(), email.to_owned());
        Self { shop, cart, email }
    }

    /// A buyer with these units in the cart.
    pub async fn with_cart(shop: &'a Calls, name: &str, lines: &[(&str, u32)]) -> Self {
        let email = format!("{name}@buyer.example");
        let lines: Vec<Value> = lines
            .iter()
            .map(|(variant, quantity)| json!({ "variantId": variant, "quantity": quantity }))
            .collect();
        let query = "mutation($input: CartCreateInput) { cartCreate(input: $input) {
            cart { id } userErrors { code field message } } }";
        let data = shop
            .graphql(
                None,
                query,
                json!({ "input": { "lines": lines, "email": email } }),
            )
            .await;
        let cart = data["cartCreate"]["cart"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{data}"))
            .to_owned();
        let query = "mutation($cart: ID!, $address: AddressInput!) {
            cartDeliveryAddressUpdate(cartId: $cart, address: $address) { userErrors { code field message } }
            cartDeliveryOptionSelect(cartId: $cart, deliveryOptionId: \"standard\") { userErrors { code field message } } }";
        let address = json!({
            "firstName": "Ada", "lastName": "Lovelace", "line1": "1 rue de la Paix", "city": "Paris",
            "postalCode": "75002", "countryCode": "FR"
        });
        let data = shop
            .graphql(None, query, json!({ "cart": cart, "address": address }))
            .await;
        assert_eq!(
            data["cartDeliveryAddressUpdate"]["userErrors"],
            json!([]),
            "{data}"
        );
        assert_eq!(
            data["cartDeliveryOptionSelect"]["userErrors"],
            json!([]),
            "{data}"
        );
        Self { shop, cart, email }
    }

    /// Puts a discount code into the cart.
    pub async fn with_discount(self, code: &str) -> Self {
        let query = "mutation($cart: ID!, $codes: [String!]!) { cartDiscountCodesUpdate(cartId: $cart, codes: $codes) {
            userErrors { code field message } } }";
        let data = self
            .shop
            .graphql(None, query, json!({ "cart": self.cart, "codes": [code] }))
            .await;
        assert_eq!(data["cartDiscountCodesUpdate"]["userErrors"], json!([]), "{data}");
        self
    }

    /// Pays by the sandbox.
    pub async fn complete(&self, token: &str, key: &str) -> Completed {
        self.pay("sandbox", token, key).await
    }

    /// Pays.
    pub async fn pay(&self, provider: &str, token: &str, key: &str) -> Completed {
        let query = format!(
            "mutation($cart: ID!, $provider: String!, $token: String!, $key: String!) {{
                cartComplete(cartId: $cart, payment: {{ provider: $provider, token: $token }}, idempotencyKey: $key) {{
                    __typename
                    ... on CartCompleteSuccess {{ order {{ {ORDER} }} }}
                    ... on CartCompleteAlreadyAccepted {{ order {{ {ORDER} }} }}
                    ... on CartCompleteActionRequired {{ order {{ {ORDER} }} paymentId redirectUrl expiresAt }}
                    ... on CartCompleteFailed {{ userErrors {{ code field message }} cart {{ id }} }}
                }} }}"
        );
        let variables = json!({ "cart": self.cart, "provider": provider, "token": token, "key": key });
        let (status, body) = self
            .shop
            .post_graphql(None, &query, variables)
            .await
            .unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, json!({ "lost": error.to_string() })));
        let result = &body["data"]["cartComplete"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let code = match text(&result["userErrors"][0]["code"]) {
            code if code.is_empty() => text(&body["errors"][0]["extensions"]["code"]),
            code => code,
        };
        assert!(
            !status.is_server_error() || status == StatusCode::BAD_GATEWAY,
            "{status} {body}"
        );
        Completed {
            kind: text(&result["__typename"]),
            code,
            order: text(&result["order"]["id"]),
            body,
        }
    }

    /// The cart's order, as the buyer sees it; null while the cart has none.
    pub async fn order(&self) -> Value {
        let query = format!("query($cart: ID!) {{ cart(id: $cart) {{ order {{ {ORDER} }} }} }}");
        self.shop
            .graphql(None, &query, json!({ "cart": self.cart }))
            .await["cart"]["order"]
            .take()
    }
}

/// How many captures were made, without those that were replayed.
pub fn charges(payments: &[Value]) -> usize {
    payments
        .iter()
        .flat_map(|payment| payment["entries"].as_array().into_iter().flatten())
        .filter(|entry| {
            entry["operation"] == "capture" && (entry["outcome"] == "ok" || entry["outcome"] == "lost")
        })
        .count()
}

/// How many authorisations were made, without those that were replayed.
pub fn authorisations(payments: &[Value]) -> usize {
    payments
        .iter()
        .flat_map(|payment| payment["entries"].as_array().into_iter().flatten())
        .filter(|entry| {
            entry["operation"] == "authorize" && (entry["outcome"] == "ok" || entry["outcome"] == "lost")
        })
        .count()
}
