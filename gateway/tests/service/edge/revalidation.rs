//! Notifications of the storefront about changes.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use crate::support::lamp::LAMP;
use crate::support::served::Shop;
use crate::support::until;

type Posts = Arc<Mutex<Vec<(String, String)>>>;

/// Fails at first, as a storefront that is being restarted.
async fn take(State(posts): State<Posts>, headers: HeaderMap, body: String) -> StatusCode {
    let secret = headers
        .get("authorization")
        .map_or("", |value| value.to_str().expect("a text"));
    let mut posts = posts.lock().expect("no test panics in here");
    posts.push((secret.to_owned(), body));
    if posts.len() == 1 {
        StatusCode::BAD_GATEWAY
    } else {
        StatusCode::OK
    }
}

#[tokio::test]
async fn a_change_is_told_until_it_is_heard() {
    let posts = Posts::default();
    let storefront = Router::new()
        .route("/api/revalidate", post(take))
        .with_state(posts.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!(
        "http://{}/api/revalidate",
        listener.local_addr().expect("an address")
    );
    tokio::spawn(async { axum::serve(listener, storefront).await });
    let shop = Shop::open(&["--revalidate-url", &url, "--revalidate-secret", "hush"]).await;
    shop.announce_change().await;
    until("the storefront has heard it", async || {
        posts.lock().expect("whole").len() == 2
    })
    .await;
    let expected = (
        "Bearer hush".to_owned(),
        format!(r#"{{"tags":["product:{LAMP}","products"]}}"#),
    );
    assert_eq!(posts.lock().expect("whole")[1], expected);
}
