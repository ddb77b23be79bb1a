//! Arrays of operations.

use crate::support::served::{Shop, send};

#[tokio::test]
async fn a_batch_is_refused_whatever_its_size() {
    let shop = Shop::open(&[]).await;
    for size in [0, 1, 10, 1000] {
        let body = serde_json::to_string(&vec![serde_json::json!({ "query": "{ __typename }" }); size])
            .expect("JSON");
        assert_eq!(send(shop.post(body)).await.code(), "400 BATCH_NOT_ALLOWED");
    }
}
