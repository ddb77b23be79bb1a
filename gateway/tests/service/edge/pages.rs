//! Which pages there are.

use serde_json::{Value, json};

use crate::support::served::{Shop, send};

async fn providers(shop: &Shop) -> Value {
    let answer = shop.query("{ shop { paymentProviders { name } } }").await;
    answer.json()["data"]["shop"]["paymentProviders"].clone()
}

async fn is_there(shop: &Shop, path: &str) -> bool {
    // The fakes know neither mails nor payments: what asks them is there.
    let answer = send(shop.get(path).header("accept", "*/*")).await;
    answer.status != 404
}

/// The addresses that a page loads or leads to.
fn addresses(page: &str) -> Vec<&str> {
    let after = |attribute: &'static str| page.split(attribute).skip(1);
    after(" src=\"")
        .chain(after(" href=\""))
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

#[tokio::test]
async fn graphiql_brings_all_it_needs() {
    let shop = Shop::open(&[]).await;
    let page = send(shop.get("/graphql").header("accept", "text/html")).await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("script-src 'self';") && !policy.contains("http"),
        "{policy}"
    );
    let files: Vec<&str> = addresses(&page.text)
        .into_iter()
        .filter(|file| *file != "data:,")
        .collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        assert!(file.starts_with("/graphiql/"), "loaded from elsewhere: {file}");
        let answer = shop.get(file).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{file}");
        let media = answer.headers()["content-type"].to_str().unwrap();
        assert!(
            media.starts_with(if file.ends_with("css") {
                "text/css"
            } else {
                "text/javascript"
            }),
            "{media}"
        );
        let is_packed = answer.headers().contains_key("content-encoding");
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(bytes.starts_with(&[0x1f, 0x8b]), is_packed, "{file}");
    }
    let production = Shop::in_production().await;
    assert!(!is_there(&production, "/graphiql/4.1.2/start.js").await);
}

#[tokio::test]
async fn the_first_page_says_what_is_there() {
    let shop = Shop::open(&[]).await;
    let english = send(shop.get("/").header("accept", "text/html")).await;
    assert_eq!(english.status, 200);
    assert!(
        english.text.contains("lang=\"en\"") && english.text.contains("The mailbox"),
        "{}",
        english.text
    );
    let french = send(shop.get("/").header("accept-language", "fr-CA,fr;q=0.9,en;q=0.5")).await;
    assert!(
        french.text.contains("lang=\"fr\"") && french.text.contains("La boîte aux lettres"),
        "{}",
        french.text
    );
    let chosen = send(shop.get("/?lang=en").header("accept-language", "fr")).await;
    assert_eq!(chosen.text, english.text);
    for path in addresses(&english.text) {
        assert!(
            path.starts_with('?') || is_there(&shop, path).await,
            "it leads to nothing: {path}"
        );
    }
    assert!(!is_there(&Shop::in_production().await, "/").await);
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
