//! What documents may be, in the order of the checks.

use serde_json::json;

use crate::support::served::{Shop, send};

/// Fields within one another down to a scalar.
fn nested(depth: usize) -> String {
    let parents = "{ parent ".repeat(depth - 2);
    format!(
        "{{ category(slug: \"a\") {parents}{{ id }}{} }}",
        " }".repeat(depth - 2)
    )
}

#[tokio::test]
async fn depth() {
    let shop = Shop::open(&[]).await;
    assert_eq!(shop.query(&nested(13)).await.code(), "400 QUERY_TOO_DEEP");
    assert_ne!(shop.query(&nested(12)).await.code(), "400 QUERY_TOO_DEEP");
    assert_eq!(shop.query(&nested(60)).await.code(), "400 QUERY_TOO_DEEP");
    assert_eq!(shop.query(&nested(600)).await.code(), "400 QUERY_TOO_DEEP");
    assert_eq!(shop.query(&"{a".repeat(900)).await.code(), "400 QUERY_TOO_DEEP");
    assert_eq!(shop.query(&nested(10_000)).await.code(), "400 DOCUMENT_TOO_LARGE");
    assert_eq!(
        shop.query(&format!("{{ a(b: {}) }}", "[".repeat(1500)))
            .await
            .code(),
        "400 QUERY_TOO_DEEP"
    );
    let fragments: String = (0..12)
        .map(|n| format!(" fragment F{n} on Category {{ parent {{ ...F{} }} }}", n + 1))
        .collect();
    let document =
        format!("{{ category(slug: \"a\") {{ ...F0 }} }} {fragments} fragment F12 on Category {{ id }}");
    assert_eq!(shop.query(&document).await.code(), "400 QUERY_TOO_DEEP");
}

#[tokio::test]
async fn size_and_tokens() {
    let shop = Shop::open(&[]).await;
    let comment = format!("{{ __typename }} #{}", "x".repeat(16 * 1024));
    assert_eq!(shop.query(&comment).await.code(), "400 DOCUMENT_TOO_LARGE");
    assert_eq!(
        shop.query(&format!("{{ {} }}", "a ".repeat(2000))).await.code(),
        "400 DOCUMENT_TOO_LARGE"
    );
}

#[tokio::test]
async fn aliases_and_directives() {
    let shop = Shop::open(&[]).await;
    let logins: String = (0..100)
        .map(|n| format!("a{n}: tokenCreate(email: \"a\", password: \"b\") {{ accessToken }} "))
        .collect();
    assert_eq!(
        shop.query(&format!("mutation {{ {logins} }}")).await.code(),
        "400 TOO_MANY_ALIASES"
    );
    assert_eq!(shop.fakes.count("login"), 0);
    let aliases: String = (0..30).map(|n| format!("a{n}: __typename ")).collect();
    assert_eq!(shop.query(&format!("{{ {aliases} }}")).await.status, 200);
    let directives = "@include(if: true) ".repeat(6);
    assert_eq!(
        shop.query(&format!("{{ __typename {directives} }}")).await.code(),
        "400 TOO_MANY_DIRECTIVES"
    );
}

#[tokio::test]
async fn cost() {
    let shop = Shop::open(&[]).await;
    let list = "products(first: 100) { nodes { id } }";
    let answer = shop
        .query(&format!("{{ {} }}", format!("{list} ").repeat(60)))
        .await;
    assert_eq!(answer.code(), "400 QUERY_TOO_COMPLEX");
    assert_eq!(
        answer.json()["extensions"]["cost"],
        json!({ "requestedQueryCost": 6060, "maximumAvailable": 5000 })
    );
    let aliased: String = (0..25)
        .map(|n| format!("a{n}: products(first: 100) {{ nodes {{ images {{ url }} }} }} "))
        .collect();
    assert_eq!(
        shop.query(&format!("{{ {aliased} }}")).await.code(),
        "400 QUERY_TOO_COMPLEX"
    );
    assert_eq!(shop.fakes.calls().len(), 0);
}

