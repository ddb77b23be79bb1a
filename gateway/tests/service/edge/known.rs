//! Documents that were valid before get the answers that they got then.

use serde_json::{Value, json};

use crate::support::served::{Shop, send};

async fn ask(shop: &Shop, document: &str, variables: &Value) -> (u16, String) {
    let answer = send(shop.post(json!({ "query": document, "variables": variables }).to_string())).await;
    (answer.status.as_u16(), answer.text)
}

/// Has `document` known by its answer to `good`, and compares what it says to each of `others` with what a document says
/// that differs by a comment and was never seen.
async fn compare(shop: &Shop, document: &str, good: Value, others: &[Value]) {
    let (status, text) = ask(shop, document, &good).await;
    assert_eq!(status, 200, "{text}");
    for (number, variables) in [&good].into_iter().chain(others).enumerate() {
        let known = ask(shop, document, variables).await;
        let new = ask(shop, &format!("{document} # {number}"), variables).await;
        assert_eq!(known, new, "{document} {variables}");
    }
}

#[tokio::test]
async fn wrong_variables_are_refused_as_before() {
    let shop = Shop::open(&[]).await;
    let slug = "query($slug: String!) { category(slug: $slug) { id } }";
    let others = [
        json!({}),
        json!(null),
        json!({ "slug": null }),
        json!({ "slug": 1 }),
        json!({ "slug": ["lamp"] }),
        json!({ "slug": "lamp", "more": { "$gt": 1 } }),
        json!({ "slug": "lamp", "more": 1 }),
    ];
    compare(&shop, slug, json!({ "slug": "lamp" }), &others).await;

    let id = "query($id: ID!) { node(id: $id) { id } }";
    let others = [
        json!({ "id": 1 }),
        json!({ "id": u64::MAX }),
        json!({ "id": 0.5 }),
        json!({ "id": true }),
    ];
    compare(&shop, id, json!({ "id": "x" }), &others).await;

    let sort =
        "query($first: Int, $sort: ProductSort) { products(first: $first, sort: $sort) { nodes { id } } }";
    let others = [
        json!({ "first": 2, "sort": "NEWEST" }),
        json!({ "first": 100 }),
        json!({ "first": null, "sort": null }),
        json!({ "first": "2" }),
        json!({ "first": 2.5 }),
        json!({ "first": 2_147_483_648_u64 }),
        json!({ "sort": "OLDEST" }),
        json!({ "sort": 1 }),
        json!({ "sort": ["NEWEST"] }),
    ];
    compare(&shop, sort, json!({}), &others).await;
}

#[tokio::test]
async fn wrong_inputs_are_refused_as_before() {
    let shop = Shop::open(&[]).await;
    let lines = "mutation($cart: ID!, $lines: [CartLineInput!]!) { cartLinesAdd(cartId: $cart, lines: $lines) { cart { id } } }";
    let line = |line: Value| json!({ "cart": "c", "lines": line });
    let others = [
        line(json!({ "variantId": "v", "quantity": 1 })),
        line(json!([])),
        line(json!(null)),
        line(json!([null])),
        line(json!("v")),
        line(json!([[{ "variantId": "v", "quantity": 1 }]])),
        line(json!([{ "variantId": "v" }])),
        line(json!([{ "variantId": "v", "quantity": null }])),
        line(json!([{ "variantId": "v", "quantity": "1" }])),
        line(json!([{ "variantId": "v", "quantity": 1, "price": 1 }])),
        json!({ "lines": [] }),
    ];
    compare(
        &shop,
        lines,
        line(json!([{ "variantId": "v", "quantity": 1 }])),
        &others,
    )
    .await;

    let within = "mutation($variant: ID!, $quantity: Int!) { cartLinesAdd(cartId: \"c\", lines: [{ variantId: $variant, \
                  quantity: $quantity }]) { userErrors { code } } }";
    let others = [
        json!({ "variant": "v" }),
        json!({ "variant": "v", "quantity": null }),
        json!({ "variant": { "id": "v" }, "quantity": 1 }),
    ];
    compare(&shop, within, json!({ "variant": "v", "quantity": 1 }), &others).await;

    let one = "mutation($v: ID!, $q: ID!) { cartLinesAdd(cartId: \"c\", lines: { variantId: $v, quantity: $q }) \
               { userErrors { code } } }";
    let others = [
        json!({ "v": "v", "q": "x" }),
        json!({ "v": "v", "q": "1" }),
        json!({ "v": 1, "q": 2 }),
    ];
    compare(&shop, one, json!({ "v": "v", "q": 1 }), &others).await;

    let total = "mutation($total: Decimal, $amount: Decimal) { cartComplete(cartId: \"c\", payment: { provider: \"sandbox\", token: \"t\" }, \
                 idempotencyKey: \"k\", expectedTotal: $total) { __typename } \
                 orderRefund(id: \"o\", amount: $amount, reason: \"\", idempotencyKey: \"k\") { userErrors { code } } }";
    let decimals = ["49.90", "-1", "+1", ".5", "1.", "1e3", "1_000", "", "NaN"];
    let mut others: Vec<_> = decimals.map(|text| json!({ "total": text })).into();
    others.extend([json!({ "total": 1 }), json!({ "amount": "0".repeat(41) })]);
    compare(&shop, total, json!({ "total": "1.00" }), &others).await;

    let times = "query($from: DateTime!, $to: DateTime!) { adminSales(from: $from, to: $to) { orders } }";
    let day = "2026-01-31T12:00:00Z";
    let others = [
        json!({ "from": day, "to": "yesterday" }),
        json!({ "from": day, "to": 1 }),
    ];
    compare(&shop, times, json!({ "from": day, "to": day }), &others).await;
}

