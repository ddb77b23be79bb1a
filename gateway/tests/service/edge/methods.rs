//! Methods that a path does not take.

use reqwest::Method;

use crate::support::served::{Shop, send};

/// Paths that the document of the REST API does not describe, and what they take.
const OTHERS: &[(&str, &[&str])] = &[
    ("/livez", &["GET"]),
    ("/readyz", &["GET"]),
    ("/.well-known/jwks.json", &["GET"]),
    ("/openapi.json", &["GET"]),
    ("/media/abc", &["GET"]),
    ("/mailbox", &["GET"]),
    ("/sandbox/payments", &["GET"]),
    ("/sandbox/payments/pay_1", &["GET", "POST"]),
    ("/graphql", &["GET", "POST"]),
];

/// Each path, with a value for what stands in braces, and its methods.
async fn paths(shop: &Shop) -> Vec<(String, Vec<String>)> {
    let document = send(shop.get("/openapi.json")).await.json();
    let described = document["paths"].as_object().expect("paths").iter();
    let described = described.map(|(path, operations)| {
        let path = path
            .split('/')
            .map(|part| if part.starts_with('{') { "x_1" } else { part });
        let methods = operations.as_object().expect("operations").keys();
        (
            path.collect::<Vec<_>>().join("/"),
            methods.map(|method| method.to_uppercase()).collect(),
        )
    });
    let others = OTHERS.iter().map(|(path, methods)| {
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        ((*path).to_owned(), methods)
    });
    described.chain(others).collect()
}

#[tokio::test]
async fn a_wrong_method_is_405_with_allow_whatever_is_accepted() {
    let shop = Shop::open(&["--limit-requests-address", "0"]).await;
    let client = reqwest::Client::new();
    let mut asked = 0;
    for (path, mut taken) in paths(&shop).await {
        if taken.iter().any(|method| method == "GET") {
            taken.push("HEAD".to_owned());
        }
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE",
        ] {
            if taken.iter().any(|taken| taken == method) {
                continue;
            }
            for accept in ["*/*", "application/xml", "text/event-stream"] {
                let url = format!("http://{}{path}", shop.address);
                let known = Method::from_bytes(method.as_bytes()).expect("a method");
                let answer = send(client.request(known, url).header("accept", accept)).await;
                let seen = (answer.status.as_u16(), answer.header("allow"));
                assert_eq!(seen.0, 405, "{method} {path}, {accept}: {}", answer.text);
                let allowed: Vec<&str> = seen.1.split(',').map(str::trim).collect();
                assert!(
                    !allowed.contains(&"") && !allowed.contains(&method),
                    "{method} {path}: {allowed:?}"
                );
                if method != "HEAD" {
                    assert_eq!(answer.code(), "405 METHOD_NOT_ALLOWED", "{method} {path}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "{asked}");
}

#[tokio::test]
async fn a_right_method_that_nothing_accepted_comes_of_is_406() {
    let shop = Shop::open(&[]).await;
    for path in ["/store/orders/order_1/events", "/store/products", "/openapi.json"] {
        let answer = send(shop.get(path).header("accept", "application/xml")).await;
        assert_eq!(answer.code(), "406 NOT_ACCEPTABLE", "{path}");
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_holds_no_id() {
    let shop = Shop::open(&[]).await;
    for path in [
        "/media/%ff",
        "/media/%00",
        "/media/..%2f",
        "/sandbox/payments/%ff",
        "/store/products/%ff",
        "/store/carts/%ff",
        "/store/orders/%ff",
        "/store/orders/%ff/events",
    ] {
        let answer = send(shop.get(path)).await;
        assert_eq!(answer.code(), "400 INVALID_ID", "{path}");
    }
}
