//! The form of requests and of answers.

use crate::support::served::{Shop, send};

#[tokio::test]
async fn an_answer_of_graphql() {
    let shop = Shop::open(&[]).await;
    let answer = shop
        .query("{ product(slug: \"lamp\") { title variants { price { amount } } } }")
        .await;
    insta::assert_snapshot!(answer.shown(), @r#"
    200 OK
    cache-control: no-store
    content-length: 151
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/graphql-response+json
    permissions-policy: camera=(), geolocation=(), microphone=(), payment=()
    referrer-policy: same-origin
    x-content-type-options: nosniff
    x-frame-options: DENY
    x-ratelimit-limit: 600
    x-ratelimit-remaining: 599
    x-request-id: request-1

    {"data":{"product":{"title":"Lamp","variants":[{"price":{"amount":"49.90"}}]}},"extensions":{"cost":{"requestedQueryCost":21,"maximumAvailable":5000}}}
    "#);
}

#[tokio::test]
async fn a_refusal_of_graphql() {
    let shop = Shop::open(&[]).await;
    let answer = send(shop.post("[{}]").header("accept", "application/json")).await;
    insta::assert_snapshot!(answer.shown(), @r#"
    400 Bad Request
    cache-control: no-store
    content-length: 129
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    permissions-policy: camera=(), geolocation=(), microphone=(), payment=()
    referrer-policy: same-origin
    x-content-type-options: nosniff
    x-frame-options: DENY
    x-ratelimit-limit: 600
    x-ratelimit-remaining: 599
    x-request-id: request-1

    {"errors":[{"extensions":{"code":"BATCH_NOT_ALLOWED","requestId":"request-1"},"message":"Send one operation for each request."}]}
    "#);
}

#[tokio::test]
async fn a_refusal_of_rest() {
    let shop = Shop::open(&[]).await;
    let answer = send(shop.get("/.well-known/jwks.json?id=1&id=2")).await;
    insta::assert_snapshot!(answer.text, @r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"A query parameter is given twice.","code":"DUPLICATE_PARAMETER","requestId":"request-1","errors":[{"field":"id","code":"DUPLICATE_PARAMETER","message":"A query parameter is given twice."}]}"#);
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let shop = Shop::open(&[]).await;
    for path in [
        "/nothing",
        "/..%2f..%2fetc/passwd",
        "/%252e%252e/etc",
        "/a\\b",
        "//",
    ] {
        assert_eq!(send(shop.get(path)).await.code(), "404 NOT_FOUND", "{path}");
    }
    let answer = send(shop.post("{}").header("accept", "*/*")).await;
    assert_eq!(answer.code(), "400 VALIDATION_FAILED");
    let client = reqwest::Client::new();
    let answer = send(client.delete(format!("http://{}/livez", shop.address))).await;
    assert_eq!(
        (answer.code().as_str(), answer.header("allow")),
        ("405 METHOD_NOT_ALLOWED", "GET,HEAD")
    );
    let answer = send(client.put(format!("http://{}/graphql", shop.address))).await;
    assert_eq!(
        (answer.code().as_str(), answer.header("allow")),
        ("405 METHOD_NOT_ALLOWED", "POST")
    );
}

#[tokio::test]
async fn what_is_accepted_has_to_be_produced() {
    let shop = Shop::open(&[]).await;
    let jwks = |accept: &'static str| send(shop.get("/.well-known/jwks.json").header("accept", accept));
    assert_eq!(jwks("application/xml").await.code(), "406 NOT_ACCEPTABLE");
    assert_eq!(jwks("application/json").await.status, 200);
    let graphql = |accept: &'static str| {
        send(
            shop.post(r#"{"query":"{ __typename }"}"#)
                .header("accept", accept),
        )
    };
    assert_eq!(graphql("application/xml").await.code(), "406 NOT_ACCEPTABLE");
    for (accept, produced) in [
        ("*/*", "application/graphql-response+json"),
        ("application/json", "application/json"),
        ("application/json, */*;q=0.1", "application/json"),
        (
            "application/graphql-response+json, application/json;q=0.9",
            "application/graphql-response+json",
        ),
    ] {
        assert_eq!(graphql(accept).await.header("content-type"), produced, "{accept}");
    }
}

#[tokio::test]
async fn bodies_have_one_type_and_no_encoding() {
    let shop = Shop::open(&[]).await;
    let typed = |media: &'static str| {
        let client = reqwest::Client::new();
        let url = format!("http://{}/graphql", shop.address);
        send(
            client
                .post(url)
                .header("content-type", media)
                .body(r#"{"query":"{ __typename }"}"#),
        )
    };
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
    ] {
        assert_eq!(typed(media).await.code(), "415 UNSUPPORTED_MEDIA_TYPE", "{media}");
    }
    assert_eq!(
        typed("application/grpc").await.code(),
        "415 UNSUPPORTED_MEDIA_TYPE"
    );
    assert_eq!(typed("application/json; charset=utf-8").await.status, 200);
    let encoded = |encoding: &'static str| send(shop.post("{}").header("content-encoding", encoding));
    assert_eq!(encoded("gzip,gzip,br").await.code(), "415 UNSUPPORTED_ENCODING");
    assert_eq!(encoded("identity").await.code(), "400 VALIDATION_FAILED");
}

#[tokio::test]
async fn json_is_read_strictly() {
    let shop = Shop::open(&[]).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let nested_variable = format!(r#"{{"query":"{{ __typename }}","variables":{{"a":{deep}}}}}"#);
    for (body, code) in [
        ("{", "400 INVALID_JSON"),
        (r#"{"query":"{ a }","query":"{ b }"}"#, "400 INVALID_JSON"),
        (&nested_variable, "400 INVALID_JSON"),
        ("\u{feff}{}", "400 INVALID_ENCODING"),
        (r#"{"query":"\ud800"}"#, "400 INVALID_ENCODING"),
        (r#"{"query":"a\u0000b"}"#, "400 INVALID_ENCODING"),
        (r#"{"query":1}"#, "400 VALIDATION_FAILED"),
        (r#"{"query":"{ __typename }","$where":"1"}"#, "400 INVALID_KEY"),
        (
            r#"{"query":"{ __typename }","variables":{"a":{"$gt":""}}}"#,
            "400 INVALID_KEY",
        ),
    ] {
        assert_eq!(send(shop.post(body.to_owned())).await.code(), code, "{body:.60}");
    }
    assert_eq!(
        send(shop.post(b"{\"query\":\"\xff\"}".to_vec())).await.code(),
        "400 INVALID_ENCODING"
    );
}

#[tokio::test]
async fn sizes_are_limited() {
    let shop = Shop::open(&[]).await;
    let whole = vec![b' '; 10 * 1024 * 1024];
    assert_eq!(send(shop.post(whole)).await.code(), "413 PAYLOAD_TOO_LARGE");
    let variable = format!(
        r#"{{"query":"{{ __typename }}","variables":{{"a":"{}"}}}}"#,
        "x".repeat(200_000)
    );
    assert_eq!(send(shop.post(variable)).await.status, 200);
    assert_eq!(
        send(shop.get(&format!("/{}", "x".repeat(9000)))).await.code(),
        "414 URI_TOO_LONG"
    );
    let parameters: String = (0..200).map(|number| format!("&p{number}=1")).collect();
    assert_eq!(
        send(shop.get(&format!("/livez?a=1{parameters}"))).await.code(),
        "400 VALIDATION_FAILED"
    );
    let header = "x".repeat(40_000);
    assert_eq!(
        send(shop.get("/livez").header("x-long", header)).await.code(),
        "431 HEADERS_TOO_LARGE"
    );
}

#[tokio::test]
async fn a_body_without_a_length_is_limited_while_it_is_read() {
    let shop = Shop::open(&[]).await;
    let chunks = futures::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(vec![b' '; 8192])));
    let request = shop.post(reqwest::Body::wrap_stream(chunks));
    assert_eq!(send(request).await.code(), "413 PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn a_panic_says_nothing_but_the_request_id() {
    let shop = Shop::open(&[]).await;
    // In the service: the mesh turns it into INTERNAL, and the field says so.
    let answer = shop.query("{ product(slug: \"panic\") { title } }").await;
    assert_eq!(answer.code(), "200 INTERNAL");
    assert!(
        answer.text.contains("request-1") && !answer.text.contains("told to"),
        "{}",
        answer.text
    );
    assert_eq!(
        shop.query("{ product(slug: \"lamp\") { title } }").await.json()["data"]["product"]["title"],
        "Lamp"
    );
}

#[tokio::test]
async fn an_outage_tells_no_cause() {
    let shop = Shop::open(&[]).await;
    let answer = shop.query("{ product(slug: \"gone\") { title } }").await;
    assert_eq!(answer.code(), "200 DEPENDENCY_UNAVAILABLE");
    assert!(!answer.text.contains("secret"), "{}", answer.text);
}

#[tokio::test]
async fn a_request_id_is_taken_over_only_if_it_is_sane() {
    let shop = Shop::open(&[]).await;
    let client = reqwest::Client::new();
    let url = format!("http://{}/livez", shop.address);
    let answer = send(client.get(&url).header("x-request-id", "order-42.retry_1")).await;
    assert_eq!(answer.header("x-request-id"), "order-42.retry_1");
    for forged in ["x", "has blank", "quote\"d-123"] {
        let answer = send(client.get(&url).header("x-request-id", forged)).await;
        assert_ne!(answer.header("x-request-id"), forged);
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
}

#[tokio::test]
async fn late_answers_are_deadline_exceeded() {
    let shop = Shop::open(&["--limit-request", "1"]).await;
    shop.fakes.slow_down(std::time::Duration::from_secs(20));
    let answer = shop
        .query("{ orderByAccessToken(token: \"x\") { id } product(slug: \"lamp\") { title } }")
        .await;
    assert!(
        ["504 DEADLINE_EXCEEDED", "200 DEADLINE_EXCEEDED"].contains(&answer.code().as_str()),
        "{}",
        answer.shown()
    );
}

#[tokio::test]
async fn probes_and_keys() {
    let shop = Shop::open(&[]).await;
    assert_eq!(send(shop.get("/livez")).await.text, "ok\n");
    let ready = send(shop.get("/readyz")).await;
    assert_eq!(ready.status, 200, "{}", ready.text);
    let keys = send(shop.get("/.well-known/jwks.json")).await;
    assert_eq!(keys.json()["keys"][0]["crv"], "Ed25519");
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
}