/// What was refused before any field ran: each document has exactly one thing wrong.
#[tokio::test]
async fn directives_are_validated_wherever_they_stand() {
    let shop = Shop::open(&[]).await;
    for wrong in [
        "{ __typename@foo@bar }",
        "{ __typename @foo }",
        "{ shop @foo { name } }",
        "{ ... @foo { __typename } }",
        "{ ... on Query @foo { __typename } }",
        "{ ...F @foo } fragment F on Query { __typename }",
        "{ ...F } fragment F on Query @foo { __typename }",
        "{ ...F } fragment F on Query { __typename @foo }",
        "query @foo { __typename }",
        "query($a: Int = 1 @foo) { products(first: $a) { totalCount } }",
        // Known ones where they do not stand.
        "query @skip(if: true) { __typename }",
        "query($a: Int = 1 @include(if: true)) { products(first: $a) { totalCount } }",
        "{ ...F } fragment F on Query @include(if: true) { __typename }",
        "{ __typename @deprecated }",
        // Twice at one place.
        "{ __typename @skip(if: false) @skip(if: false) }",
        "{ shop @include(if: true) @skip(if: false) @include(if: true) { name } }",
        "{ ...F @skip(if: true) @skip(if: true) } fragment F on Query { __typename }",
        // Without what they take, or with something else.
        "{ __typename @skip }",
        "{ __typename @include(when: true) }",
        "{ __typename @include(if: true, unless: true) }",
        "{ __typename @include(if: true, if: true) }",
        "{ __typename @include(if: \"true\") }",
        "{ __typename @include(if: null) }",
        "{ shop { name @skip(if: 1) } }",
        "{ __typename @include(if: $a) }",
        "{ ...F } fragment F on Query { __typename @include(if: $a) }",
        "query($a: Boolean) { shop @skip(if: $a) { name } __typename @skip(if: $a) }",
        "query($a: Int!) { __typename @skip(if: $a) }",
        // The library passes over __typename as a whole.
        "{ __typename(a: 1) }",
        "{ __typename { name } }",
    ] {
        let answer = shop.query(wrong).await;
        assert_eq!(answer.code(), "400 VALIDATION_FAILED", "{wrong}: {}", answer.text);
        assert!(
            answer.json()["errors"][0]["locations"][0]["line"].is_u64(),
            "{wrong}"
        );
    }
    for right in [
        "{ __typename @skip(if: false) }",
        "{ __typename @skip(if: true) @include(if: false) }",
        "{ ... @include(if: true) { __typename } ...F @skip(if: false) } fragment F on Query { __typename }",
        "query($a: Boolean! = true) { shop @include(if: $a) { name } __typename @include(if: $a) }",
        "query($a: Boolean = true) { shop @include(if: $a) { name } }",
    ] {
        let answer = shop.query(right).await;
        assert_eq!(answer.status, 200, "{right}: {}", answer.text);
    }
    assert_eq!(shop.fakes.calls().len(), 0);
}

#[tokio::test]
async fn of_many_errors_the_first_are_named_and_the_others_counted() {
    let shop = Shop::open(&[]).await;
    let unknown: String = (0..1_990).map(|n| format!("f{n:04} ")).collect();
    let directives = "__typename @a ".repeat(600);
    for (document, more) in [
        (format!("{{ {unknown} }}"), "1970 more errors are not shown."),
        (format!("{{ {directives} }}"), "580 more errors are not shown."),
    ] {
        let answer = shop.query(&document).await;
        assert_eq!(answer.code(), "400 VALIDATION_FAILED");
        let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
        assert_eq!(errors.len(), 21, "{} bytes", answer.text.len());
        assert_eq!(errors[20]["message"], more);
        assert_eq!(errors[20]["extensions"]["code"], "VALIDATION_FAILED");
        assert!(answer.text.len() < 8 * 1024, "{} bytes", answer.text.len());
    }
}

async fn cost_of(shop: &Shop, document: &str, variables: serde_json::Value) -> serde_json::Value {
    let answer = send(shop.post(json!({ "query": document, "variables": variables }).to_string())).await;
    answer.json()["extensions"]["cost"]["requestedQueryCost"].clone()
}

