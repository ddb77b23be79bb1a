//! Completing a cart.

use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::orders::v1 as orders;
use orders::complete_cart_response::Outcome;
use serde_json::{Value, json};

use super::gateway::{Gateway, codes, data};
use super::samples::{cart, id, order};

const RESULT: &str = "__typename
    ... on CartCompleteSuccess { order { id state } }
    ... on CartCompleteAlreadyAccepted { order { id accessToken } }
    ... on CartCompleteActionRequired { paymentId redirectUrl clientSecret expiresAt order { id } }
    ... on CartCompleteFailed { userErrors { code field message } cart { id } }";

/// Has the service answer so to every completion.
fn answer(gateway: &Gateway, outcome: impl Fn() -> Outcome + Send + Sync + 'static) {
    gateway
        .fakes
        .on("complete_cart", move |request: orders::CompleteCartRequest| {
            assert_eq!(request.client_address.as_deref(), Some("192.0.2.7"));
            Ok(orders::CompleteCartResponse {
                outcome: Some(outcome()),
            })
        });
}

async fn complete(gateway: &Gateway, key: &str, more: &str) -> async_graphql::Response {
    let payment = "payment: { provider: \"sandbox\", token: \"tok_visa\" }";
    let document = format!(
        "mutation($key: String!) {{ cartComplete(cartId: \"cart_x\", {payment}, idempotencyKey: $key {more}) {{ {RESULT} }} }}"
    );
    gateway.ask_with(None, &document, json!({ "key": key })).await
}

async fn result(gateway: &Gateway) -> Value {
    data(&complete(gateway, "key-1", "").await)["cartComplete"].clone()
}

#[tokio::test]
async fn each_outcome_is_a_type_of_its_own() {
    let gateway = Gateway::new();
    answer(&gateway, || Outcome::Placed(order(1)));
    assert_eq!(
        result(&gateway).await,
        json!({ "__typename": "CartCompleteSuccess", "order": { "id": id("order_", 1), "state": "PLACED" } })
    );
    answer(&gateway, || {
        Outcome::AlreadyAccepted(orders::Order {
            access_token: Some("secret".into()),
            ..order(1)
        })
    });
    assert_eq!(
        result(&gateway).await,
        json!({ "__typename": "CartCompleteAlreadyAccepted",
            "order": { "id": id("order_", 1), "accessToken": "secret" } })
    );
    answer(&gateway, || {
        Outcome::ActionRequired(orders::ActionRequired {
            order: Some(order(1)),
            payment_id: "pay_1".into(),
            redirect_url: "https://bank.example/1".into(),
            client_secret: None,
            expires_at: Some(prost_types::Timestamp {
                seconds: 1_767_225_600,
                nanos: 0,
            }),
        })
    });
    assert_eq!(
        result(&gateway).await,
        json!({ "__typename": "CartCompleteActionRequired", "paymentId": "pay_1",
            "redirectUrl": "https://bank.example/1", "clientSecret": null, "expiresAt": "2026-01-01T00:00:00Z",
            "order": { "id": id("order_", 1) } })
    );
}

#[tokio::test]
async fn a_definite_refusal_carries_the_cart() {
    let gateway = Gateway::new();
    answer(&gateway, || {
        let refusal = orders::Refusal {
            code: "VALIDATION_FAILED".into(),
            field: vec!["delivery_address".into()],
            message: "Where to?".into(),
        };
        Outcome::Failed(orders::CompleteCartFailure {
            refusals: vec![refusal],
            cart: Some(cart(1)),
            replayed: false,
        })
    });
    assert_eq!(
        result(&gateway).await,
        json!({ "__typename": "CartCompleteFailed", "cart": { "id": id("cart_", 1) },
            "userErrors": [
                { "code": "VALIDATION_FAILED", "field": ["deliveryAddress"], "message": "Where to?" }
            ] })
    );
    assert_eq!(gateway.fakes.calls(), ["complete_cart"]);
}

#[tokio::test]
async fn a_refused_call_is_a_failure_with_the_cart_as_it_stands() {
    let gateway = Gateway::new();
    gateway
        .fakes
        .on("complete_cart", |_: orders::CompleteCartRequest| {
            let refusal = Error::new(ErrorReason::CartAlreadyOrdered, "The cart was ordered.");
            Err::<orders::CompleteCartResponse, _>(refusal)
        });
    gateway.fakes.on("get_cart", |_: orders::GetCartRequest| {
        Ok(orders::GetCartResponse { cart: Some(cart(1)) })
    });
    assert_eq!(
        result(&gateway).await,
        json!({ "__typename": "CartCompleteFailed", "cart": { "id": id("cart_", 1) },
            "userErrors": [
                { "code": "CART_ALREADY_ORDERED", "field": null, "message": "The cart was ordered." }
            ] })
    );
}

