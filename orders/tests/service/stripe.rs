//! Payments at Stripe, over HTTP against its double: every payment method, what the bank asks of the buyer, and every way in
//! which an answer can be lost. However often a call is made again, an order is charged once.

use std::{collections::BTreeSet, time::Duration};

use comptoir_mesh::{config::Secret, error::ErrorReason};
use comptoir_orders::{
    StripeSettings,
    payment::{Authorization, Charge, PaymentProvider as _, Stripe},
};
use comptoir_proto::orders::v1::{Order, OrderState, PaymentStatus};

use crate::support::{
    catalog::HOLD,
    mongo::on_mongo,
    orders::{accepted, action, codes, placed, refused},
    stripe::{BACK, Shop, by_stripe, total},
    stripe_double::{Fault, Operation},
};

/// Sees the order through to CONFIRMED, and that Stripe has its total, once.
async fn confirmed(shop: &Shop, order: &Order) -> Order {
    let order = shop.setup.reaches(order, OrderState::Confirmed).await;
    assert_eq!(shop.stripe.kept(&order.id), (total(&order), 1));
    order
}

#[tokio::test]
async fn an_order_is_one_intent_captured_by_hand() {
    let shop = Shop::new().await;
    let cart = shop.cart().await;
    let order = placed(shop.pay(&cart, "pm_card_visa").await);
    let order = confirmed(&shop, &order).await;
    assert_eq!(order.payment_status(), PaymentStatus::Captured);
    let journal = shop.stripe.journal();
    let paths: Vec<_> = journal
        .iter()
        .map(|call| call.path.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(paths, ["payment_intents", "confirm", "capture"]);
    for (part, name) in [
        (format!("amount={}", total(&order)), "amount"),
        ("currency=eur".to_owned(), "currency"),
        ("capture_method=manual".to_owned(), "capture"),
        (format!("metadata%5Border_id%5D={}", order.id), "order"),
    ] {
        assert!(journal[0].body.contains(&part), "{name}: {}", journal[0].body);
    }
    assert!(
        journal[1]
            .body
            .contains("payment_method=pm_card_visa&return_url=")
    );
    let keys: BTreeSet<_> = journal.iter().filter_map(|call| call.key.clone()).collect();
    assert_eq!(keys.len(), 3, "a key each: {keys:?}");
    accepted(shop.pay(&cart, "pm_card_visa").await);
    assert_eq!(shop.stripe.journal().len(), 3, "nothing is asked again");
}

#[tokio::test]
async fn a_declined_card_is_declined() {
    let shop = Shop::new().await;
    for (token, message) in [
        ("pm_card_chargeDeclined", "Your card was declined."),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "Your card has insufficient funds.",
        ),
        (
            "pm_of_nobody",
            "The payment token is not one the provider gave out.",
        ),
    ] {
        let cart = shop.cart().await;
        let failure = refused(shop.pay(&cart, token).await);
        assert_eq!(codes(&failure), ["PAYMENT_DECLINED"], "{token}");
        assert_eq!(failure.refusals[0].message, message);
    }
    assert_eq!(shop.setup.catalog.units(&shop.cup).reserved, 0);
    for intent in shop.stripe.intents("") {
        assert_eq!(intent["status"], "canceled", "nothing can be paid any more");
    }
    assert_eq!(shop.stripe.intents("").len(), 3);
}

#[tokio::test]
async fn an_approved_action_finishes_the_order_and_a_declined_one_fails_it() {
    let shop = Shop::new().await;
    let cart = shop.cart().await;
    let wanted = action(shop.pay(&cart, "pm_card_authenticationRequired").await);
    let order = wanted.order.unwrap();
    assert_eq!(order.payment_status(), PaymentStatus::RequiresAction);
    assert!(
        wanted.redirect_url.starts_with(shop.stripe.url()),
        "{}",
        wanted.redirect_url
    );
    assert!(wanted.client_secret.is_some());
    assert_eq!(shop.intent(&order), wanted.payment_id);
    assert_eq!(
        shop.stripe.intents(&order.id)[0]["next_action"]["redirect_to_url"]["return_url"],
        BACK
    );
    action(shop.pay(&cart, "pm_card_authenticationRequired").await);
    assert!(shop.stripe.decide(&wanted.payment_id, true));
    placed(shop.pay(&cart, "pm_card_authenticationRequired").await);
    confirmed(&shop, &order).await;

    let cart = shop.cart().await;
    let wanted = action(shop.pay(&cart, "pm_card_authenticationRequired").await);
    assert!(shop.stripe.decide(&wanted.payment_id, false));
    let failure = refused(shop.pay(&cart, "pm_card_authenticationRequired").await);
    assert_eq!(codes(&failure), ["PAYMENT_DECLINED"]);
    assert_eq!(failure.refusals[0].message, "The buyer was not authenticated.");
    assert_eq!(shop.setup.catalog.units(&shop.cup).reserved, 0);
}

