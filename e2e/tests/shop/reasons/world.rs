//! A shop with a product and buyers, and its state, which a refusal must not change.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use comptoir_e2e::{
    Buyer, Shop,
    buyer::{authorisations, charges},
    shop::eventually,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::Instant};

use super::answer::Answer;

/// An uncommon password.
pub(crate) const PASSWORD: &str = "a lamp for every desk";
/// Less than the lifetime of an access token.
const TOKEN_LIFE: Duration = Duration::from_secs(120);
const MAIL: Duration = Duration::from_secs(20);

/// A shop with one product.
pub(crate) struct World {
    pub(crate) shop: Shop,
    /// A variant for 49.90 with a thousand units.
    pub(crate) lamp: String,
    admin: Mutex<Option<(Instant, String)>>,
    names: AtomicUsize,
    has_sandbox: bool,
}

/// A signed-in customer.
pub(crate) struct Customer {
    pub(crate) email: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// What is compared before and after.
pub(crate) struct Watch {
    carts: Vec<String>,
    pub(crate) state: Value,
}

impl World {
    pub(crate) async fn new(settings: &[(&str, &str)]) -> Self {
        let shop = Shop::start_with(settings).await;
        let has_sandbox = !settings.contains(&("COMPTOIR_PROFILE", "production"));
        let admin = shop.admin().await;
        let lamp = shop.add_product(&admin, "Lamp", "49.90", 1000).await;
        let admin = Mutex::new(Some((Instant::now(), admin)));
        Self {
            shop,
            lamp,
            admin,
            names: AtomicUsize::new(0),
            has_sandbox,
        }
    }

    /// An access token of the administrator.
    pub(crate) async fn admin(&self) -> String {
        let mut kept = self.admin.lock().await;
        match &*kept {
            Some((since, token)) if since.elapsed() < TOKEN_LIFE => token.clone(),
            _ => {
                let token = self.shop.admin().await;
                *kept = Some((Instant::now(), token.clone()));
                token
            }
        }
    }

    /// A new name.
    pub(crate) fn name(&self, stem: &str) -> String {
        format!("{stem}-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// A GraphQL call.
    pub(crate) async fn graphql(&self, token: Option<&str>, query: &str, variables: Value) -> Answer {
        self.post_graphql(token, &json!({ "query": query, "variables": variables }))
            .await
    }

    /// A GraphQL call with any JSON as its body.
    pub(crate) async fn post_graphql(&self, token: Option<&str>, body: &Value) -> Answer {
        Answer::of(with_token(self.shop.http.post(self.shop.url("/graphql")), token).json(body)).await
    }

    /// A REST call.
    pub(crate) fn rest(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        with_token(self.shop.http.request(method, self.shop.url(path)), token)
    }

    /// A REST call with a JSON body.
    pub(crate) async fn send(&self, method: Method, path: &str, token: Option<&str>, body: &Value) -> Answer {
        Answer::of(self.rest(method, path, token).json(body)).await
    }

    /// Completes a cart by REST.
    pub(crate) async fn complete(&self, cart: &str, token: &str, key: &str) -> Answer {
        let request = self.rest(Method::POST, &format!("/store/carts/{cart}/complete"), None);
        Answer::of(request.header("idempotency-key", key).json(&payment(token))).await
    }

    /// A guest with one lamp in a cart that is ready to be paid.
    pub(crate) async fn buyer(&self) -> Buyer<'_> {
        Buyer::with_cart(&self.shop, &self.name("guest"), &[(&self.lamp, 1)]).await
    }

    /// The cart and the e-mail of such a guest, for a shop that restarts in between.
    pub(crate) async fn cart(&self) -> (String, String) {
        let buyer = self.buyer().await;
        (buyer.cart, buyer.email)
    }

    /// The id of an order that was placed and captured.
    pub(crate) async fn order(&self) -> String {
        let buyer = self.buyer().await;
        let placed = buyer.complete("tok_visa", "key").await;
        assert_eq!(placed.kind, "CartCompleteSuccess", "{placed:?}");
        eventually("the order is captured", MAIL, || async {
            (buyer.order().await["state"] == "CONFIRMED").then_some(())
        })
        .await;
        placed.order
    }

    /// The token in the newest mail to an address.
    pub(crate) async fn mailed_token(&self, email: &str) -> String {
        eventually("a mail", MAIL, || async {
            let mails = self.shop.mailbox(email).await;
            let text = mails.first()?["text"].as_str()?;
            let token = text.split("token=").nth(1)?;
            Some(
                token
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || "-_.~%".contains(*c))
                    .collect(),
            )
        })
        .await
    }