#[tokio::test]
async fn outages_and_throttles_are_errors() {
    let gateway = Gateway::new();
    for reason in [
        ErrorReason::DependencyUnavailable,
        ErrorReason::DeadlineExceeded,
        ErrorReason::ReservationLimit,
        ErrorReason::Internal,
    ] {
        gateway
            .fakes
            .on("complete_cart", move |_: orders::CompleteCartRequest| {
                let error = Error::new(reason, "no").with_retry_after(std::time::Duration::from_millis(1500));
                Err::<orders::CompleteCartResponse, _>(error)
            });
        let answer = complete(&gateway, "key-1", "").await;
        assert_eq!(codes(&answer).len(), 1, "{reason:?}");
        let extensions = answer.errors[0].extensions.as_ref().unwrap();
        assert_eq!(
            extensions
                .get("retryAfter")
                .cloned()
                .unwrap()
                .into_json()
                .unwrap(),
            json!(2)
        );
    }
}

#[tokio::test]
async fn keys_and_addresses_are_checked_before_anything_is_called() {
    let gateway = Gateway::new();
    gateway.fakes.on("get_cart", |_: orders::GetCartRequest| {
        Ok(orders::GetCartResponse { cart: Some(cart(1)) })
    });
    for key in ["", "clé", &"k".repeat(256)] {
        let answer = data(&complete(&gateway, key, "").await);
        let error = &answer["cartComplete"]["userErrors"][0];
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!("IDEMPOTENCY_KEY_INVALID"), &json!(["idempotencyKey"]))
        );
    }
    let payment = "payment: { provider: \"sandbox\", token: \"t\", returnUrl: \"https://evil.example/\" }";
    let answer = gateway
        .guest(&format!(
            "mutation {{ cartComplete(cartId: \"c\", {payment}, idempotencyKey: \"k\") {{ {RESULT} }} }}"
        ))
        .await;
    let error = data(&answer)["cartComplete"]["userErrors"][0].clone();
    assert_eq!(
        (&error["code"], &error["field"]),
        (&json!("URL_NOT_ALLOWED"), &json!(["payment", "returnUrl"]))
    );
    assert!(!gateway.fakes.calls().contains(&"complete_cart"));
}

#[tokio::test]
async fn the_way_back_is_handed_on_as_browsers_read_it() {
    let gateway = Gateway::new();
    gateway
        .fakes
        .on("complete_cart", |request: orders::CompleteCartRequest| {
            assert_eq!(
                request.return_url.as_deref(),
                Some("https://shop.example/@evil.example/")
            );
            let outcome = Some(Outcome::Placed(order(1)));
            Ok(orders::CompleteCartResponse { outcome })
        });
    let document = format!(
        "mutation($payment: PaymentInput!) {{ cartComplete(cartId: \"c\", payment: $payment, idempotencyKey: \"k\") {{ {RESULT} }} }}"
    );
    let payment =
        json!({ "provider": "sandbox", "token": "t", "returnUrl": r"https://shop.example\@evil.example/" });
    let answer = gateway
        .ask_with(None, &document, json!({ "payment": payment }))
        .await;
    assert_eq!(data(&answer)["cartComplete"]["__typename"], "CartCompleteSuccess");
}

#[tokio::test]
async fn the_order_of_a_cart_is_read_by_right_of_the_cart() {
    let gateway = Gateway::new();
    gateway.fakes.on("get_cart", |_: orders::GetCartRequest| {
        let cart = orders::Cart {
            order_id: Some(id("order_", 1)),
            ..cart(0)
        };
        Ok(orders::GetCartResponse { cart: Some(cart) })
    });
    gateway.fakes.on("get_order", |request: orders::GetOrderRequest| {
        assert_eq!(request.cart_id, Some(id("cart_", 1)));
        Ok(orders::GetOrderResponse {
            order: Some(order(1)),
        })
    });
    let answer = data(
        &gateway
            .guest("{ cart(id: \"cart_x\") { order { version } } }")
            .await,
    );
    assert_eq!(answer, json!({ "cart": { "order": { "version": 1 } } }));
}
