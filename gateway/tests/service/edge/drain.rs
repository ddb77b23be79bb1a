//! The end of the process.

use std::time::Duration;

use serde_json::json;

use crate::support::served::{Shop, send};
use crate::support::until;
use comptoir_mesh::testing::PATIENCE;

#[tokio::test]
async fn running_requests_are_answered_and_then_it_ends() {
    let shop = Shop::open(&[]).await;
    shop.fakes.slow_down(Duration::from_millis(500));
    let running = tokio::spawn(send(
        shop.post(json!({ "query": "{ product(slug: \"lamp\") { title } }" }).to_string()),
    ));
    until("the request runs", async || shop.fakes.count("get_product") == 1).await;
    shop.test.env.shutdown.cancel();
    assert_eq!(running.await.expect("an answer").status, 200);
    let ended = tokio::time::timeout(PATIENCE, shop.serving).await;
    ended
        .expect("it ends")
        .expect("it does not panic")
        .expect("it ends well");
    assert!(tokio::net::TcpStream::connect(shop.address).await.is_err());
}
