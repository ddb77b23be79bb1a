//! What the REST handlers refuse about a request's form.

use reqwest::Method;
use serde_json::json;

use super::{
    answer::Answer,
    case::{Case, Provoked, case},
    world::{World, payment},
};

pub(crate) const CASES: &[Case] = &[
    case!(InvalidId, 400, invalid_id),
    case!(UnknownField, 400, unknown_field),
    case!(LimitOutOfRange, 400, limit_out_of_range),
    case!(InvalidSort, 400, invalid_sort),
    case!(QueryTooLong, 400, query_too_long),
    case!(IdempotencyKeyRequired, 400, idempotency_key_required),
    case!(IdempotencyKeyInvalid, 400, idempotency_key_invalid),
    case!(WebhookSignatureInvalid, 401, webhook_signature_invalid),
    case!(VersionConflict, 412, version_conflict),
    case!(PreconditionRequired, 428, precondition_required),
    case!(InvalidImage, 422, invalid_image),
];

const READING: &str = "a list is read; there is nothing it could change";

/// The id of the shop's product.
async fn lamp(world: &World) -> String {
    let data = world
        .shop
        .graphql(None, "{ product(slug: \"lamp\") { id } }", json!({}))
        .await;
    data["product"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{data}"))
        .to_owned()
}

async fn invalid_id(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let admin = world.admin().await;
    let mut refusals = Vec::new();
    for id in ["%27%20OR%201=1--", "..%2f", "a%00b", "%ff", &"a".repeat(4000)] {
        let product = world.rest(Method::DELETE, &format!("/admin/products/{id}"), Some(&admin));
        refusals.push(Answer::of(product).await.problem());
        let path = format!("/store/carts/{id}/complete");
        let cart = world.send(Method::POST, &path, None, &payment("tok_visa")).await;
        // The key is asked for first; with it, the id is looked at.
        assert_eq!(cart.body["code"], "IDEMPOTENCY_KEY_REQUIRED");
        refusals.push(world.complete(id, "tok_visa", "key").await.problem());
    }
    Provoked::without_effect(watch, refusals)
}

async fn unknown_field(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let line = json!({ "variantId": world.lamp, "quantity": 1, "price": "0.01" });
    let path = format!("/store/carts/{}", buyer.cart);
    let price = world
        .send(Method::POST, &format!("{path}/line-items"), None, &line)
        .await;
    let update = json!({ "email": "other@buyer.example", "discountTotal": "49.90" });
    let discount = world.send(Method::PATCH, &path, None, &update).await;
    let mut body = payment("tok_visa");
    body["total"] = json!("0.01");
    let complete = world
        .rest(Method::POST, &format!("{path}/complete"), None)
        .header("idempotency-key", "key");
    let total = Answer::of(complete.json(&body)).await;
    let parameter = Answer::of(world.rest(Method::GET, "/store/products?colour=red", None)).await;
    let query =
        "mutation($cart: ID!, $lines: [CartLineInput!]!) { cartLinesAdd(cartId: $cart, lines: $lines) {
        cart { id } } }";
    let graphql = world
        .graphql(None, query, json!({ "cart": buyer.cart, "lines": [line] }))
        .await;
    Provoked::without_effect(
        watch,
        vec![
            price.problem(),
            discount.problem(),
            total.problem(),
            parameter.problem(),
            graphql.request(),
        ],
    )
}

async fn limit_out_of_range(world: &World) -> Provoked {
    let mut refusals = Vec::new();
    for limit in ["0", "101", "-1", "1e2", "99999999999999999999", "ten"] {
        let path = format!("/store/products?limit={limit}");
        refusals.push(Answer::of(world.rest(Method::GET, &path, None)).await.problem());
    }
    for first in [0, -1, 101, i32::MAX] {
        let query = format!("{{ products(first: {first}) {{ totalCount }} }}");
        refusals.push(world.graphql(None, &query, json!({})).await.field("products"));
    }
    Provoked::effectless(READING, refusals)
}

async fn invalid_sort(world: &World) -> Provoked {
    let mut refusals = Vec::new();
    for sort in [
        "price",
        "price;select%20pg_sleep(5)",
        "(case%20when%201=1)",
        "PRICE_ASC--",
    ] {
        let path = format!("/store/products?sort={sort}");
        refusals.push(Answer::of(world.rest(Method::GET, &path, None)).await.problem());
    }
    Provoked::effectless(READING, refusals)
}

async fn query_too_long(world: &World) -> Provoked {
    let query = "é".repeat(257);
    let rest = Answer::of(
        world
            .rest(Method::GET, "/store/products", None)
            .query(&[("query", &query)]),
    )
    .await;
    let document = "query($query: String) { search(query: $query) { totalCount } }";
    let graphql = world.graphql(None, document, json!({ "query": query })).await;
    Provoked::effectless(READING, vec![rest.problem(), graphql.field("search")])
}

