//! Documents by their hash.

use std::fmt::Write as _;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::config;
use crate::support::fakes::Fakes;
use crate::support::served::{Shop, send};

const DOCUMENT: &str = "{ __typename }";

fn hash(document: &str) -> String {
    Sha256::digest(document)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn body(document: Option<&str>, hash: Option<&str>) -> String {
    let extensions = hash.map(|hash| json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } }));
    json!({ "query": document, "extensions": extensions }).to_string()
}

#[tokio::test]
async fn a_document_is_sent_once() {
    let shop = Shop::open(&[]).await;
    let known = hash(DOCUMENT);
    let ask = |document: Option<&str>, hash: Option<&str>| send(shop.post(body(document, hash)));
    assert_eq!(
        ask(None, Some(&known)).await.code(),
        "400 PERSISTED_QUERY_NOT_FOUND"
    );
    assert_eq!(
        ask(Some("{ a: __typename }"), Some(&known)).await.code(),
        "400 PERSISTED_QUERY_MISMATCH"
    );
    assert_eq!(ask(Some(DOCUMENT), Some(&known)).await.status, 200);
    assert_eq!(ask(None, Some(&known)).await.status, 200);
    assert_eq!(ask(None, None).await.code(), "400 VALIDATION_FAILED");
    // What is not valid is not kept.
    let invalid = "{ nothing }";
    assert_eq!(
        ask(Some(invalid), Some(&hash(invalid))).await.code(),
        "400 VALIDATION_FAILED"
    );
    assert_eq!(
        ask(None, Some(&hash(invalid))).await.code(),
        "400 PERSISTED_QUERY_NOT_FOUND"
    );
}

#[tokio::test]
async fn only_trusted_documents_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("documents.json");
    std::fs::write(&file, json!({ hash(DOCUMENT): DOCUMENT }).to_string()).expect("written");
    let shop = Shop::open(&["--trusted-documents", file.to_str().expect("a path")]).await;
    let ask = |document: Option<&str>, hash: Option<&str>| send(shop.post(body(document, hash)));
    assert_eq!(ask(None, Some(&hash(DOCUMENT))).await.status, 200);
    assert_eq!(ask(Some(DOCUMENT), None).await.status, 200);
    let other = "{ a: __typename }";
    assert_eq!(
        ask(Some(other), None).await.code(),
        "400 PERSISTED_QUERY_NOT_FOUND"
    );
    assert_eq!(
        ask(Some(other), Some(&hash(other))).await.code(),
        "400 PERSISTED_QUERY_NOT_FOUND"
    );
}

#[tokio::test]
async fn a_file_that_is_not_right_ends_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("documents.json");
    let test = comptoir_mesh::testing::TestEnv::new();
    for wrong in ["{", r#"{"abc":"{ __typename }"}"#, "[]"] {
        std::fs::write(&file, wrong).expect("written");
        let flags = ["--trusted-documents", file.to_str().expect("a path")];
        let error = crate::support::gateway(&test, &Fakes::default(), None, &flags)
            .await
            .err();
        assert!(
            format!("{:#}", error.expect("a refusal")).contains("COMPTOIR_TRUSTED_DOCUMENTS"),
            "{wrong}"
        );
    }
    assert!(config(&["--limit-request", "-1"]).is_err());
}