#[tokio::test]
async fn cost_follows_first_wherever_it_comes_from() {
    let shop = Shop::open(&[]).await;
    let none = json!({});
    assert_eq!(
        cost_of(&shop, "{ products(first: 5) { totalCount } }", none.clone()).await,
        1
    );
    assert_eq!(
        cost_of(&shop, "{ products(first: 5) { nodes { id } } }", none.clone()).await,
        6
    );
    assert_eq!(
        cost_of(
            &shop,
            "{ products(first: 5) { edges { node { id } } } }",
            none.clone()
        )
        .await,
        11
    );
    assert_eq!(
        cost_of(&shop, "{ products { nodes { id } } }", none.clone()).await,
        25
    );
    let variable = "query($n: Int) { products(first: $n) { nodes { tags } } }";
    assert_eq!(cost_of(&shop, variable, json!({ "n": 3 })).await, 1 + 3 + 30);
    let default = "query($n: Int = 2) { products(first: $n) { ...F pageInfo { hasNextPage } } } \
                   fragment F on ProductConnection { nodes { ... on Product { id } } }";
    assert_eq!(cost_of(&shop, default, none.clone()).await, 1 + 2 + 1);
    assert_eq!(
        cost_of(&shop, "{ __schema { types { fields { name } } } }", none.clone()).await,
        0
    );
    assert_eq!(cost_of(&shop, "{ __typename }", none).await, 0);
}

#[tokio::test]
async fn endless_fragments_are_refused_before_anything_walks_them() {
    let shop = Shop::open(&[]).await;
    let fragments: String = (0..40)
        .map(|n| format!(" fragment F{n} on Product {{ id ...F{m} ...F{m} }}", m = n + 1))
        .collect();
    let document =
        format!("{{ product(slug: \"lamp\") {{ ...F0 }} }} {fragments} fragment F40 on Product {{ id }}");
    assert_eq!(shop.query(&document).await.code(), "400 QUERY_TOO_COMPLEX");
    let circle =
        "{ product(slug: \"lamp\") { ...A } } fragment A on Product { ...B } fragment B on Product { ...A }";
    assert_eq!(shop.query(circle).await.code(), "400 VALIDATION_FAILED");
}

#[tokio::test]
async fn validation_comes_before_cost_and_identity() {
    let shop = Shop::open(&[]).await;
    let costly = "products(first: 100) { nodes { id } } ".repeat(60);
    assert_eq!(
        shop.query(&format!("{{ {costly} nothing }}")).await.code(),
        "400 VALIDATION_FAILED"
    );
    let body = json!({ "query": format!("{{ {costly} }}") }).to_string();
    let answer = send(shop.post(body).bearer_auth("bad")).await;
    assert_eq!(answer.code(), "400 QUERY_TOO_COMPLEX");
    let answer = send(
        shop.post(json!({ "query": "{ nothing }" }).to_string())
            .bearer_auth("bad"),
    )
    .await;
    assert_eq!(answer.code(), "400 VALIDATION_FAILED");
    let answer = send(
        shop.post(json!({ "query": "{ __typename }" }).to_string())
            .bearer_auth("bad"),
    )
    .await;
    assert_eq!(answer.code(), "401 TOKEN_INVALID");
    assert_eq!(shop.fakes.calls().len(), 0);
}

#[tokio::test]
async fn introspection_is_for_development() {
    let introspection = "{ __schema { types { name fields { type { ofType { ofType { ofType { ofType { ofType { ofType \
                         { ofType { ofType { name } } } } } } } } } } } } }";
    assert_eq!(Shop::open(&[]).await.query(introspection).await.status, 200);
    let production = Shop::in_production().await;
    assert_eq!(
        production.query(introspection).await.code(),
        "400 INTROSPECTION_DISABLED"
    );
    let hidden = "{ ...F } fragment F on Query { __type(name: \"Product\") { name } }";
    assert_eq!(
        production.query(hidden).await.code(),
        "400 INTROSPECTION_DISABLED"
    );
    assert_eq!(production.query("{ __typename }").await.status, 200);
    let answer = send(production.get("/graphql").header("accept", "text/html")).await;
    assert_eq!(answer.code(), "405 METHOD_NOT_ALLOWED");
    let answer = production.query("{ produkt }").await;
    assert!(!answer.text.contains("product"), "a suggestion: {}", answer.text);
}