#[tokio::test]
async fn an_action_whose_time_is_over_is_cancelled_at_stripe_unless_it_was_approved() {
    for approve in [false, true] {
        let shop = Shop::new().await;
        let cart = shop.cart().await;
        let wanted = action(shop.pay(&cart, "pm_card_authenticationRequired").await);
        let order = wanted.order.unwrap();
        if approve {
            // The last moment: the hold exists, and no webhook has arrived yet.
            assert!(shop.stripe.decide(&wanted.payment_id, true));
            shop.setup.test.clock.advance(HOLD - Duration::from_secs(1));
            confirmed(&shop, &order).await;
        } else {
            shop.setup.test.clock.advance(HOLD);
            shop.setup.reaches(&order, OrderState::Failed).await;
            assert_eq!(shop.status(&order), "canceled");
            assert!(!shop.stripe.decide(&wanted.payment_id, true));
            assert_eq!(shop.setup.catalog.units(&shop.cup).reserved, 0);
        }
    }
}

#[tokio::test]
async fn whatever_is_lost_on_the_way_is_asked_for_again_and_charged_once() {
    for operation in [Operation::Create, Operation::Confirm, Operation::Capture] {
        for fault in [
            Fault::LoseAnswer,
            Fault::Cut,
            Fault::Failure,
            Fault::Limit,
            Fault::Busy,
            Fault::StoredFailure { done: true },
            Fault::StoredFailure { done: false },
        ] {
            let shop = Shop::new().await;
            shop.stripe.search_lags();
            shop.stripe.fail(operation, fault);
            let cart = shop.cart().await;
            let order = placed(shop.pay(&cart, "pm_card_visa").await);
            let order = confirmed(&shop, &order).await;
            let intents = shop.stripe.intents(&order.id);
            assert_eq!(intents.len(), 1, "{operation:?} {fault:?}: {intents:?}");
        }
    }
}

#[tokio::test]
async fn an_intent_that_cannot_be_found_again_is_never_confirmed() {
    // Stripe fails, and has opened an intent all the same; the list is full of others.
    for lags in [false, true] {
        let shop = Shop::new().await;
        shop.stripe.crowd();
        if lags {
            shop.stripe.search_lags();
        }
        shop.stripe
            .fail(Operation::Create, Fault::StoredFailure { done: true });
        shop.stripe.fail(Operation::Confirm, Fault::LoseAnswer);
        let cart = shop.cart().await;
        let order = placed(shop.pay(&cart, "pm_card_visa").await);
        confirmed(&shop, &order).await;
        let standing: Vec<_> = shop
            .stripe
            .intents(&order.id)
            .iter()
            .map(|intent| intent["status"].as_str().unwrap().to_owned())
            .collect();
        if lags {
            assert_eq!(standing, ["requires_payment_method", "succeeded"]);
        } else {
            assert_eq!(standing, ["succeeded"]);
        }
    }
}

