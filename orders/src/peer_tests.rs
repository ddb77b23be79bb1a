//! What the catalogue and the provider can answer at each step, and that everything before it is undone.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use comptoir_proto::orders::v1::{
    ResolveSandboxPaymentRequest, complete_cart_response::Outcome as Answer,
    sandbox_service_server::SandboxService as _,
};
use mesh::{ErrorReason, clock::TestClock};

use crate::{
    crash_tests::{Process, World, asked, rest},
    domain::order::{IntentState, PaymentEventKind, State},
    fulfill::Parcel,
    machine::Told,
    payment::{Authorization, Charge, Failure, Outcome, PaymentProvider, Sandbox},
    refund::Wanted,
    service::SandboxHandler,
};

/// The sandbox, but for answers that the test put in front.
struct Scripted {
    sandbox: Arc<Sandbox>,
    captures: Mutex<VecDeque<Result<Outcome, Failure>>>,
    refunds: Mutex<VecDeque<Result<Outcome, Failure>>>,
    /// How long an authorisation takes, by the test's clock.
    slow: Option<(Arc<TestClock>, Duration)>,
}

#[async_trait]
impl PaymentProvider for Scripted {
    async fn authorize(&self, charge: &Charge) -> Result<Authorization, Failure> {
        if let Some((clock, by)) = &self.slow {
            clock.advance(*by);
        }
        self.sandbox.authorize(charge).await
    }

    async fn lookup(&self, charge: &Charge) -> Result<Authorization, Failure> {
        self.sandbox.lookup(charge).await
    }