#[tokio::test]
async fn operations_are_named_where_there_are_several() {
    let shop = Shop::open(&[]).await;
    let two = "query A { __typename } query B { __typename }";
    assert_eq!(shop.query(two).await.code(), "400 VALIDATION_FAILED");
    let named = |name: &str| send(shop.post(json!({ "query": two, "operationName": name }).to_string()));
    assert_eq!(named("B").await.status, 200);
    assert_eq!(named("C").await.code(), "400 VALIDATION_FAILED");
    assert_eq!(
        shop.query("subscription { orderUpdated(id: \"x\") { id } }")
            .await
            .code(),
        "400 VALIDATION_FAILED"
    );
    assert_eq!(shop.query("{ a").await.code(), "400 VALIDATION_FAILED");
}

#[tokio::test]
async fn values_are_checked_before_anything_runs() {
    let shop = Shop::open(&[]).await;
    let add = "mutation($lines: [CartLineInput!]!) { cartLinesAdd(cartId: \"c\", lines: $lines) { userErrors { code } } }";
    let with = |lines: serde_json::Value| {
        send(shop.post(json!({ "query": add, "variables": { "lines": lines } }).to_string()))
    };
    for quantity in [
        json!(0.5),
        json!("1"),
        json!(null),
        json!(2_147_483_648_u64),
        json!(1e18),
    ] {
        let answer = with(json!([{ "variantId": "v", "quantity": quantity }])).await;
        assert_eq!(answer.code(), "400 VALIDATION_FAILED", "{quantity}");
    }
    assert_eq!(
        with(json!([{ "variantId": "v", "quantity": 1, "price": 1 }]))
            .await
            .code(),
        "400 UNKNOWN_FIELD"
    );
    assert_eq!(
        with(json!([{ "variantId": "v" }])).await.code(),
        "400 VALIDATION_FAILED"
    );
    assert_eq!(with(json!(null)).await.code(), "400 VALIDATION_FAILED");
    let literal = "mutation { cartLinesAdd(cartId: \"c\", lines: [{ variantId: \"v\", quantity: 2147483648 }]) \
                   { userErrors { code } } }";
    assert_eq!(shop.query(literal).await.code(), "400 VALIDATION_FAILED");
    let login = "mutation($e: String!) { tokenCreate(email: $e, password: \"p\") { accessToken } }";
    let operator = json!({ "query": login, "variables": { "e": { "$gt": "" } } });
    assert_eq!(
        send(shop.post(operator.to_string())).await.code(),
        "400 VALIDATION_FAILED"
    );
    let undeclared: serde_json::Map<_, _> = (0..300).map(|n| (format!("v{n}"), json!(n))).collect();
    let ignored = json!({ "query": "{ __typename }", "variables": undeclared });
    assert_eq!(send(shop.post(ignored.to_string())).await.status, 200);
    assert_eq!(shop.fakes.calls().len(), 0);
}

#[tokio::test]
async fn queries_come_by_post() {
    let shop = Shop::open(&[]).await;
    for query in [
        "?query={__typename}",
        "?query=mutation{tokensRevokeAll{accepted}}",
    ] {
        let answer = send(
            shop.get(&format!("/graphql{query}"))
                .header("accept", "text/html"),
        )
        .await;
        assert_eq!(
            (answer.code().as_str(), answer.header("allow")),
            ("405 METHOD_NOT_ALLOWED", "POST")
        );
    }
    let explorer = send(shop.get("/graphql").header("accept", "text/html")).await;
    assert!(explorer.status == 200 && explorer.text.contains("GraphiQL"));
}

#[tokio::test]
async fn no_trace_is_given() {
    let shop = Shop::open(&[]).await;
    let body = json!({ "query": "{ __typename }", "extensions": { "tracing": 1 } });
    let answer = send(shop.post(body.to_string())).await;
    let extensions = answer.json()["extensions"]
        .as_object()
        .expect("extensions")
        .keys()
        .cloned()
        .collect::<Vec<_>>();
    assert_eq!(extensions, ["cost"]);
}
