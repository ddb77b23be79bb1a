//! Five processes on the real servers: PostgreSQL, MongoDB, Kafka and Redis, a fake SES, and doubles of Stripe and Twilio.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use comptoir_e2e::{
    Buyer,
    cluster::{Cluster, Servers},
    mails::mails,
    shop::eventually,
};
use serde_json::{Value, json};

use crate::{ONE_AT_A_TIME, doubles};

/// A Twilio that accepts every text message; returns its address and the requests that it received.
async fn twilio() -> (String, Arc<Mutex<Vec<String>>>) {
    let posted: Arc<Mutex<Vec<String>>> = Arc::default();
    let journal = posted.clone();
    let router = axum::Router::new().fallback(move |body: String| async move {
        journal.lock().unwrap().push(body);
        (
            axum::http::StatusCode::CREATED,
            r#"{"sid": "SM1", "status": "queued"}"#,
        )
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, posted)
}

async fn captured(cluster: &Cluster, admin: &str, order: &str) {
    eventually("the order is captured", Duration::from_secs(15), || async {
        let query = "query($id: ID!) { order(id: $id) { state paymentStatus } }";
        let data = cluster.graphql(Some(admin), query, json!({ "id": order })).await;
        (data["order"] == json!({ "state": "CONFIRMED", "paymentStatus": "CAPTURED" })).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_pass_through_five_processes() {
    let name = "orders_pass_through_five_processes";
    let Some(servers) = Servers::of_environment(name) else {
        return;
    };
    let _alone = ONE_AT_A_TIME.lock().await;
    let stripe = doubles::stripe().await;
    let (twilio, texts) = twilio().await;
    let settings = [
        doubles::settings(&stripe),
        [
            ("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000000"),
            ("TWILIO_AUTH_TOKEN", "secret"),
            ("TWILIO_FROM", "+15005550006"),
            ("TWILIO_BASE_URL", &twilio),
        ],
    ]
    .concat();
    let cluster = Cluster::start(&servers, 1, &settings).await;
    let admin = cluster.admin().await;
    let variant = cluster.add_product(&admin, "Stoneware mug", "18.00", 50).await;
    eventually("the product is found", Duration::from_secs(5), || async {
        let query = "{ search(query: \"stonware\") { totalCount } }";
        let data = cluster.graphql(None, query, json!({})).await;
        (data["search"]["totalCount"] == json!(1)).then_some(())
    })
    .await;

    // A card that is accepted at once.
    let buyer = Buyer::with_cart(&cluster, &format!("ada-{}", cluster.id), &[(&variant, 2)]).await;
    let phone = cluster
        .http
        .patch(cluster.url(&format!("/store/carts/{}", buyer.cart)))
        .json(&json!({ "phone": "+33612345678" }));
    assert!(phone.send().await.unwrap().status().is_success());
    let placed = buyer.pay("stripe", "pm_card_visa", "first").await;
    assert_eq!(placed.kind, "CartCompleteSuccess", "{}", placed.body);
    captured(&cluster, &admin, &placed.order).await;
    assert_eq!(cluster.stock(&admin, &variant).await, (48, 0));
    eventually("the mails are with SES", Duration::from_secs(15), || async {
        (mails(&cluster, &buyer.email).await.len() >= 2).then_some(())
    })
    .await;

    // A card whose bank asks the buyer.
    let other = Buyer::with_cart(&cluster, &format!("bob-{}", cluster.id), &[(&variant, 1)]).await;
    let asked = other
        .pay("stripe", "pm_card_authenticationRequired", "second")
        .await;
    assert_eq!(asked.kind, "CartCompleteActionRequired", "{}", asked.body);
    let intent = stripe.intents(&asked.order)[0]["id"].as_str().unwrap().to_owned();
    assert!(stripe.decide(&intent, true));
    let placed_later = other
        .pay("stripe", "pm_card_authenticationRequired", "second")
        .await;
    assert_eq!(placed_later.order, asked.order, "{}", placed_later.body);
    captured(&cluster, &admin, &asked.order).await;

    // Shipped: a text message; refunded: the money is back.
    let act = async |path: &str, body: Value| {
        let answer = cluster
            .http
            .post(cluster.url(&format!("/admin/orders/{}/{path}", placed.order)))
            .bearer_auth(&admin)
            .header("idempotency-key", path)
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        assert!(
            status.is_success(),
            "{path}: {status} {}",
            answer.text().await.unwrap()
        );
    };
    act("fulfill", json!({ "trackingNumber": "1Z", "carrier": "post" })).await;
    eventually(
        "the text message is with Twilio",
        Duration::from_secs(15),
        || async {
            let texts = texts.lock().unwrap();
            texts
                .iter()
                .any(|text| text.contains("33612345678"))
                .then_some(())
        },
    )
    .await;
    act("refund", json!({ "reason": "the tour is over" })).await;
    eventually("the money is back", Duration::from_secs(15), || async {
        (stripe.kept(&placed.order).0 == 0).then_some(())
    })
    .await;
    assert_eq!(stripe.intents(&placed.order).len(), 1, "one order is one payment");

    if let Some(kinds) = doubles::accepted_by_the_mock(name, &stripe).await {
        for kind in [
            "POST payment_intents",
            "POST confirm",
            "POST capture",
            "POST refunds",
        ] {
            assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
        }
    }
}