    async fn capture(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure> {
        let scripted = self.captures.lock().unwrap().pop_front();
        match scripted {
            Some(answer) => answer,
            None => self.sandbox.capture(charge, key, amount).await,
        }
    }

    async fn void(&self, charge: &Charge) -> Result<Outcome, Failure> {
        self.sandbox.void(charge).await
    }

    async fn refund(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure> {
        let scripted = self.refunds.lock().unwrap().pop_front();
        match scripted {
            Some(answer) => answer,
            None => self.sandbox.refund(charge, key, amount).await,
        }
    }
}

async fn scripted(
    captures: Vec<Result<Outcome, Failure>>,
    refunds: Vec<Result<Outcome, Failure>>,
    slow: Option<Duration>,
) -> World {
    let mut world = World::new().await;
    let clock = world.test.clock.clone();
    world.process = Process::start_with(&world.test, &world.catalog, &world.stores, |sandbox| {
        Arc::new(Scripted {
            sandbox,
            captures: Mutex::new(captures.into()),
            refunds: Mutex::new(refunds.into()),
            slow: slow.map(|slow| (clock, slow)),
        })
    })
    .await;
    world
}

#[tokio::test]
async fn a_refusal_at_any_step_undoes_all_before_it() {
    for (method, reason) in [
        ("ReserveStock", ErrorReason::InsufficientStock),
        ("ReserveStock", ErrorReason::ProductUnavailable),
        ("ReserveStock", ErrorReason::InvalidState),
        ("ConfirmReservation", ErrorReason::InsufficientStock),
        ("ConfirmReservation", ErrorReason::ProductUnavailable),
        ("ConfirmReservation", ErrorReason::InvalidState),
    ] {
        let world = World::new().await;
        let cart = world.cart().await;
        world.catalog.refuse(method, reason);
        let answer = world.complete(&cart, "tok_visa").await.unwrap().outcome.unwrap();
        let Answer::Failed(failure) = answer else {
            panic!("{method} {reason:?}: {answer:?}")
        };
        assert_eq!(failure.refusals.len(), 1);
        let order = world.audit(&cart).await.unwrap();
        assert_eq!(order.state, State::Failed, "{method} {reason:?}");
        let payment = world.process.sandbox.payment_of(&order.id).await;
        assert_eq!(
            payment.is_some(),
            method == "ConfirmReservation",
            "asked only where it had to be"
        );
        if let Some(payment) = payment {
            assert_eq!(payment.status.name(), "canceled");
        }
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_at_every_step() {
    for (method, reason) in [
        ("ReserveStock", ErrorReason::DependencyUnavailable),
        ("ReserveStock", ErrorReason::DeadlineExceeded),
        ("ConfirmReservation", ErrorReason::DependencyUnavailable),
        ("ConfirmReservation", ErrorReason::Overloaded),
    ] {
        let world = World::new().await;
        let cart = world.cart().await;
        world.catalog.refuse(method, reason);
        let answer = world.complete(&cart, "tok_visa").await.unwrap().outcome.unwrap();
        assert!(
            matches!(answer, Answer::Placed(_)),
            "{method} {reason:?}: {answer:?}"
        );
        rest(&world, &cart).await;
        assert_eq!(world.audit(&cart).await.unwrap().state, State::Confirmed);
    }
}

#[tokio::test]
async fn a_discount_that_was_used_up_meanwhile_undoes_the_hold() {
    let world = World::new().await;
    let (first, second) = (world.cart().await, world.cart().await);
    world.complete(&first, "tok_visa").await.unwrap();
    rest(&world, &first).await;
    // The other cart's price was read while a use was left.
    let answer = world
        .process
        .checkout
        .begin_as_found(second.clone(), "key")
        .await
        .unwrap();
    let Some(Answer::Failed(failure)) = answer.outcome else {
        panic!("{answer:?}")
    };
    assert_eq!(failure.refusals[0].code, "DISCOUNT_CODE_LIMIT_REACHED");
    assert_eq!(world.catalog.units(&world.variant).reserved, 0);
    assert!(
        world
            .stores
            .carts
            .cart(&second.id)
            .await
            .unwrap()
            .unwrap()
            .is_open()
    );
}

#[tokio::test]
async fn a_capture_refused_for_good_leaves_the_order_placed_and_cancelling_lets_the_money_go() {
    let world = scripted(vec![Ok(Outcome::Refused("expired".into()))], vec![], None).await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    let order = rest(&world, &cart).await;
    assert_eq!(order.state, State::Placed);
    assert_eq!(
        order.payment.capture.as_ref().unwrap().state,
        IntentState::Refused
    );
    assert_eq!(order.events, 2, "placed, and capture_refused");
    world.sweep().await;
    assert_eq!(
        world.order_of(&cart).await.unwrap(),
        order,
        "nothing is tried again"
    );
    let canceled = world
        .process
        .machine
        .cancel(&order.id, asked("c"), None)
        .await
        .unwrap();
    assert_eq!(
        canceled.payment.events.last().unwrap().kind,
        PaymentEventKind::Voided
    );
    assert_eq!(world.audit(&cart).await.unwrap().state, State::Canceled);
}

#[tokio::test]
async fn a_capture_whose_outcome_is_not_known_is_asked_for_until_it_is() {
    let unknown = || Err(Failure::Unknown("no answer".into()));
    let world = scripted(vec![unknown(), unknown(), unknown(), unknown()], vec![], None).await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    assert_eq!(rest(&world, &cart).await.state, State::Placed);
    world.sweep().await;
    assert_eq!(world.audit(&cart).await.unwrap().state, State::Confirmed);
}

#[tokio::test]
async fn a_refund_refused_for_good_is_said_so_and_takes_nothing_from_what_is_left() {
    let world = scripted(vec![], vec![Ok(Outcome::Refused("closed account".into()))], None).await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    let order = rest(&world, &cart).await;
    let wanted = Wanted {
        amount: None,
        reason: "late".into(),
        restock: false,
    };
    let refund = |key| {
        world
            .process
            .machine
            .refund(&order.id, asked(key), wanted.clone())
    };
    assert_eq!(
        refund("one").await.unwrap_err().reason(),
        ErrorReason::PaymentFailed
    );
    assert_eq!(
        refund("one").await.unwrap_err().reason(),
        ErrorReason::PaymentFailed,
        "the key's answer"
    );
    let refunded = refund("two").await.unwrap();
    assert_eq!(refunded.payment.refunded(), order.total());
}

#[tokio::test]
async fn units_of_a_refused_refund_can_still_be_shipped() {
    let world = scripted(vec![], vec![Ok(Outcome::Refused("closed account".into()))], None).await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    let order = rest(&world, &cart).await;
    let machine = &world.process.machine;
    let wanted = Wanted {
        amount: None,
        reason: "late".into(),
        restock: true,
    };
    let refused = machine.refund(&order.id, asked("r"), wanted).await.unwrap_err();
    assert_eq!(refused.reason(), ErrorReason::PaymentFailed);
    let parcel = Parcel {
        lines: vec![],
        tracking_number: None,
        carrier: None,
    };
    let shipped = machine.fulfill(&order.id, asked("f"), parcel).await.unwrap();
    assert!(shipped.unshipped().is_empty());
}

#[tokio::test]
async fn what_was_left_lying_is_taken_up_however_many_calls_run() {
    let unknown = || Err(Failure::Unknown("no answer".into()));
    let world = scripted(vec![unknown(), unknown(), unknown()], vec![], None).await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    assert_eq!(rest(&world, &cart).await.state, State::Placed);
    for n in 0..300 {
        let call = |_, _| std::future::pending::<Told>();
        let (_, began) = world.process.machine.fly(&format!("order_{n}"), None, call);
        assert!(began);
    }
    world.sweep().await;
    assert_eq!(world.audit(&cart).await.unwrap().state, State::Confirmed);
}

#[tokio::test]
async fn an_order_goes_on_at_once_though_a_drive_looked_before_the_buyer_acted() {
    let world = World::new().await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_requires_action").await.unwrap();
    let order = rest(&world, &cart).await;
    let Process { machine, sandbox, .. } = &world.process;
    let stale = Arc::new(order.clone());
    machine.fly(&order.id, None, |_, _| async move {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Ok(stale)
    });
    let handler = SandboxHandler {
        sandbox: sandbox.clone(),
        machine: machine.clone(),
    };
    let request = ResolveSandboxPaymentRequest {
        payment_id: order.payment.payment_id.clone().unwrap(),
        approve: true,
    };
    handler
        .resolve_sandbox_payment(tonic::Request::new(request))
        .await
        .unwrap();
    assert_eq!(rest(&world, &cart).await.state, State::Confirmed);
}

#[tokio::test]
async fn a_refund_that_is_not_answered_goes_on_by_itself() {
    let unknown = || Err(Failure::Unavailable("away".into()));
    let world = scripted(vec![], vec![unknown(), unknown(), unknown()], None).await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    let order = rest(&world, &cart).await;
    let wanted = Wanted {
        amount: Some(500),
        reason: "late".into(),
        restock: false,
    };
    let error = world
        .process
        .machine
        .refund(&order.id, asked("one"), wanted.clone())
        .await
        .unwrap_err();
    assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
    world.sweep().await;
    let refunded = world
        .process
        .machine
        .refund(&order.id, asked("one"), wanted)
        .await
        .unwrap();
    assert_eq!(refunded.payment.refunded(), 500);
    world.audit(&cart).await;
}

#[tokio::test]
async fn a_slow_step_renews_the_lease() {
    let world = scripted(vec![], vec![], Some(Duration::from_secs(6))).await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    rest(&world, &cart).await;
    // Created, renewed, placed, captured.
    let order = world.audit(&cart).await.unwrap();
    assert_eq!((order.state, order.revision), (State::Confirmed, 4));
}