#[tokio::test]
async fn null_is_refused_where_only_a_default_made_it_possible() {
    let shop = Shop::open(&[]).await;
    let default = "query($slug: String = \"lamp\") { category(slug: $slug) { id } }";
    let others = [
        json!({ "slug": null }),
        json!({ "slug": 1 }),
        json!({ "slug": "x" }),
    ];
    compare(&shop, default, json!({}), &others).await;
    let (status, text) = ask(&shop, default, &json!({ "slug": null })).await;
    assert!(status == 400 && text.contains("VALIDATION_FAILED"), "{text}");
}

#[tokio::test]
async fn skipped_fields_follow_the_variables() {
    let shop = Shop::open(&[]).await;
    let document = "query($with: Boolean!) { product(slug: \"lamp\") { ...F title @include(if: $with) } shop { name @skip(if: $with) } } \
                    fragment F on Product { id @skip(if: $with) }";
    let others = [
        json!({ "with": false }),
        json!({ "with": "true" }),
        json!({ "with": null }),
        json!({}),
    ];
    compare(&shop, document, json!({ "with": true }), &others).await;
}

#[tokio::test]
async fn several_operations_are_each_validated_with_all_of_them() {
    let shop = Shop::open(&[]).await;
    let document = "query A { __typename } query B($slug: String!) { ...F } \
                    fragment F on Query { category(slug: $slug) { id } }";
    let ask = async |suffix: &str, name: Option<&str>, variables: Value| {
        let query = format!("{document}{suffix}");
        let body = json!({ "query": query, "operationName": name, "variables": variables });
        let answer = send(shop.post(body.to_string())).await;
        (answer.status.as_u16(), answer.text)
    };
    assert_eq!(ask("", Some("A"), json!({})).await.0, 200);
    assert_eq!(ask("", Some("B"), json!({ "slug": "x" })).await.0, 200);
    let cases = [
        (Some("A"), json!({ "slug": 1 })),
        (Some("B"), json!({ "slug": 1 })),
        (Some("B"), json!({})),
        (Some("C"), json!({})),
        (None, json!({})),
    ];
    for (number, (name, variables)) in cases.into_iter().enumerate() {
        let known = ask("", name, variables.clone()).await;
        let new = ask(&format!(" # {number}"), name, variables).await;
        assert_eq!(known, new);
    }
}

#[tokio::test]
async fn a_known_document_is_refused_by_cost_and_identity() {
    let shop = Shop::open(&[]).await;
    let lists = |n: usize| format!("a{n}: products(first: $n) {{ nodes {{ images {{ url }} }} }} ");
    let document = format!("query($n: Int!) {{ {} }}", (0..10).map(lists).collect::<String>());
    let others = [json!({ "n": 100 }), json!({ "n": 5 }), json!({ "n": -1 })];
    compare(&shop, &document, json!({ "n": 1 }), &others).await;
    let (_, text) = ask(&shop, &document, &json!({ "n": 100 })).await;
    assert!(text.contains("QUERY_TOO_COMPLEX"), "{text}");
    let body = json!({ "query": document, "variables": { "n": 1 } }).to_string();
    let answer = send(shop.post(body).bearer_auth("bad")).await;
    assert_eq!(answer.code(), "401 TOKEN_INVALID");
}

#[tokio::test]
async fn an_invalid_document_stays_invalid() {
    let shop = Shop::open(&[]).await;
    for document in [
        "{ nothing }",
        "{ category(slug: 1) { id } }",
        "query($a: Int) { __typename }",
        "{ a",
    ] {
        let first = ask(&shop, document, &json!({})).await;
        assert_eq!(first.0, 400, "{}", first.1);
        assert_eq!(ask(&shop, document, &json!({})).await, first);
    }
}
