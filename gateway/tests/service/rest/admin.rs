//! The back office, and what providers call.

use axum::body::Body;
use bytes::Bytes;
use comptoir_mesh::identity::Role;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::notifier::v1 as notifier;
use comptoir_proto::orders::v1 as orders;
use futures::stream;

use crate::support::in_process::Shop;

fn importing(shop: &Shop) {
    shop.fakes
        .on("import_products", |request: catalog::ImportProductsRequest| {
            assert_eq!(request.currency_code, "EUR");
            let variants = i32::try_from(request.chunk.len()).unwrap();
            Ok(catalog::ImportProductsResponse {
                products_created: 1,
                variants,
                remarks: vec![catalog::ImportRemark {
                    line: 2,
                    code: "URL_NOT_ALLOWED".to_owned(),
                    message: "Without its picture.".to_owned(),
                }],
                ..Default::default()
            })
        });
}

#[tokio::test]
async fn roles_are_checked_before_anything_is_read() {
    let shop = Shop::open().await;
    let customer = shop.token(Role::Customer);
    for route in [
        "GET /admin/orders",
        "POST /admin/products",
        "POST /admin/products/import",
        "POST /admin/media",
    ] {
        assert_eq!(
            shop.send(route, &[], "not json").await.code(),
            "401 UNAUTHENTICATED",
            "{route}"
        );
        let refused = shop
            .send(route, &[("authorization", &customer)], "not json")
            .await;
        assert_eq!(refused.code(), "403 FORBIDDEN", "{route}");
    }
}

#[tokio::test]
async fn a_file_is_sent_on() {
    let shop = Shop::open().await;
    importing(&shop);
    let token = shop.token(Role::Staff);
    let route = "POST /admin/products/import?currency=EUR";
    let headers = [("authorization", token.as_str()), ("content-type", "text/csv")];
    let report = shop.send(route, &headers, vec![b'a'; 5 << 20]).await;
    insta::assert_snapshot!(report.text, @r#"{"products":{"created":1,"updated":0,"unchanged":0},"variants":5242880,"images":0,"errors":[],"remarks":[{"line":2,"code":"URL_NOT_ALLOWED","message":"Without its picture."}]}"#);
    let lines = [&headers[..], &[("accept", "application/x-ndjson")]].concat();
    let report = shop.send(route, &lines, "Handle\n").await;
    assert_eq!(report.header("content-type"), "application/x-ndjson");
    let last = report.text.lines().last().unwrap_or_default();
    assert!(
        last.ends_with("\"message\":\"Without its picture.\"}]}"),
        "{}",
        report.text
    );
    let utf16 = [headers[0], ("content-type", "text/csv; charset=UTF-16LE")];
    assert_eq!(shop.send(route, &utf16, "Handle\n").await.status.as_u16(), 200);
    let unread = [headers[0], ("content-type", "text/csv; charset=shift_jis")];
    assert_eq!(
        shop.send(route, &unread, "Handle\n").await.code(),
        "415 UNSUPPORTED_MEDIA_TYPE"
    );
    let refused = shop
        .send(route, &[headers[0], ("content-type", "text/plain")], "Handle\n")
        .await;
    assert_eq!(refused.code(), "415 UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn a_file_that_is_too_large_or_breaks_off_is_not_taken() {
    let shop = Shop::with(&["--limit-import", "100"]).await;
    importing(&shop);
    let token = shop.token(Role::Staff);
    let headers = [("authorization", token.as_str()), ("content-type", "text/csv")];
    let route = "POST /admin/products/import?currency=EUR";
    let pieces = stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"0123456789"))));
    assert_eq!(
        shop.send(route, &headers, Body::from_stream(pieces)).await.code(),
        "413 PAYLOAD_TOO_LARGE"
    );
    let broken = stream::iter([
        Ok(Bytes::from_static(b"Handle\n")),
        Err(std::io::Error::other("gone")),
    ]);
    assert_eq!(
        shop.send(route, &headers, Body::from_stream(broken)).await.code(),
        "400 VALIDATION_FAILED"
    );
}

#[tokio::test]
async fn progress_is_told() {
    let shop = Shop::open().await;
    importing(&shop);
    let token = shop.token(Role::Staff);
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "text/csv"),
        ("accept", "application/x-ndjson"),
    ];
    // The file takes longer than until the first line is due.
    let pieces = stream::unfold(0, |n| async move {
        if n == 1 {
            tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        }
        (n < 2).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"0123456789")), n + 1))
    });
    let answer = shop
        .send(
            "POST /admin/products/import?currency=EUR",
            &headers,
            Body::from_stream(pieces),
        )
        .await;
    let lines: Vec<&str> = answer.text.lines().collect();
    assert_eq!(lines.first(), Some(&"{\"progress\":{\"bytes\":10}}"));
    assert!(
        lines.last().is_some_and(|last| last.contains("\"variants\":20")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_picture_is_stored() {
    let shop = Shop::open().await;
    shop.fakes.on("put_media", |request: catalog::PutMediaRequest| {
        assert_eq!(request.content_type, "image/png");
        Ok(catalog::PutMediaResponse {
            media_id: "abc".into(),
            width: 2,
            height: 1,
        })
    });
    let token = shop.token(Role::Staff);
    let send = async |media| {
        let headers = [("authorization", token.as_str()), ("content-type", media)];
        shop.send("POST /admin/media", &headers, vec![1, 2, 3]).await
    };
    let stored = send("image/png").await;
    assert_eq!(
        (stored.status.as_u16(), stored.text.as_str()),
        (201, "{\"url\":\"/media/abc\",\"width\":2,\"height\":1}")
    );
    assert_eq!(send("image/svg+xml").await.code(), "415 UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn webhooks_are_handed_on_as_they_came() {
    let shop = Shop::open().await;
    shop.fakes
        .on("handle_webhook", |request: notifier::HandleWebhookRequest| {
            assert_eq!(request.url, "https://shop.example/webhooks/twilio?a=b");
            assert_eq!(
                (request.signature.as_str(), &request.body[..]),
                ("sig", &b"A=%20"[..])
            );
            Ok(notifier::HandleWebhookResponse {})
        });
    let headers = [
        ("x-twilio-signature", "sig"),
        ("host", "shop.example"),
        ("x-forwarded-proto", "https"),
    ];
    assert_eq!(
        shop.send("POST /webhooks/twilio?a=b", &headers, "A=%20")
            .await
            .status,
        200
    );
    shop.fakes
        .on("handle_webhook", |request: orders::HandleWebhookRequest| {
            assert_eq!(
                (
                    request.provider.as_str(),
                    request.signature.as_str(),
                    &request.body[..]
                ),
                ("stripe", "t=1", &b"{ }"[..])
            );
            Ok(orders::HandleWebhookResponse {})
        });
    assert_eq!(
        shop.send("POST /webhooks/stripe", &[("stripe-signature", "t=1")], "{ }")
            .await
            .status,
        200
    );
}
