//! What the catalogue and the provider can answer at each step, and that everything before it is undone.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use comptoir_mesh::{ErrorReason, clock::TestClock};
use comptoir_proto::orders::v1::{
    ResolveSandboxPaymentRequest, complete_cart_response::Outcome as Answer,
    sandbox_service_server::SandboxService as _,
};

use crate::{
    audit::Book,
    domain::order::{IntentState, Order, PaymentEventKind, State},
    engine::{
        RunResult,
        fulfill::Parcel,
        refund::RefundRequest,
        run::TRIES,
        tests::crashes::{Process, World, asked, complete_on, rest, until_crash},
    },
    fail_points::crash,
    payment::{Authorization, Charge, Failure, Outcome, PaymentProvider, Sandbox},
    service::SandboxHandler,
    store::DiscountPage,
    testing::mongo::on_mongo,
};

/// Answers, the first one first.
type Script = Mutex<VecDeque<Result<Outcome, Failure>>>;

/// The sandbox, but for answers that the test put in front.
struct Scripted {
    sandbox: Arc<Sandbox>,
    captures: Script,
    refunds: Script,
    voids: Script,
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
        let scripted = self.voids.lock().unwrap().pop_front();
        match scripted {
            Some(answer) => answer,
            None => self.sandbox.void(charge).await,
        }
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
    with_voids(captures, refunds, slow, vec![]).await.0
}

