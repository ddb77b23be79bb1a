//! Stripe's webhooks: what is forged, stale, replayed or contradicts what is known has no effect; what is true finishes the order,
//! once, however often and in whatever order it comes.

use std::{sync::Arc, time::Duration};

use comptoir_mesh::env::Server;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_orders::{domain::webhook::EventState, store};
use comptoir_proto::orders::v1::{
    ActionRequired, HandleWebhookRequest, Order, OrderState, payment_service_client::PaymentServiceClient,
};
use serde_json::{Value, json};

use crate::support::{
    mongo::on_mongo,
    orders::{action, placed},
    outcome,
    stripe::{SECRET, Shop, total},
    stripe_double::{Request, serve, signature},
};

const STALE: Result<(), ErrorReason> = Err(ErrorReason::WebhookStale);
const FORGED: Result<(), ErrorReason> = Err(ErrorReason::WebhookSignatureInvalid);

impl Shop {
    fn now(&self) -> i64 {
        self.setup.test.env.clock.now().as_second()
    }

    async fn hand_over(&self, signature: &str, body: &[u8]) -> Result<(), ErrorReason> {
        let request = HandleWebhookRequest {
            provider: "stripe".to_owned(),
            signature: signature.to_owned(),
            body: body.to_vec(),
        };
        let mut payments = PaymentServiceClient::new(self.setup.channel());
        let answer = outcome(payments.handle_webhook(request).await);
        answer.map(drop).map_err(|error: Error| error.reason())
    }

    /// Hands an event over as Stripe signs it.
    async fn tell(&self, event: &Value) -> Result<(), ErrorReason> {
        let body = event.to_string();
        self.hand_over(&signature(SECRET, self.now(), body.as_bytes()), body.as_bytes())
            .await
    }

    async fn awaiting(&self) -> (ActionRequired, Order) {
        let cart = self.cart().await;
        let wanted = action(self.pay(&cart, "pm_card_authenticationRequired").await);
        let order = wanted.order.clone().unwrap();
        (wanted, order)
    }

    /// The last event of this type at Stripe.
    fn event(&self, kind: &str) -> Value {
        let events = self.stripe.events();
        events.into_iter().rfind(|event| event["type"] == kind).unwrap()
    }

