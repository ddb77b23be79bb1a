//! Origins.

use reqwest::Method;

use crate::support::answer::Answer;
use crate::support::config;
use crate::support::served::{Shop, send};

const QUERY: &str = r#"{"query":"{ __typename }"}"#;

async fn preflight(shop: &Shop, origin: &str) -> Answer {
    let client = reqwest::Client::new();
    let request = client
        .request(Method::OPTIONS, format!("http://{}/graphql", shop.address))
        .header("origin", origin)
        .header("access-control-request-method", "POST");
    send(request).await
}

#[tokio::test]
async fn listed_origins_may_call() {
    let shop = Shop::open(&["--cors-origins", "https://shop.example,http://localhost:3000"]).await;
    for origin in ["https://shop.example", "http://localhost:3000"] {
        let answer = preflight(&shop, origin).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert!(
            answer
                .header("access-control-allow-headers")
                .contains("authorization")
        );
        let answer = send(shop.post(QUERY).header("origin", origin)).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.header("access-control-allow-origin")
            ),
            (200, origin)
        );
        assert_eq!(answer.header("vary"), "origin");
    }
}

#[tokio::test]
async fn other_origins_may_not() {
    let shop = Shop::open(&["--cors-origins", "https://shop.example"]).await;
    for origin in [
        "https://evil.example",
        "null",
        "https://shop.example.evil.example",
        "http://shop.example",
    ] {
        let answer = preflight(&shop, origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(answer.header("access-control-allow-methods"), "");
        let answer = send(shop.post(QUERY).header("origin", origin)).await;
        assert_eq!(
            (
                answer.code().as_str(),
                answer.header("access-control-allow-origin")
            ),
            ("403 FORBIDDEN", "")
        );
    }
}

#[tokio::test]
async fn pages_of_the_gateway_itself_may_call() {
    let shop = Shop::open(&["--hosts", "api.shop.example"]).await;
    let port = shop.address.port();
    for own in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        "api.shop.example".to_owned(),
    ] {
        let origin = format!("http://{own}");
        let request = shop.post(QUERY).header("host", &own).header("origin", origin);
        assert_eq!(send(request).await.status, 200, "{own}");
    }
    let request = shop.post(QUERY).header("host", "localhost:1");
    let answer = send(request.header("origin", "http://localhost:2")).await;
    assert_eq!(answer.code(), "403 FORBIDDEN");
}

#[tokio::test]
async fn a_page_whose_host_name_was_made_to_point_here_may_not() {
    let shop = Shop::open(&["--hosts", "api.shop.example"]).await;
    for host in [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "192.0.2.1:8080",
    ] {
        let origin = format!("http://{host}");
        let answer = send(shop.post(QUERY).header("host", host).header("origin", &origin)).await;
        assert_eq!(answer.code(), "403 FORBIDDEN", "{host}");
        // What a page reads of its own host has no origin.
        for path in ["/mailbox", "/sandbox/payments", "/sandbox/payments/pay_1"] {
            let answer = send(shop.get(path).header("host", host)).await;
            assert_eq!(answer.code(), "403 FORBIDDEN", "{host}{path}");
        }
        // Probes and proxies call by whatever name they have for us, and read nothing of anybody.
        assert_eq!(send(shop.get("/livez").header("host", host)).await.status, 200);
        assert_eq!(send(shop.post(QUERY).header("host", host)).await.status, 200);
    }
    for host in ["localhost:8080", "api.shop.example"] {
        let answer = send(shop.get("/mailbox").header("host", host)).await;
        assert_ne!(answer.code(), "403 FORBIDDEN", "{host}");
    }
}

#[test]
fn a_wildcard_is_refused_at_the_start() {
    for wrong in [
        "*",
        "https://shop.example,*",
        "https://*.example",
        "https://shop.example:*",
        "null",
        "shop.example",
    ] {
        let error = config(&["--cors-origins", wrong])
            .expect_err("a refusal")
            .to_string();
        assert!(error.contains("--cors-origins"), "{error}");
    }
    for wrong in ["*", "*.shop.example", "https://shop.example", "shop.example:80"] {
        let error = config(&["--hosts", wrong]).expect_err("a refusal").to_string();
        assert!(error.contains("--hosts"), "{error}");
    }
}
