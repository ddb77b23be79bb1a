//! Every token of the sandbox, and what the bank asks of the buyer.

use comptoir_mesh::error::ErrorReason;
use comptoir_proto::orders::v1::{GetSandboxPaymentRequest, OrderState, PaymentStatus};

use crate::support::{
    Setup,
    catalog::HOLD,
    mongo::on_mongo,
    orders::{accepted, action, codes, kept, placed, refused, request},
    outcome,
};

#[tokio::test]
async fn a_declined_card_is_declined() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    for (token, message) in [
        ("tok_declined", "The bank declined the payment."),
        ("tok_insufficient_funds", "The card has not enough funds."),
    ] {
        let cart = setup.ready_cart(&[(&cup, 1)]).await;
        let failure = refused(setup.complete(&cart, "key", token).await);
        assert_eq!(codes(&failure), ["PAYMENT_DECLINED"]);
        assert_eq!(failure.refusals[0].message, message);
    }
    assert_eq!(setup.catalog.units(&cup).reserved, 0);
    assert_eq!(kept(&setup.payments().await), 0);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let order = placed(setup.complete(&cart, "key", "tok_timeout").await);
    setup.reaches(&order, OrderState::Confirmed).await;
    let payments = setup.payments().await;
    let outcomes: Vec<_> = payments[0]
        .entries
        .iter()
        .map(|entry| entry.outcome.as_str())
        .collect();
    assert_eq!(outcomes, ["lost", "replayed", "ok"]);
    assert_eq!(payments.len(), 1);
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_so_and_the_order_ends_with_its_hold() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    for _ in 0..2 {
        let error = setup
            .try_complete(request(&cart, "key", "tok_unavailable"))
            .await
            .unwrap_err();
        assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
        assert!(error.retry_after().is_some());
    }
    assert_eq!(setup.catalog.units(&cup).reserved, 1, "the order goes on");
    let other = setup
        .try_complete(request(&cart, "other", "tok_visa"))
        .await
        .unwrap_err();
    assert_eq!(other.reason(), ErrorReason::CartAlreadyOrdered);
    setup.test.clock.advance(HOLD);
    let failure = refused(setup.complete(&cart, "key", "tok_unavailable").await);
    assert_eq!(codes(&failure), ["PAYMENT_FAILED"]);
    assert_eq!(setup.catalog.units(&cup).reserved, 0);
    let again = setup.try_complete(request(&cart, "other", "tok_visa")).await;
    assert_eq!(
        again.unwrap_err().reason(),
        ErrorReason::CartAlreadyOrdered,
        "the key's answer"
    );
    let reused = setup.try_complete(request(&cart, "other", "tok_declined")).await;
    assert_eq!(reused.unwrap_err().reason(), ErrorReason::IdempotencyKeyReused);
    setup.place(&cart, "third").await;
}

#[tokio::test]
async fn a_capture_that_fails_once_is_done_again() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let order = placed(setup.complete(&cart, "key", "tok_capture_fails").await);
    assert_eq!(order.state(), OrderState::Placed);
    // It is only tried again when the clock goes on.
    let order = setup.reaches_in_time(&order, OrderState::Confirmed).await;
    let types: Vec<_> = order
        .payment_events
        .iter()
        .map(|event| event.r#type.as_str())
        .collect();
    assert_eq!(types, ["authorized", "capture_failed", "captured"]);
    assert_eq!(
        kept(&setup.payments().await),
        order.cost.unwrap().total.unwrap().minor_units
    );
}

#[tokio::test]
async fn an_approved_action_finishes_the_order() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let wanted = action(setup.complete(&cart, "key", "tok_requires_action").await);
    let order = wanted.order.unwrap();
    assert_eq!(order.state(), OrderState::PendingPayment);
    assert_eq!(order.payment_status(), PaymentStatus::RequiresAction);
    assert_eq!(
        wanted.redirect_url,
        format!("/sandbox/payments/{}", wanted.payment_id)
    );
    let expires = wanted.expires_at.unwrap().seconds;
    assert_eq!(expires, setup.test.env.clock.now().as_second() + 900);
    let again = action(setup.complete(&cart, "key", "tok_requires_action").await);
    assert_eq!(again.payment_id, wanted.payment_id, "this once more");
    assert_eq!(setup.read(&cart.id).await.order_id.as_ref(), Some(&order.id));
    setup.resolve(&wanted.payment_id, true).await.unwrap();
    let order = setup.reaches(&order, OrderState::Confirmed).await;
    let types: Vec<_> = order
        .payment_events
        .iter()
        .map(|event| event.r#type.as_str())
        .collect();
    assert_eq!(types, ["requires_action", "authorized", "captured"]);
    accepted(setup.complete(&cart, "key", "tok_requires_action").await);
    let error = setup.resolve(&wanted.payment_id, false).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::InvalidState);
}

