//! Origins.

use reqwest::Method;

use crate::harness::{Answer, Shop, config, send};

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
    let shop = Shop::open(&[]).await;
    let own = format!("http://{}", shop.address);
    assert_eq!(send(shop.post(QUERY).header("origin", own)).await.status, 200);
}

#[test]
fn a_wildcard_is_refused_at_the_start() {
    for wrong in ["*", "https://shop.example,*", "null", "shop.example"] {
        let error = config(&["--cors-origins", wrong])
            .expect_err("a refusal")
            .to_string();
        assert!(error.contains("--cors-origins"), "{error}");
    }
}
