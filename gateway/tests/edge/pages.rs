//! Which pages there are.

use serde_json::{Value, json};

use crate::harness::{Shop, send};

async fn providers(shop: &Shop) -> Value {
    let answer = shop.query("{ shop { paymentProviders { name } } }").await;
    answer.json()["data"]["shop"]["paymentProviders"].clone()
}

async fn is_there(shop: &Shop, path: &str) -> bool {
    // The fakes know neither mails nor payments: what asks them is there.
    send(shop.get(path)).await.code() != "404 NOT_FOUND"
}

const JOURNALS: [&str; 2] = ["/mailbox", "/sandbox/payments"];
const BANK: &str = "/sandbox/payments/pay_1";

#[tokio::test]
async fn the_sandbox_is_there_where_its_payments_are_taken() {
    let development = Shop::open(&[]).await;
    assert_eq!(providers(&development).await, json!([{ "name": "sandbox" }]));
    for path in JOURNALS.into_iter().chain([BANK]) {
        assert!(is_there(&development, path).await, "{path}");
    }

    let production = Shop::in_production().await;
    assert_eq!(providers(&production).await, json!([]));
    for path in JOURNALS.into_iter().chain([BANK]) {
        assert!(!is_there(&production, path).await, "{path}");
    }

    let allowed = Shop::in_production_with_sandbox().await;
    assert_eq!(providers(&allowed).await, json!([{ "name": "sandbox" }]));
    assert!(is_there(&allowed, BANK).await);
    for path in JOURNALS {
        assert!(
            !is_there(&allowed, path).await,
            "{path}: what others paid is not for everybody"
        );
    }
}
