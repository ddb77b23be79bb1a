//! Carts and their completion.

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::orders::v1 as pb;
use pb::complete_cart_response::Outcome;

use crate::support::answer::Answer;
use crate::support::in_process::Shop;

const CART: &str = "cart_01J0000000000000000000CART";
const PAID: &str = "{\"payment\":{\"provider\":\"sandbox\",\"token\":\"tok_visa\"}}";

fn cart() -> pb::Cart {
    pb::Cart {
        id: CART.into(),
        currency_code: "EUR".into(),
        ..Default::default()
    }
}

pub(crate) fn order() -> pb::Order {
    pb::Order {
        id: "order_01J000000000000000000000RD".into(),
        number: Some("C-1001".into()),
        state: pb::OrderState::Placed.into(),
        version: 2,
        ..Default::default()
    }
}

async fn complete(shop: &Shop, outcome: fn() -> Outcome) -> Answer {
    shop.fakes
        .on("complete_cart", move |request: pb::CompleteCartRequest| {
            assert_eq!(
                (request.request_id.as_str(), request.client_address.as_deref()),
                ("key-1", Some("192.0.2.7"))
            );
            Ok(pb::CompleteCartResponse {
                outcome: Some(outcome()),
            })
        });
    let headers = [("content-type", "application/json"), ("idempotency-key", "key-1")];
    shop.send(&format!("POST /store/carts/{CART}/complete"), &headers, PAID)
        .await
}