/// The same with answers to voids, and the provider.
async fn with_voids(
    captures: Vec<Result<Outcome, Failure>>,
    refunds: Vec<Result<Outcome, Failure>>,
    slow: Option<Duration>,
    voids: Vec<Result<Outcome, Failure>>,
) -> (World, Arc<Scripted>) {
    let mut world = World::new().await;
    let clock = world.test.clock.clone();
    let provider = Arc::new(Scripted {
        sandbox: world.process.sandbox.clone(),
        captures: Mutex::new(captures.into()),
        refunds: Mutex::new(refunds.into()),
        voids: Mutex::new(voids.into()),
        slow: slow.map(|slow| (clock, slow)),
    });
    let given = provider.clone();
    let mut process = Process::start_with(&world.test, &world.catalog, &world.stores, 20, |_| given).await;
    process.sandbox = world.process.sandbox.clone();
    world.process = process;
    (world, provider)
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
        .engine
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
    let wanted = RefundRequest {
        amount: None,
        reason: "late".into(),
        restock: false,
    };
    let refund = |key| world.process.engine.refund(&order.id, asked(key), wanted.clone());
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
    let engine = &world.process.engine;
    let wanted = RefundRequest {
        amount: None,
        reason: "late".into(),
        restock: true,
    };
    let refused = engine.refund(&order.id, asked("r"), wanted).await.unwrap_err();
    assert_eq!(refused.reason(), ErrorReason::PaymentFailed);
    let parcel = Parcel {
        lines: vec![],
        tracking_number: None,
        carrier: None,
    };
    let shipped = engine.fulfill(&order.id, asked("f"), parcel).await.unwrap();
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
        let call = |_, _| std::future::pending::<RunResult>();
        let (_, began) = world
            .process
            .engine
            .start_or_join(&format!("order_{n}"), None, call);
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
    let Process { engine, sandbox, .. } = &world.process;
    let stale = Arc::new(order.clone());
    engine.start_or_join(&order.id, None, |_, _| async move {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Ok(stale)
    });
    let handler = SandboxHandler {
        sandbox: sandbox.clone(),
        engine: engine.clone(),
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
    let wanted = RefundRequest {
        amount: Some(500),
        reason: "late".into(),
        restock: false,
    };
    let error = world
        .process
        .engine
        .refund(&order.id, asked("one"), wanted.clone())
        .await
        .unwrap_err();
    assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
    world.sweep().await;
    let refunded = world
        .process
        .engine
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

fn refused(why: &str) -> Result<Outcome, Failure> {
    Ok(Outcome::Refused(why.into()))
}

/// The order's document holds, and tells of all that happened.
fn is_sound(order: &Order) {
    let book = Book {
        revenue: order.payment.captured() - order.payment.refunded(),
        waiting: (1..=i64::try_from(order.events).unwrap()).collect(),
        order: order.clone(),
    };
    assert_eq!(book.breaches(), []);
}

#[tokio::test]
async fn a_refused_void_ends_the_order_and_says_so() {
    let (world, _) = with_voids(
        vec![],
        vec![refused("not captured")],
        None,
        vec![refused("frozen account")],
    )
    .await;
    let cart = world.cart().await;
    world
        .catalog
        .refuse("ConfirmReservation", ErrorReason::InsufficientStock);
    let answer = world.complete(&cart, "tok_visa").await.unwrap().outcome;
    assert!(matches!(answer, Some(Answer::Failed(_))), "{answer:?}");
    let order = rest(&world, &cart).await;
    assert_eq!(order.state, State::Failed);
    let last = order.payment.events.last().unwrap();
    assert_eq!(
        (last.kind, last.message.as_deref()),
        (PaymentEventKind::VoidFailed, Some("frozen account"))
    );
    assert_eq!(order.events, 2, "void_refused, and failed");
    is_sound(&order);
    assert_eq!(world.catalog.units(&world.variant).reserved, 0);
    assert!(
        world
            .stores
            .carts
            .cart(&cart.id)
            .await
            .unwrap()
            .unwrap()
            .is_open()
    );
    world.sweep().await;
    assert_eq!(
        world.order_of(&cart).await.unwrap(),
        order,
        "nothing is tried again"
    );
}

#[tokio::test]
async fn a_void_that_is_never_done_is_tried_so_often_and_no_more() {
    let failed = || Ok(Outcome::Failed("not now".into()));
    let tries = usize::try_from(TRIES).unwrap();
    let voids: Vec<_> = std::iter::repeat_with(failed).take(2 * tries).collect();
    let (world, provider) = with_voids(vec![], vec![], None, voids).await;
    let cart = world.cart().await;
    world
        .catalog
        .refuse("ConfirmReservation", ErrorReason::InsufficientStock);
    let error = world.complete(&cart, "tok_visa").await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
    for _ in 0..5 {
        world.sweep().await;
    }
    let order = world.order_of(&cart).await.unwrap();
    assert_eq!(order.state, State::Failed);
    assert_eq!(
        order.payment.events.last().unwrap().kind,
        PaymentEventKind::VoidFailed
    );
    let left = provider.voids.lock().unwrap().len();
    assert_eq!(2 * tries - left, tries + 1);
    is_sound(&order);
}

#[tokio::test]
async fn a_cancellation_whose_void_is_refused_leaves_the_order_as_it_was() {
    let (world, _) = with_voids(
        vec![refused("expired")],
        vec![refused("not captured")],
        None,
        vec![refused("frozen account")],
    )
    .await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    let order = rest(&world, &cart).await;
    let cancel = |key| world.process.engine.cancel(&order.id, asked(key), None);
    assert_eq!(
        cancel("one").await.unwrap_err().reason(),
        ErrorReason::InvalidState
    );
    let order = rest(&world, &cart).await;
    assert_eq!(order.state, State::Placed);
    assert_eq!(order.events, 3, "placed, capture_refused, void_refused");
    is_sound(&order);
    let canceled = cancel("two").await.unwrap();
    assert_eq!(
        canceled.payment.events.last().unwrap().kind,
        PaymentEventKind::Voided
    );
    is_sound(&world.audit(&cart).await.unwrap());
}

#[tokio::test]
async fn what_somebody_captured_at_the_provider_goes_back_when_the_order_is_canceled() {
    let world = scripted(vec![refused("not now")], vec![], None).await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    let order = rest(&world, &cart).await;
    let Process { engine, sandbox, .. } = &world.process;
    let charge = Charge::of(&order);
    let by_hand = sandbox.capture(&charge, "by hand", order.total()).await;
    assert_eq!(by_hand, Ok(Outcome::Done));
    let canceled = engine.cancel(&order.id, asked("c"), None).await.unwrap();
    assert_eq!(canceled.state, State::Canceled);
    assert_eq!(
        canceled.payment.events.last().unwrap().kind,
        PaymentEventKind::Voided
    );
    is_sound(&canceled);
    let payment = sandbox.payment_of(&order.id).await.unwrap();
    assert_eq!(
        (payment.captured, payment.refunded),
        (order.total(), order.total())
    );
}

#[tokio::test]
async fn a_provider_that_stays_away_is_asked_more_and_more_seldom() {
    let away = || Err(Failure::Unavailable("away".into()));
    let captures: Vec<_> = std::iter::repeat_with(away).take(1_000).collect();
    let (world, provider) = with_voids(captures, vec![], None, vec![]).await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_visa").await.unwrap();
    rest(&world, &cart).await;
    // An hour. Each try asks three times.
    for _ in 0..60 {
        world.sweep().await;
    }
    let asked = 1_000 - provider.captures.lock().unwrap().len();
    let tries = usize::try_from(TRIES).unwrap();
    assert!((3 * tries..3 * (tries + 14)).contains(&asked), "{asked}");
    provider.captures.lock().unwrap().clear();
    for _ in 0..6 {
        world.sweep().await;
    }
    assert_eq!(world.audit(&cart).await.unwrap().state, State::Confirmed);
}

#[tokio::test]
async fn a_code_that_is_used_up_is_named_by_its_place_in_the_cart() {
    let mut world = World::new().await;
    let page = DiscountPage {
        limit: 1,
        ..DiscountPage::default()
    };
    let (mut there, _) = world.stores.discounts.discounts(&page).await.unwrap();
    let mut rich = there.remove(0).discount;
    rich.id = world.test.env.ids.new_id("disc_");
    rich.code = "RICH".into();
    rich.minimum_subtotal = Some(1_000_000);
    assert!(world.stores.discounts.insert_discount(&rich).await.unwrap());
    let mut first = world.cart().await;
    first.discount_codes = vec!["RICH".into(), "TEN".into()];
    first.version += 1;
    assert!(world.stores.carts.replace_cart(&first).await.unwrap());
    // Its price is read while a use is left.
    crash::set("orders.complete.reserve.after");
    until_crash(world.complete(&first, "tok_visa")).await;
    let second = world.cart().await;
    world.complete(&second, "tok_visa").await.unwrap();
    rest(&world, &second).await;
    world.restart().await;
    world.sweep().await;
    let order = world.order_of(&first).await.unwrap();
    assert_eq!(order.state, State::Failed);
    assert_eq!(
        (
            order.failing[0].code.as_str(),
            order.failing[0].field.join(".").as_str()
        ),
        ("DISCOUNT_CODE_LIMIT_REACHED", "discount_codes.1"),
        "the order has one code, the cart two"
    );
}

/// Two processes count the holds of one address at once: together they keep the limit, and who only pays is never in its way.
#[tokio::test]
async fn the_limit_of_holds_is_that_of_all_processes_and_of_actions_alone() {
    let mut world = World::new().await;
    let sandbox = world.process.sandbox.clone();
    let start = async |world: &World| {
        let provider = sandbox.clone();
        Process::start_with(&world.test, &world.catalog, &world.stores, 2, |_| provider).await
    };
    let other = start(&world).await;
    world.process = start(&world).await;
    let plain_cart = async || {
        let mut cart = world.cart().await;
        cart.discount_codes.clear();
        cart.lines[0].quantity = 1;
        cart.version += 1;
        assert!(world.stores.carts.replace_cart(&cart).await.unwrap());
        cart
    };
    let mut carts = Vec::new();
    for _ in 0..7 {
        carts.push(plain_cart().await);
    }
    let (ordinary, asking) = carts.split_first().unwrap();
    let calls = asking.iter().enumerate().map(|(n, cart)| {
        let process = if n % 2 == 0 { &world.process } else { &other };
        complete_on(process, cart, "tok_requires_action")
    });
    let mut wanted = 0;
    for answer in futures::future::join_all(calls).await {
        match answer {
            Ok(answer) => {
                assert!(
                    matches!(answer.outcome, Some(Answer::ActionRequired(_))),
                    "{answer:?}"
                );
                wanted += 1;
            }
            Err(error) => assert_eq!(error.reason(), ErrorReason::ReservationLimit),
        }
    }
    assert!(wanted <= 2, "{wanted}");
    let holds = world.stores.orders.awaiting_holds("192.0.2.1").await.unwrap();
    assert_eq!(holds, wanted);
    let reserved = world.catalog.units(&world.variant).reserved;
    assert_eq!(reserved, i32::try_from(wanted).unwrap(), "the others let go");
    // One after the other until the limit is reached for sure.
    for _ in wanted..2 {
        let cart = plain_cart().await;
        let answer = complete_on(&other, &cart, "tok_requires_action").await.unwrap();
        assert!(matches!(answer.outcome, Some(Answer::ActionRequired(_))));
    }
    let answer = complete_on(&other, ordinary, "tok_visa").await.unwrap();
    assert!(matches!(answer.outcome, Some(Answer::Placed(_))), "{answer:?}");
}

on_mongo!(
    a_refused_void_ends_the_order_and_says_so,
    a_code_that_is_used_up_is_named_by_its_place_in_the_cart,
    the_limit_of_holds_is_that_of_all_processes_and_of_actions_alone,
);