    /// A customer who registered, confirmed and signed in.
    pub(crate) async fn customer(&self, stem: &str) -> Customer {
        let email = format!("{}@buyer.example", self.name(stem));
        let query = "mutation($input: AccountRegisterInput!) { accountRegister(input: $input) {
            accepted userErrors { code message } } }";
        let input = json!({ "email": email, "password": PASSWORD, "firstName": "Ada" });
        let data = self.shop.graphql(None, query, json!({ "input": input })).await;
        assert_eq!(data["accountRegister"]["accepted"], true, "{data}");
        let token = self.mailed_token(&email).await;
        let query =
            "mutation($token: String!) { accountConfirm(token: $token) { userErrors { code message } } }";
        let data = self.shop.graphql(None, query, json!({ "token": token })).await;
        assert_eq!(data["accountConfirm"]["userErrors"], json!([]), "{data}");
        self.sign_in(&email).await
    }

    /// A further session of a customer.
    pub(crate) async fn sign_in(&self, email: &str) -> Customer {
        let query = "mutation($email: String!, $password: String!) { tokenCreate(email: $email, password: $password) {
            accessToken refreshToken userErrors { code message } } }";
        let data = self
            .shop
            .graphql(None, query, json!({ "email": email, "password": PASSWORD }))
            .await;
        let text = |name: &str| {
            data["tokenCreate"][name]
                .as_str()
                .unwrap_or_else(|| panic!("{data}"))
                .to_owned()
        };
        Customer {
            email: email.to_owned(),
            access: text("accessToken"),
            refresh: text("refreshToken"),
        }
    }

    /// Reads everything that staff can list, the payments, and these carts.
    pub(crate) async fn watch(&self, carts: &[&str]) -> Watch {
        let carts: Vec<String> = carts.iter().map(|&cart| cart.to_owned()).collect();
        let state = self.state(&carts).await;
        Watch { carts, state }
    }

    async fn state(&self, carts: &[String]) -> Value {
        let admin = self.admin().await;
        let query = "{
            adminProducts(first: 100) { totalCount nodes { id version title status
                variants { id quantityOnHand quantityReserved } } }
            adminOrders(first: 100) { totalCount nodes { id version state paymentStatus fulfillmentStatus } }
            adminUsers(first: 100) { totalCount nodes { id email role active firstName emailVerified } }
            adminDiscounts(first: 100) { totalCount nodes { id code timesUsed } } }";
        let mut state = self.shop.graphql(Some(&admin), query, json!({})).await;
        for cart in carts {
            let query = "query($id: ID!) { cart(id: $id) { lines { id quantity } totalQuantity email
                deliveryAddress { countryCode } discountCodes { code } order { id } } }";
            state[cart.as_str()] = self.shop.graphql(None, query, json!({ "id": cart })).await;
        }
        if self.has_sandbox {
            let payments = self.shop.payments(None).await;
            state["money"] = json!([authorisations(&payments), charges(&payments)]);
        }
        state
    }

    /// Panics unless the process is still the same.
    pub(crate) fn lives(&self, pid: u32) {
        assert_eq!(self.shop.pid(), pid);
        if cfg!(target_os = "linux") {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is gone");
            assert!(!status.contains("State:\tZ"), "the process has ended");
        }
    }

    /// Panics unless a good request is served.
    pub(crate) async fn serves(&self) {
        let data = self
            .shop
            .graphql(
                None,
                "{ shop { name } products(first: 1) { totalCount } }",
                json!({}),
            )
            .await;
        assert!(
            data["products"]["totalCount"]
                .as_i64()
                .is_some_and(|count| count > 0),
            "{data}"
        );
    }
}

impl Watch {
    /// Reads the same state later.
    pub(crate) async fn again(&self, world: &World) -> Value {
        world.state(&self.carts).await
    }
}

/// The body that pays a cart.
pub(crate) fn payment(token: &str) -> Value {
    json!({ "payment": { "provider": "sandbox", "token": token } })
}

fn with_token(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}