#[tokio::test]
async fn a_declined_action_fails_the_order() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let wanted = action(setup.complete(&cart, "key", "tok_requires_action").await);
    setup.resolve(&wanted.payment_id, false).await.unwrap();
    setup
        .reaches(wanted.order.as_ref().unwrap(), OrderState::Failed)
        .await;
    let failure = refused(setup.complete(&cart, "key", "tok_requires_action").await);
    assert_eq!(codes(&failure), ["PAYMENT_DECLINED"]);
    assert_eq!(setup.catalog.units(&cup).reserved, 0);
    setup.place(&cart, "next").await;
}

#[tokio::test]
async fn an_action_that_never_comes_ends_with_the_hold() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let wanted = action(setup.complete(&cart, "key", "tok_requires_action").await);
    setup.test.clock.advance(HOLD);
    setup
        .reaches(wanted.order.as_ref().unwrap(), OrderState::Failed)
        .await;
    let payment = GetSandboxPaymentRequest {
        payment_id: wanted.payment_id.clone(),
    };
    let payment = outcome(setup.sandbox().get_sandbox_payment(payment).await)
        .unwrap()
        .payment
        .unwrap();
    assert_eq!(payment.status, "canceled", "given up at the provider");
    assert_eq!(
        setup
            .resolve(&wanted.payment_id, true)
            .await
            .unwrap_err()
            .reason(),
        ErrorReason::InvalidState
    );
    assert_eq!(setup.catalog.units(&cup).reserved, 0);
}

#[tokio::test]
async fn one_address_cannot_hold_everything_by_actions_it_never_finishes() {
    let setup = Setup::with(comptoir_shop::DEFAULT, |config| {
        config.orders_limit_holds_address = 3;
    })
    .await;
    let cup = setup.catalog.add(2_000, 50);
    let mut carts = Vec::new();
    for _ in 0..12 {
        carts.push(setup.ready_cart(&[(&cup, 1)]).await);
    }
    let calls = carts
        .iter()
        .map(|cart| setup.try_complete(request(cart, "key", "tok_requires_action")));
    let mut held = 0;
    for answer in futures::future::join_all(calls).await {
        match answer {
            Ok(outcome) => {
                action(outcome);
                held += 1;
            }
            Err(error) => {
                assert_eq!(error.reason(), ErrorReason::ReservationLimit);
                assert!(error.retry_after().is_some());
            }
        }
    }
    assert_eq!(held, 3);
    assert_eq!(setup.catalog.units(&cup).reserved, 3, "the others let go");
    let limited = setup.ready_cart(&[(&cup, 1)]).await;
    let error = setup
        .try_complete(request(&limited, "key", "tok_requires_action"))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), ErrorReason::ReservationLimit);
    assert_eq!(
        setup.catalog.units(&cup).reserved,
        3,
        "refused before a hold stays"
    );
    // What the bank wants nothing for is no hold that stays, and has another key as the one before was used up.
    placed(setup.complete(&limited, "another", "tok_visa").await);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let mut elsewhere = request(&cart, "key", "tok_requires_action");
    elsewhere.client_address = Some("192.0.2.99".to_owned());
    action(setup.try_complete(elsewhere).await.unwrap());
}

on_mongo!(
    a_declined_card_is_declined,
    an_answer_that_is_lost_is_asked_for_again,
    a_provider_that_is_away_is_said_so_and_the_order_ends_with_its_hold,
    a_capture_that_fails_once_is_done_again,
    an_approved_action_finishes_the_order,
    a_declined_action_fails_the_order,
    an_action_that_never_comes_ends_with_the_hold,
    one_address_cannot_hold_everything_by_actions_it_never_finishes,
);