    /// What the embedded store has of an event, once that was seen to.
    async fn seen(&self, event: &Value) -> (EventState, Option<String>) {
        let location = self.setup.test.env.store("orders", None, Server::Mongo).unwrap();
        let webhooks = store::open(&location).await.unwrap().webhooks;
        let id = format!("stripe:{}", event["id"].as_str().unwrap());
        for _ in 0..3_000 {
            if let Some(event) = webhooks.webhook_event(&id).await.unwrap()
                && event.state != EventState::Waiting
            {
                return (event.state, event.reason);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{id} is not seen to");
    }

    async fn is_unpaid(&self, order: &Order) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let order = self.setup.order(&order.id).await;
        assert_eq!(order.state(), OrderState::PendingPayment);
        assert_eq!(self.stripe.kept(&order.id).0, 0);
    }
}

#[tokio::test]
async fn an_event_finishes_the_order_of_a_buyer_who_never_comes_back() {
    let shop = Shop::new().await;
    let (wanted, order) = shop.awaiting().await;
    assert!(shop.stripe.decide(&wanted.payment_id, true));
    shop.tell(&shop.event("payment_intent.amount_capturable_updated"))
        .await
        .unwrap();
    let order = shop.setup.reaches(&order, OrderState::Confirmed).await;
    assert_eq!(shop.stripe.kept(&order.id), (total(&order), 1));

    let (wanted, order) = shop.awaiting().await;
    assert!(shop.stripe.decide(&wanted.payment_id, false));
    shop.tell(&shop.event("payment_intent.payment_failed"))
        .await
        .unwrap();
    shop.setup.reaches(&order, OrderState::Failed).await;
}

#[tokio::test]
async fn what_is_not_signed_by_the_provider_is_refused() {
    let shop = Shop::new().await;
    let (wanted, order) = shop.awaiting().await;
    assert!(shop.stripe.decide(&wanted.payment_id, true));
    let event = shop.event("payment_intent.amount_capturable_updated");
    let (body, now) = (event.to_string(), shop.now());
    let good = signature(SECRET, now, body.as_bytes());
    // W1, W2: none, empty, another's, of another body or secret, of the same meaning in other bytes.
    for header in [
        String::new(),
        "t=1,v1=00".to_owned(),
        "v1".to_owned(),
        format!("t={now}"),
        signature("whsec_other", now, body.as_bytes()),
        signature("", now, body.as_bytes()),
        signature(SECRET, now, b"{}"),
        good.replace("v1=", "v0="),
    ] {
        assert_eq!(shop.hand_over(&header, body.as_bytes()).await, FORGED, "{header}");
    }
    let pretty = serde_json::to_string_pretty(&event).unwrap();
    assert_eq!(shop.hand_over(&good, pretty.as_bytes()).await, FORGED);
    // W3.
    let hex = good.split(',').nth(1).unwrap().to_owned();
    for header in [
        signature(SECRET, now - 301, body.as_bytes()),
        signature(SECRET, now + 301, body.as_bytes()),
        signature(SECRET, 0, body.as_bytes()),
        hex.clone(),
        format!("t=,{hex}"),
        format!("t=yesterday,{hex}"),
    ] {
        assert_eq!(shop.hand_over(&header, body.as_bytes()).await, STALE, "{header}");
    }
    shop.is_unpaid(&order).await;
    // The secret that is on its way out, and the edge of the time.
    let old = signature("whsec_old", now, body.as_bytes());
    assert_eq!(shop.hand_over(&old, body.as_bytes()).await, Ok(()));
    let edge = signature(SECRET, now - 300, body.as_bytes());
    assert_eq!(shop.hand_over(&edge, body.as_bytes()).await, Ok(()));
    shop.setup.reaches(&order, OrderState::Confirmed).await;
}

#[tokio::test]
async fn a_replay_has_one_effect_and_another_content_is_a_conflict() {
    let shop = Shop::new().await;
    let (wanted, order) = shop.awaiting().await;
    assert!(shop.stripe.decide(&wanted.payment_id, true));
    let event = shop.event("payment_intent.amount_capturable_updated");
    // W4, and the count of deliveries that Stripe writes into each.
    let calls = (0..100).map(|n| {
        let mut event = event.clone();
        event["pending_webhooks"] = json!(n);
        let shop = &shop;
        async move { shop.tell(&event).await }
    });
    for answer in futures::future::join_all(calls).await {
        answer.unwrap();
    }
    let order = shop.setup.reaches(&order, OrderState::Confirmed).await;
    shop.tell(&event).await.unwrap();
    let events: Vec<_> = order
        .payment_events
        .iter()
        .map(|event| event.r#type.as_str())
        .collect();
    assert_eq!(events, ["requires_action", "authorized", "captured"]);
    assert_eq!(shop.stripe.kept(&order.id), (total(&order), 1));
    // W5.
    for (path, value) in [
        ("/type", json!("charge.refunded")),
        ("/data/object/amount", json!(1)),
        ("/created", json!(1)),
    ] {
        let mut other = event.clone();
        *other.pointer_mut(path).unwrap() = value;
        assert_eq!(shop.tell(&other).await, Err(ErrorReason::EventConflict), "{path}");
    }
    assert_eq!(shop.seen(&event).await, (EventState::Done, None));
}

#[tokio::test]
async fn an_event_that_contradicts_the_order_is_quarantined() {
    let shop = Shop::new().await;
    let (wanted, order) = shop.awaiting().await;
    let (_, other) = shop.awaiting().await;
    let cart = shop.cart().await;
    let by_sandbox = placed(shop.setup.complete(&cart, "sandbox", "tok_visa").await);
    let mut event = shop.event("payment_intent.requires_action");
    event["type"] = json!("payment_intent.amount_capturable_updated");
    event["data"]["object"]["id"] = json!(wanted.payment_id);
    event["data"]["object"]["metadata"]["order_id"] = json!(order.id);
    event["data"]["object"]["status"] = json!("requires_capture");
    // W7.
    for (n, (path, value, reason)) in [
        ("amount", json!(1), "it is of another amount than the order"),
        (
            "currency",
            json!("usd"),
            "it is of another currency than the order",
        ),
        ("id", json!("pi_other"), "the order is paid by another payment"),
        (
            "metadata",
            json!({ "order_id": other.id }),
            "the order is paid by another payment",
        ),
        (
            "metadata",
            json!({ "order_id": by_sandbox.id }),
            "the order is not paid by Stripe",
        ),
        (
            "metadata",
            json!({ "order_id": "order_of_nobody" }),
            "there is no such order",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wrong = event.clone();
        wrong["id"] = json!(format!("evt_wrong_{n}"));
        wrong["data"]["object"][path] = value;
        shop.tell(&wrong).await.unwrap();
        assert_eq!(
            shop.seen(&wrong).await,
            (EventState::Quarantined, Some(reason.to_owned()))
        );
    }
    let mut unreadable = event.clone();
    unreadable["id"] = json!("evt_unreadable");
    unreadable["data"]["object"]["amount"] = json!("much");
    shop.tell(&unreadable).await.unwrap();
    assert_eq!(shop.seen(&unreadable).await.0, EventState::Quarantined);
    // One that claims what Stripe itself does not say is no more than a reason to ask.
    shop.tell(&event).await.unwrap();
    assert_eq!(shop.seen(&event).await, (EventState::Done, None));
    shop.is_unpaid(&order).await;
    shop.is_unpaid(&other).await;
}

#[tokio::test]
async fn money_that_goes_back_unasked_or_does_not_after_all_is_quarantined() {
    let shop = Shop::new().await;
    let cart = shop.cart().await;
    let order = placed(shop.pay(&cart, "pm_card_visa").await);
    shop.setup.reaches(&order, OrderState::Confirmed).await;
    shop.setup.refund(&order, Some("5.00"), "part").await.unwrap();
    let (refund, charge) = (shop.event("refund.created"), shop.event("charge.refunded"));
    for event in [&refund, &charge] {
        shop.tell(event).await.unwrap();
        assert_eq!(shop.seen(event).await, (EventState::Done, None));
    }
    let changed = |event: &Value, id: &str, path: &str, value: Value| {
        let mut event = event.clone();
        event["id"] = json!(id);
        *event.pointer_mut(path).unwrap() = value;
        event
    };
    for (event, reason) in [
        (
            changed(&refund, "evt_a", "/type", json!("refund.failed")),
            "a refund that was done has failed after all",
        ),
        (
            changed(&refund, "evt_b", "/data/object/amount", json!(501)),
            "it is of another amount than the refund",
        ),
        (
            changed(
                &refund,
                "evt_c",
                "/data/object/metadata/refund_id",
                json!("ref_other"),
            ),
            "no such refund was asked for here",
        ),
        (
            changed(&charge, "evt_d", "/data/object/amount_refunded", json!(501)),
            "more went back than was asked for here",
        ),
    ] {
        shop.tell(&event).await.unwrap();
        assert_eq!(
            shop.seen(&event).await,
            (EventState::Quarantined, Some(reason.to_owned()))
        );
    }
    let after = shop.setup.order(&order.id).await;
    assert_eq!(after.state(), OrderState::Confirmed);
}

#[tokio::test]
async fn what_is_of_no_matter_here_is_taken_and_ignored() {
    let shop = Shop::new().await;
    // W9.
    let other = json!({ "id": "evt_1", "type": "customer.created", "created": 1, "data": { "object": { "id": "cus_1" } } });
    let mut foreign = other.clone();
    foreign["id"] = json!("evt_2");
    foreign["type"] = json!("payment_intent.succeeded");
    foreign["data"]["object"] =
        json!({ "id": "pi_1", "status": "succeeded", "amount": 1, "currency": "eur" });
    for event in [&other, &foreign] {
        shop.tell(event).await.unwrap();
        assert_eq!(shop.seen(event).await, (EventState::Ignored, None));
    }
    // Signed, and yet no event.
    for body in [
        "",
        "[]",
        "{}",
        "nonsense",
        r#"{"id":"","type":"a","data":{"object":{}}}"#,
    ] {
        let header = signature(SECRET, shop.now(), body.as_bytes());
        let answer = shop.hand_over(&header, body.as_bytes()).await;
        assert_eq!(answer, Err(ErrorReason::ValidationFailed), "{body}");
    }
}

#[tokio::test]
async fn events_of_another_account_or_mode_are_ignored_and_said_so() {
    let shop = Shop::new().await;
    let (wanted, order) = shop.awaiting().await;
    assert!(shop.stripe.decide(&wanted.payment_id, true));
    let event = shop.event("payment_intent.amount_capturable_updated");
    for (id, field, value, reason) in [
        (
            "evt_live",
            "livemode",
            json!(true),
            "it is of live mode, and the key of test mode",
        ),
        (
            "evt_connected",
            "account",
            json!("acct_other"),
            "it is of another account",
        ),
    ] {
        let mut other = event.clone();
        other["id"] = json!(id);
        other[field] = value;
        shop.tell(&other).await.unwrap();
        shop.tell(&other).await.unwrap();
        assert_eq!(
            shop.seen(&other).await,
            (EventState::Ignored, Some(reason.to_owned()))
        );
    }
    shop.is_unpaid(&order).await;
    shop.tell(&event).await.unwrap();
    shop.setup.reaches(&order, OrderState::Confirmed).await;
}

#[tokio::test]
async fn events_may_come_late_twice_and_in_any_order() {
    let shop = Arc::new(Shop::new().await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("http://{}/webhooks/stripe", listener.local_addr().unwrap());
    let taking = shop.clone();
    serve(listener, move |request: Request| {
        let shop = taking.clone();
        async move {
            assert_eq!(
                (request.method.as_str(), request.path.as_str()),
                ("POST", "/webhooks/stripe")
            );
            let taken = shop
                .hand_over(&request.headers["stripe-signature"], &request.body)
                .await;
            let status = if taken.is_ok() { 204 } else { 401 };
            Some((status, Vec::new(), String::new()))
        }
    });
    let mut orders = Vec::new();
    for n in 0..6 {
        let (wanted, order) = shop.awaiting().await;
        assert!(shop.stripe.decide(&wanted.payment_id, n % 2 == 0));
        orders.push((order, n % 2 == 0));
    }
    let mut events = shop.stripe.events();
    events.reverse();
    for event in events.iter().chain(&events) {
        assert_eq!(shop.stripe.deliver(event, &to, SECRET).await, 204);
    }
    assert_eq!(shop.stripe.deliver(&events[0], &to, "whsec_other").await, 401);
    for (order, approved) in &orders {
        let state = if *approved {
            OrderState::Confirmed
        } else {
            OrderState::Failed
        };
        let order = shop.setup.reaches(order, state).await;
        let kept = if *approved { (total(&order), 1) } else { (0, 0) };
        assert_eq!(shop.stripe.kept(&order.id), kept);
    }
    // All of it once more, with what happened since.
    for event in shop.stripe.events() {
        assert_eq!(shop.stripe.deliver(&event, &to, SECRET).await, 204);
        assert_ne!(shop.seen(&event).await.0, EventState::Quarantined, "{event}");
    }
    for (order, approved) in &orders {
        let state = if *approved {
            OrderState::Confirmed
        } else {
            OrderState::Failed
        };
        assert_eq!(shop.setup.order(&order.id).await.state(), state);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_is_taken_at_once_and_drained() {
    let shop = Shop::new().await;
    let (wanted, order) = shop.awaiting().await;
    assert!(shop.stripe.decide(&wanted.payment_id, true));
    let event = shop.event("payment_intent.amount_capturable_updated");
    // W12: a thousand of which each is new.
    let calls = (0..1_000).map(|n| {
        let mut event = event.clone();
        event["id"] = json!(format!("evt_burst_{n}"));
        let shop = &shop;
        async move { shop.tell(&event).await.map(|()| event) }
    });
    let mut last = None;
    for answer in futures::future::join_all(calls).await {
        last = Some(answer.unwrap());
    }
    let order = shop.setup.reaches(&order, OrderState::Confirmed).await;
    assert_eq!(shop.stripe.kept(&order.id), (total(&order), 1));
    assert_eq!(shop.seen(&last.unwrap()).await, (EventState::Done, None));
    let asked = shop.stripe.journal().len();
    assert!(
        asked < 400,
        "events of an order are seen to together: {asked} calls"
    );
}

on_mongo!(
    an_event_finishes_the_order_of_a_buyer_who_never_comes_back,
    what_is_not_signed_by_the_provider_is_refused,
);