#[tokio::test]
async fn a_payment_that_is_found_late_is_resumed_or_where_the_units_are_gone_let_go() {
    for (keys_are_forgotten, gone) in [(false, false), (false, true), (true, false), (true, true)] {
        let shop = Shop::new().await;
        shop.stripe.fail(Operation::Confirm, Fault::LoseAnswer);
        for _ in 0..3 {
            shop.stripe.fail(Operation::Retrieve, Fault::Cut);
        }
        let cart = shop.cart().await;
        let answer = shop.setup.try_complete(by_stripe(&cart, "pm_card_visa")).await;
        answer.unwrap_err();
        let intents = shop.stripe.intents("");
        let order_id = intents[0]["metadata"]["order_id"].as_str().unwrap().to_owned();
        if keys_are_forgotten {
            shop.stripe.forget_keys();
        }
        if gone {
            let reason = ErrorReason::InsufficientStock;
            shop.setup.catalog.refuse("ConfirmReservation", reason);
        }
        // No process ran until long after the hold.
        shop.setup.test.clock.advance(HOLD * 200);
        let order = shop.setup.order(&order_id).await;
        if gone {
            shop.setup.reaches(&order, OrderState::Failed).await;
            assert_eq!(shop.status(&order), "canceled");
            assert_eq!(shop.setup.catalog.units(&shop.cup).reserved, 0);
        } else {
            confirmed(&shop, &order).await;
        }
        assert_eq!(
            shop.stripe.intents(&order_id).len(),
            1,
            "nothing is opened besides"
        );
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_charged_once() {
    let shop = Shop::new().await;
    shop.stripe.fail(Operation::Confirm, Fault::Hang);
    let cart = shop.cart().await;
    let order = placed(shop.pay(&cart, "pm_card_visa").await);
    confirmed(&shop, &order).await;
    let replays = shop.stripe.journal().into_iter().filter(|call| call.replayed);
    assert!(replays.clone().count() > 0, "the same keys once more");
    assert!(replays.clone().all(|call| call.status == 200));
}

#[tokio::test]
async fn however_many_ask_for_a_payment_at_once_there_is_one() {
    let shop = Shop::new().await;
    let settings = StripeSettings {
        stripe_secret_key: Some(Secret::new("sk_test_double")),
        stripe_webhook_secret: None,
        stripe_base_url: shop.stripe.url().parse().unwrap(),
    };
    let charge = Charge {
        order_id: "order_1".to_owned(),
        token: "pm_card_visa".to_owned(),
        amount: 4_990,
        currency: "EUR".to_owned(),
        return_url: None,
        payment_id: None,
    };
    // Each as a process of its own.
    let calls = (0..20).map(|_| {
        let (stripe, charge) = (Stripe::new(&settings, &shop.setup.test.env), charge.clone());
        async move { stripe.unwrap().unwrap().authorize(&charge).await.unwrap() }
    });
    let answers = futures::future::join_all(calls).await;
    assert!(matches!(answers[0], Authorization::Authorized { .. }));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(shop.stripe.kept("order_1"), (0, 1));
    assert_eq!(shop.stripe.intents("order_1").len(), 1);
}

#[tokio::test]
async fn a_bank_that_wants_an_action_is_heard_through_any_loss() {
    for fault in [
        Fault::LoseAnswer,
        Fault::StoredFailure { done: true },
        Fault::StoredFailure { done: false },
    ] {
        let shop = Shop::new().await;
        shop.stripe.fail(Operation::Confirm, fault);
        let cart = shop.cart().await;
        let wanted = action(shop.pay(&cart, "pm_card_authenticationRequired").await);
        assert!(shop.stripe.decide(&wanted.payment_id, true));
        placed(shop.pay(&cart, "pm_card_authenticationRequired").await);
        confirmed(&shop, &wanted.order.unwrap()).await;
    }
}

#[tokio::test]
async fn a_payment_whose_outcome_is_unknown_is_reconciled_by_the_sweeper() {
    let shop = Shop::new().await;
    // The bank said yes, and Stripe is away for a while after that.
    shop.stripe.fail(Operation::Confirm, Fault::LoseAnswer);
    for _ in 0..3 {
        shop.stripe.fail(Operation::Retrieve, Fault::Cut);
    }
    let cart = shop.cart().await;
    let error = shop
        .setup
        .try_complete(by_stripe(&cart, "pm_card_visa"))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
    let order_id = shop.stripe.intents("")[0]["metadata"]["order_id"]
        .as_str()
        .unwrap()
        .to_owned();
    for _ in 0..4 {
        shop.setup.test.clock.advance(Duration::from_secs(6));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let order = shop.setup.order(&order_id).await;
    confirmed(&shop, &order).await;
    accepted(shop.pay(&cart, "pm_card_visa").await);
}

#[tokio::test]
async fn money_goes_back_once_whatever_is_lost() {
    for fault in [
        None,
        Some(Fault::LoseAnswer),
        Some(Fault::Cut),
        Some(Fault::StoredFailure { done: true }),
        Some(Fault::StoredFailure { done: false }),
        Some(Fault::Limit),
    ] {
        let shop = Shop::new().await;
        let cart = shop.cart().await;
        let order = placed(shop.pay(&cart, "pm_card_visa").await);
        let order = Order {
            access_token: order.access_token.clone(),
            ..confirmed(&shop, &order).await
        };
        if let Some(fault) = fault {
            shop.stripe.fail(Operation::Refund, fault);
        }
        let part = shop.setup.refund(&order, Some("5.00"), "part").await.unwrap();
        assert_eq!(
            part.payment_status(),
            PaymentStatus::PartiallyRefunded,
            "{fault:?}"
        );
        assert_eq!(shop.stripe.kept(&order.id).0, total(&order) - 500, "{fault:?}");
        let canceled = shop.setup.cancel(&order, "cancel").await.unwrap();
        assert_eq!(canceled.state(), OrderState::Canceled);
        assert_eq!(shop.stripe.kept(&order.id), (0, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn an_order_that_is_cancelled_before_it_was_paid_is_cancelled_at_stripe() {
    for fault in [
        None,
        Some(Fault::LoseAnswer),
        Some(Fault::StoredFailure { done: true }),
        Some(Fault::Cut),
    ] {
        let shop = Shop::new().await;
        let cart = shop.cart().await;
        let wanted = action(shop.pay(&cart, "pm_card_authenticationRequired").await);
        let order = wanted.order.unwrap();
        if let Some(fault) = fault {
            shop.stripe.fail(Operation::Cancel, fault);
        }
        let canceled = shop.setup.cancel(&order, "cancel").await.unwrap();
        assert_eq!(canceled.state(), OrderState::Canceled);
        assert_eq!(shop.status(&order), "canceled", "{fault:?}");
        assert_eq!(shop.stripe.kept(&order.id), (0, 0));
    }
}

#[tokio::test]
async fn a_payment_that_is_not_the_orders_pays_nothing() {
    for (field, value) in [
        ("amount", serde_json::json!(1)),
        ("currency", serde_json::json!("usd")),
        ("metadata", serde_json::json!({ "order_id": "order_of_another" })),
    ] {
        let shop = Shop::new().await;
        let cart = shop.cart().await;
        let wanted = action(shop.pay(&cart, "pm_card_authenticationRequired").await);
        let order = wanted.order.unwrap();
        shop.stripe
            .tamper(&wanted.payment_id, |intent| intent[field] = value);
        assert!(shop.stripe.decide(&wanted.payment_id, true));
        let error = shop
            .setup
            .try_complete(by_stripe(&cart, "pm_card_authenticationRequired"))
            .await
            .unwrap_err();
        assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
        assert_eq!(
            shop.setup.order(&order.id).await.state(),
            OrderState::PendingPayment
        );
    }
}

#[tokio::test]
async fn a_capture_that_stripe_let_go_leaves_the_order_to_staff() {
    let shop = Shop::new().await;
    shop.stripe.fail(Operation::Capture, Fault::Cut);
    shop.stripe.fail(Operation::Capture, Fault::Cut);
    shop.stripe.fail(Operation::Capture, Fault::Cut);
    let cart = shop.cart().await;
    let order = placed(shop.pay(&cart, "pm_card_visa").await);
    let intent = shop.intent(&order);
    shop.stripe
        .tamper(&intent, |intent| intent["status"] = "canceled".into());
    for _ in 0..300 {
        shop.setup.test.clock.advance(Duration::from_millis(500));
        tokio::time::sleep(Duration::from_millis(10)).await;
        let events = shop.setup.order(&order.id).await.payment_events;
        if events.iter().any(|event| event.r#type == "capture_failed") {
            return;
        }
    }
    panic!("no event says that the capture failed");
}

on_mongo!(
    an_order_is_one_intent_captured_by_hand,
    an_approved_action_finishes_the_order_and_a_declined_one_fails_it,
    an_action_whose_time_is_over_is_cancelled_at_stripe_unless_it_was_approved,
    money_goes_back_once_whatever_is_lost,
);