#[tokio::test]
async fn a_cart_is_made_and_filled() {
    let shop = Shop::open().await;
    shop.fakes.on("create_cart", |_: pb::CreateCartRequest| {
        Ok(pb::CreateCartResponse { cart: Some(cart()) })
    });
    shop.fakes.on("add_lines", |request: pb::AddLinesRequest| {
        assert_eq!(request.lines[0].quantity, 2);
        Ok(pb::AddLinesResponse { cart: Some(cart()) })
    });
    let made = shop.json("POST /store/carts", "{}").await;
    assert_eq!(
        (made.status.as_u16(), made.header("cache-control")),
        (201, "no-store")
    );
    assert_eq!(shop.send("POST /store/carts", &[], "").await.status, 201);
    let line = "{\"variantId\":\"var_1\",\"quantity\":2}";
    assert_eq!(
        shop.json(&format!("POST /store/carts/{CART}/line-items"), line)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn quantities_are_refused_as_quantities() {
    let shop = Shop::open().await;
    for (quantity, code) in [
        ("0.5", "422 INVALID_QUANTITY"),
        ("\"1\"", "422 INVALID_QUANTITY"),
        ("null", "422 INVALID_QUANTITY"),
        ("-1", "422 INVALID_QUANTITY"),
        ("0", "422 INVALID_QUANTITY"),
        ("2147483648", "422 QUANTITY_OUT_OF_RANGE"),
        ("9223372036854775808", "422 QUANTITY_OUT_OF_RANGE"),
        ("1e18", "422 QUANTITY_OUT_OF_RANGE"),
    ] {
        let line = format!("{{\"variantId\":\"var_1\",\"quantity\":{quantity}}}");
        let answer = shop
            .json("POST /store/carts", &format!("{{\"lines\":[{line}]}}"))
            .await;
        assert_eq!(answer.code(), code, "{quantity}");
        assert_eq!(answer.json()["errors"][0]["field"], "lines.0.quantity");
        assert_eq!(
            shop.json(&format!("POST /store/carts/{CART}/line-items"), &line)
                .await
                .code(),
            code
        );
    }
    let priced = "{\"variantId\":\"var_1\",\"quantity\":1,\"price\":1}";
    assert_eq!(
        shop.json(&format!("POST /store/carts/{CART}/line-items"), priced)
            .await
            .code(),
        "400 UNKNOWN_FIELD"
    );
    assert_eq!(
        shop.json("POST /store/carts", "{\"email\":{\"$gt\":\"\"}}")
            .await
            .code(),
        "400 VALIDATION_FAILED"
    );
}

#[tokio::test]
async fn fields_are_named_as_the_client_wrote_them() {
    let shop = Shop::open().await;
    shop.fakes.on(
        "add_lines",
        |_: pb::AddLinesRequest| -> Result<pb::AddLinesResponse, Error> {
            Err(Error::field(
                "lines.0.variant_id",
                ErrorReason::ProductUnavailable,
                "It is not for sale.",
            ))
        },
    );
    let line = "{\"variantId\":\"var_1\",\"quantity\":2}";
    let answer = shop
        .json(&format!("POST /store/carts/{CART}/line-items"), line)
        .await;
    insta::assert_snapshot!(answer.text, @r#"{"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"It is not for sale.","code":"PRODUCT_UNAVAILABLE","requestId":"request-1","errors":[{"field":"variantId","code":"PRODUCT_UNAVAILABLE","message":"It is not for sale."}]}"#);
}

#[tokio::test]
async fn an_order_is_placed_replayed_or_wants_an_action() {
    let shop = Shop::open().await;
    let placed = complete(&shop, || Outcome::Placed(order())).await;
    assert_eq!(
        (placed.status.as_u16(), placed.json()["order"]["number"].as_str()),
        (201, Some("C-1001"))
    );
    let again = complete(&shop, || Outcome::AlreadyAccepted(order())).await;
    assert_eq!(
        (again.status.as_u16(), again.header("idempotent-replayed")),
        (200, "true")
    );
    let wanted = complete(&shop, || {
        let redirect_url = "/sandbox/payments/pay_1".into();
        Outcome::ActionRequired(pb::ActionRequired {
            order: Some(order()),
            redirect_url,
            ..Default::default()
        })
    });
    let wanted = wanted.await;
    assert_eq!(
        (wanted.status.as_u16(), wanted.json()["redirectUrl"].as_str()),
        (202, Some("/sandbox/payments/pay_1"))
    );
}

#[tokio::test]
async fn a_refusal_shows_the_cart() {
    let shop = Shop::open().await;
    let refused = complete(&shop, || {
        let code = "PRICE_CHANGED".into();
        let refusals = vec![pb::Refusal {
            code,
            field: vec!["expected_total".into()],
            message: "It is 12.90.".into(),
        }];
        Outcome::Failed(pb::CompleteCartFailure {
            refusals,
            cart: Some(cart()),
            replayed: true,
        })
    });
    let refused = refused.await;
    assert_eq!(
        (refused.code().as_str(), refused.header("idempotent-replayed")),
        ("409 PRICE_CHANGED", "true")
    );
    let body = refused.json();
    assert_eq!(
        (body["cart"]["id"].as_str(), body["errors"][0]["field"].as_str()),
        (Some(CART), Some("expectedTotal"))
    );
}

#[tokio::test]
async fn keys_are_wanted_and_checked() {
    let shop = Shop::open().await;
    let route = format!("POST /store/carts/{CART}/complete");
    assert_eq!(
        shop.json(&route, PAID).await.code(),
        "400 IDEMPOTENCY_KEY_REQUIRED"
    );
    for key in ["", "clé", &"k".repeat(256)] {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        assert_eq!(
            shop.send(&route, &headers, PAID).await.code(),
            "400 IDEMPOTENCY_KEY_INVALID",
            "{key}"
        );
    }
}

#[tokio::test]
async fn the_way_back_is_handed_on_as_browsers_read_it() {
    let shop = Shop::with(&["--cors-origins", "http://localhost:3000"]).await;
    shop.fakes
        .on("complete_cart", |request: pb::CompleteCartRequest| {
            assert_eq!(
                request.return_url.as_deref(),
                Some("http://localhost:3000/@evil.example/")
            );
            Ok(pb::CompleteCartResponse {
                outcome: Some(Outcome::Placed(order())),
            })
        });
    let route = format!("POST /store/carts/{CART}/complete");
    let headers = [("content-type", "application/json"), ("idempotency-key", "key-1")];
    let body = |url: &str| {
        let payment = serde_json::json!({ "provider": "sandbox", "token": "tok_visa", "returnUrl": url });
        serde_json::json!({ "payment": payment }).to_string()
    };
    let placed = shop
        .send(&route, &headers, body(r"http://localhost:3000\@evil.example/"))
        .await;
    assert_eq!(placed.status.as_u16(), 201, "{}", placed.text);
    for url in [
        "http://localhost:3000@evil.example/",
        "http://ada:pw@localhost:3000/",
    ] {
        let refused = shop.send(&route, &headers, body(url)).await;
        assert_eq!(refused.json()["code"], "URL_NOT_ALLOWED", "{url}");
    }
}