async fn idempotency_key_required(world: &World) -> Provoked {
    let (buyer, order, admin) = (world.buyer().await, world.order().await, world.admin().await);
    let watch = world.watch(&[&buyer.cart]).await;
    let mut refusals = Vec::new();
    let path = format!("/store/carts/{}/complete", buyer.cart);
    refusals.push(
        world
            .send(Method::POST, &path, None, &payment("tok_visa"))
            .await
            .problem(),
    );
    for (path, body) in [
        (format!("/admin/orders/{order}/fulfill"), json!({})),
        (format!("/admin/orders/{order}/cancel"), json!({})),
        (
            format!("/admin/orders/{order}/refund"),
            json!({ "reason": "broken" }),
        ),
        (
            format!("/admin/inventory/{}/adjust", world.lamp),
            json!({ "delta": 1, "reason": "found" }),
        ),
    ] {
        refusals.push(
            world
                .send(Method::POST, &path, Some(&admin), &body)
                .await
                .problem(),
        );
    }
    Provoked::without_effect(watch, refusals)
}

async fn idempotency_key_invalid(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let mut refusals = Vec::new();
    for key in ["", "clé", &"k".repeat(256)] {
        refusals.push(world.complete(&buyer.cart, "tok_visa", key).await.problem());
        let query = "mutation($cart: ID!, $key: String!) { cartComplete(cartId: $cart, idempotencyKey: $key,
            payment: { provider: \"sandbox\", token: \"tok_visa\" }) {
            ... on CartCompleteFailed { userErrors { code field message } } } }";
        let answer = world
            .graphql(None, query, json!({ "cart": buyer.cart, "key": key }))
            .await;
        refusals.push(answer.user_error("cartComplete"));
    }
    Provoked::without_effect(watch, refusals)
}

async fn webhook_signature_invalid(world: &World) -> Provoked {
    let order = world.order().await;
    let watch = world.watch(&[]).await;
    let event = json!({ "id": "evt_1", "type": "charge.refunded", "data": { "object": { "order": order } } });
    let mut refusals = Vec::new();
    for path in ["/webhooks/stripe", "/webhooks/twilio"] {
        refusals.push(world.send(Method::POST, path, None, &event).await.problem());
        let request = world
            .rest(Method::POST, path, None)
            .header("stripe-signature", "t=1,v1=00");
        let request = request.header("x-twilio-signature", "AAAA");
        refusals.push(Answer::of(request.json(&event)).await.problem());
    }
    Provoked::without_effect(watch, refusals)
}

async fn version_conflict(world: &World) -> Provoked {
    let (product, admin) = (lamp(world).await, world.admin().await);
    let watch = world.watch(&[]).await;
    let path = format!("/admin/products/{product}");
    let mut refusals = Vec::new();
    for tag in ["\"0-0123456789abcdef\"", "W/\"999-a\"", "nonsense"] {
        let request = world
            .rest(Method::PATCH, &path, Some(&admin))
            .header("if-match", tag);
        refusals.push(
            Answer::of(request.json(&json!({ "title": "Stolen" })))
                .await
                .problem(),
        );
    }
    let query =
        "mutation($id: ID!, $input: ProductInput!) { productUpdate(id: $id, input: $input, version: 999) {
        product { id } userErrors { code field message } } }";
    let input = json!({ "title": "Stolen", "variants": [{ "id": world.lamp, "price": "1.00" }] });
    let answer = world
        .graphql(Some(&admin), query, json!({ "id": product, "input": input }))
        .await;
    refusals.push(answer.user_error("productUpdate"));
    Provoked::without_effect(watch, refusals)
}

async fn precondition_required(world: &World) -> Provoked {
    let (product, admin) = (lamp(world).await, world.admin().await);
    let watch = world.watch(&[]).await;
    let path = format!("/admin/products/{product}");
    let without = world
        .send(Method::PATCH, &path, Some(&admin), &json!({ "title": "Stolen" }))
        .await;
    let any = world
        .rest(Method::PATCH, &path, Some(&admin))
        .header("if-match", "*");
    let any = Answer::of(any.json(&json!({ "title": "Stolen" }))).await;
    Provoked::without_effect(watch, vec![without.problem(), any.problem()])
}

async fn invalid_image(world: &World) -> Provoked {
    let admin = world.admin().await;
    let bodies: [&[u8]; 4] = [
        b"",
        b"<svg onload=alert(1)>",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff",
        &[0xff; 1000],
    ];
    let mut refusals = Vec::new();
    for body in bodies {
        let request = world
            .rest(Method::POST, "/admin/media", Some(&admin))
            .header("content-type", "image/png");
        refusals.push(Answer::of(request.body(body)).await.problem());
    }
    Provoked::effectless(
        "pictures are stored under their content and in no list: one that is refused has no address",
        refusals,
    )
}
