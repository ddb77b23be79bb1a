//! Crashes at every named point, then a restart: the sweeper alone has to bring every order to an end at which money, units
//! and discounts agree with what it says.

use std::{sync::Arc, time::Duration};

use comptoir_mesh::{
    Caller, Error,
    env::Server,
    identity::Peer,
    testing::{PATIENCE, TestEnv},
};
use comptoir_proto::{
    catalog::v1::inventory_service_client::InventoryServiceClient,
    orders::v1::{CompleteCartRequest, CompleteCartResponse},
};

use crate::{
    FAIL_POINTS,
    accounts::Accounts,
    carts::Carts,
    domain::{
        address::Address,
        cart::{Cart, Line, Seen},
        discount::{Discount, Kind},
        edit::Limits,
        order::{IntentState, Order, State},
    },
    engine::{
        Engine, EnginePeers, EngineStores, checkout::Checkout, refund::RefundRequest, requests::Requester,
    },
    fail_points::crash,
    payment::{PaymentProvider, Providers, Sandbox, sandbox::Status},
    quote::Pricer,
    store::{self, Stores},
    testing::catalog::{FakeCatalog, Held},
    testing::mongo::{self, on_mongo},
};

const UNITS: i32 = 10;
const PRICE: i64 = 2_000;

/// A shop and one process of the service.
pub(crate) struct World {
    pub(crate) test: TestEnv,
    pub(crate) catalog: FakeCatalog,
    pub(crate) stores: Stores,
    pub(crate) variant: String,
    discount: String,
    pub(crate) process: Process,
}

/// What a process has in memory.
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) checkout: Checkout,
    pub(crate) sandbox: Arc<Sandbox>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let test = TestEnv::new();
        let catalog = FakeCatalog::new(&test.env);
        let variant = catalog.add(PRICE, UNITS);
        let setting = mongo::store();
        let location = test.env.store("orders", setting.as_deref(), Server::Mongo);
        let stores = store::open(&location.unwrap()).await.unwrap();
        let now = test.env.clock.now();
        let discount = Discount {
            id: test.env.ids.new_id("disc_"),
            version: 1,
            code: "TEN".into(),
            kind: Kind::Fixed(100),
            currency: "EUR".into(),
            starts_at: None,
            ends_at: None,
            usage_limit: Some(1),
            usage_limit_per_customer: None,
            minimum_subtotal: None,
            created_at: now,
            updated_at: now,
        };
        assert!(stores.discounts.insert_discount(&discount).await.unwrap());
        let process = Process::start(&test, &catalog, &stores).await;
        Self {
            test,
            catalog,
            stores,
            variant,
            discount: discount.id,
            process,
        }
    }

    /// A new process on the same files.
    pub(crate) async fn restart(&mut self) {
        self.process = Process::start(&self.test, &self.catalog, &self.stores).await;
    }

    pub(crate) async fn cart(&self) -> Cart {
        let now = self.test.env.clock.now();
        let address = Address {
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            company: None,
            line1: "12 rue de la Paix".into(),
            line2: None,
            city: "Paris".into(),
            region: None,
            postal_code: "75002".into(),
            country_code: "FR".into(),
            phone: None,
        };
        let cart = Cart {
            id: self.test.env.ids.new_id("cart_"),
            version: 1,
            customer_id: None,
            locale: "fr".into(),
            currency: "EUR".into(),
            lines: vec![Line {
                id: self.test.env.ids.new_id("line_"),
                variant_id: self.variant.clone(),
                quantity: 2,
                seen: Seen::default(),
            }],
            email: Some("ada@example.org".into()),
            phone: None,
            delivery_address: Some(address),
            billing_address: None,
            delivery_option_id: Some("standard".into()),
            discount_codes: vec!["TEN".into()],
            claim: None,
            order_id: None,
            used_keys: Vec::new(),
            merged_into: None,
            merged_from: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        self.stores.carts.insert_cart(&cart).await.unwrap();
        cart
    }

    /// Sweeps as a process does, over a minute.
    pub(crate) async fn sweep(&self) {
        for _ in 0..12 {
            self.test.clock.advance(Duration::from_secs(5));
            self.process.engine.sweep().await.unwrap();
        }
    }

    pub(crate) async fn order_of(&self, cart: &Cart) -> Option<Order> {
        let id = self.process.engine.keys.order_id(&cart.id, "key");
        self.stores.orders.order(&id).await.unwrap()
    }

    /// Money, units and discount uses agree with what the order says.
    pub(crate) async fn audit(&self, cart: &Cart) -> Option<Order> {
        let order = self.order_of(cart).await;
        let units = self.catalog.units(&self.variant);
        let used = self
            .stores
            .discounts
            .discount(&self.discount)
            .await
            .unwrap()
            .unwrap()
            .times_used;
        let cart = self.stores.carts.cart(&cart.id).await.unwrap().unwrap();
        assert_eq!(units.reserved, 0, "nothing is held");
        assert_eq!(units.on_hand + units.sold, UNITS, "no unit is lost");
        let Some(order) = order else {
            assert_eq!(
                (units.sold, used),
                (0, 0),
                "nothing was done for an order that never was"
            );
            assert!(cart.is_open());
            return None;
        };
        assert!(
            order.work().is_none() && order.lease.is_none() && order.due_at().is_none(),
            "{order:?}"
        );
        let payment = self.process.sandbox.payment_of(&order.id).await;
        let (captured, refunded) = payment
            .as_ref()
            .map_or((0, 0), |payment| (payment.captured, payment.refunded));
        assert_eq!(
            order.payment.captured(),
            captured,
            "both sides say the same was captured"
        );
        assert_eq!(
            order.payment.refunded(),
            refunded,
            "both sides say the same was refunded"
        );
        match order.state {
            State::Confirmed => {
                assert_eq!(captured, order.total());
                assert_eq!(units.sold, if order.restocked { 0 } else { 2 });
                assert_eq!(used, 1);
                assert_eq!(cart.order_id.as_ref(), Some(&order.id));
                assert!(order.number.is_some());
            }
            State::Failed | State::Canceled => {
                assert_eq!(
                    (units.sold, used, captured - refunded),
                    (0, 0, 0),
                    "nothing is kept"
                );
                let held = payment.is_some_and(|payment| {
                    matches!(payment.status, Status::Authorized | Status::RequiresAction)
                });
                assert!(!held, "nothing is set aside");
                assert_eq!(cart.is_open(), !order.was_placed());
            }
            state => panic!("{state:?} is no end"),
        }
        // History: no skip, no repeat.
        for pair in order.history.windows(2) {
            assert_eq!(pair[1].from, Some(pair[0].to));
            assert!(pair[0].to.check(pair[1].to).is_ok());
        }
        // Events: one for each change, without a gap.
        let events = self.stores.orders.pending_events(100).await.unwrap();
        let sequence: Vec<u64> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(sequence, (1..=order.events).collect::<Vec<_>>());
        Some(order)
    }

    pub(crate) async fn complete(&self, cart: &Cart, token: &str) -> Result<CompleteCartResponse, Error> {
        complete_on(&self.process, cart, token).await
    }
}

/// Completes the cart by this process.
pub(crate) async fn complete_on(
    process: &Process,
    cart: &Cart,
    token: &str,
) -> Result<CompleteCartResponse, Error> {
    let request = CompleteCartRequest {
        cart_id: cart.id.clone(),
        provider: "sandbox".into(),
        token: token.into(),
        request_id: "key".into(),
        client_address: Some("192.0.2.1".into()),
        ..CompleteCartRequest::default()
    };
    let caller = Caller {
        peer: Peer::Service("gateway"),
        user: None,
    };
    process.checkout.complete(&caller, request).await
}

impl Process {
    pub(crate) async fn start(test: &TestEnv, catalog: &FakeCatalog, stores: &Stores) -> Self {
        Self::start_with(test, catalog, stores, 20, |sandbox| {
            sandbox as Arc<dyn PaymentProvider>
        })
        .await
    }

    /// A process whose limit of holds and provider the test decides.
    pub(crate) async fn start_with(
        test: &TestEnv,
        catalog: &FakeCatalog,
        stores: &Stores,
        holds_per_address: u64,
        provider: impl FnOnce(Arc<Sandbox>) -> Arc<dyn PaymentProvider>,
    ) -> Self {
        let channel = catalog.slot().channel("orders");
        let env = test.env.clone();
        let pricer = Pricer::new(channel.clone(), stores.discounts.clone(), env.clone());
        let limits = Limits {
            lines: 100,
            quantity: 999,
        };
        // Guests have no account to ask for.
        let accounts = Accounts::new(comptoir_mesh::channel::in_process().channel("orders"));
        let carts = Carts::new(
            stores.carts.clone(),
            pricer.clone(),
            accounts,
            env.clone(),
            limits,
        );
        let sandbox = Sandbox::open(&env).unwrap();
        let stores = EngineStores {
            orders: stores.orders.clone(),
            carts: stores.carts.clone(),
            discounts: stores.discounts.clone(),
        };
        let peers = EnginePeers {
            pricer,
            inventory: InventoryServiceClient::new(channel),
            providers: Providers::default().with("sandbox", provider(sandbox.clone())),
        };
        let engine = Engine::new(stores, peers, holds_per_address, env).await.unwrap();
        let checkout = Checkout::new(engine.clone(), carts);
        Self {
            engine,
            checkout,
            sandbox,
        }
    }
}

/// Runs a call until it ends or its process has crashed.
pub(crate) async fn until_crash<T>(call: impl Future<Output = T>) {
    tokio::select! {
        _ = call => {}
        () = async {
            while !crash::happened() {
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        } => {}
    }
}

/// Lets what goes on behind an answer come to rest.
pub(crate) async fn rest(world: &World, cart: &Cart) -> Order {
    let begun = std::time::Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(order) = world.order_of(cart).await
            && order.lease.is_none()
            && world.process.engine.running(&order.id).is_none()
        {
            return order;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the order does not come to rest");
}

pub(crate) fn asked(key: &str) -> Requester {
    Requester {
        caller: "user_staff".into(),
        key: key.into(),
        actor: "user_staff".into(),
    }
}

/// How a scenario ends where nothing crashes; a crash early on may also leave no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    Placed,
    /// The cart changes between the reading of its price and the claim.
    Changed,
    Approved,
    /// The buyer never acts, and the hold ends.
    Abandoned,
    Declined,
    CaptureFails,
    CanceledPaid,
    CanceledPending,
    Refunded,
}

impl Scenario {
    fn of(point: &str) -> Self {
        let step = point
            .trim_start_matches("orders.")
            .rsplit_once('.')
            .map_or("", |(step, _)| step);
        match step {
            "complete.reprice" => Self::Changed,
            "complete.await" | "complete.lookup" | "lease.take" => Self::Approved,
            "lease.renew" => Self::Abandoned,
            "lease.rest" => Self::CaptureFails,
            "cancel.void" | "cancel.claim" => Self::CanceledPending,
            step if step.starts_with("undo.") => Self::Declined,
            step if step.starts_with("cancel.") => Self::CanceledPaid,
            step if step.starts_with("refund.") => Self::Refunded,
            _ => Self::Placed,
        }
    }

    async fn play(self, world: &World, cart: &Cart) {
        let engine = &world.process.engine;
        match self {
            Self::Placed => {
                let _ = world.complete(cart, "tok_visa").await;
                rest(world, cart).await;
            }
            Self::Changed => {
                // As the checkout found the cart, it is one version older.
                let mut changed = cart.clone();
                changed.version += 1;
                changed.locale = "en".into();
                let stale = world.process.checkout.begin_as_found(cart.clone(), "key");
                assert!(world.stores.carts.replace_cart(&changed).await.unwrap());
                let _ = stale.await;
                rest(world, cart).await;
            }
            Self::CaptureFails => {
                let _ = world.complete(cart, "tok_capture_fails").await;
                rest(world, cart).await;
            }
            Self::Declined => {
                let _ = world.complete(cart, "tok_declined").await;
            }
            Self::Approved | Self::Abandoned | Self::CanceledPending => {
                let _ = world.complete(cart, "tok_requires_action").await;
                let order = rest(world, cart).await;
                if self == Self::CanceledPending {
                    let _ = engine.cancel(&order.id, asked("c"), None).await;
                } else if self == Self::Approved {
                    let payment_id = order.payment.payment_id.clone().unwrap();
                    world.process.sandbox.resolve(&payment_id, true).await.unwrap();
                    let _ = engine.advance(&order.id).await;
                }
            }
            Self::CanceledPaid => {
                let _ = world.complete(cart, "tok_visa").await;
                let order = rest(world, cart).await;
                let _ = engine
                    .cancel(&order.id, asked("c"), Some("changed my mind".into()))
                    .await;
            }
            Self::Refunded => {
                let _ = world.complete(cart, "tok_visa").await;
                let order = rest(world, cart).await;
                let wanted = RefundRequest {
                    amount: Some(500),
                    reason: "late".into(),
                    restock: true,
                };
                let _ = engine.refund(&order.id, asked("r"), wanted).await;
            }
        }
    }

    fn check(self, order: Option<&Order>, point: &str) {
        let Some(order) = order else {
            assert_eq!(point, "orders.complete.create.before", "an order is lost");
            return;
        };
        let expected = match self {
            Self::Placed | Self::Changed | Self::CaptureFails | Self::Refunded => State::Confirmed,
            Self::Declined | Self::Abandoned => State::Failed,
            // A crash before the buyer was sent to the bank, so the payment is not approved.
            Self::Approved if order.state == State::Failed => State::Failed,
            Self::Approved => State::Confirmed,
            // A crash before the intent is a cancellation that never was.
            Self::CanceledPaid if point == "orders.cancel.intent.before" => State::Confirmed,
            Self::CanceledPaid | Self::CanceledPending => State::Canceled,
        };
        assert_eq!(order.state, expected, "{point}");
        if self == Self::Refunded && point != "orders.refund.intent.before" {
            assert_eq!(order.payment.refunded(), 500, "{point}");
            assert!(
                order.restocked
                    && order
                        .payment
                        .refunds
                        .iter()
                        .all(|refund| refund.state == IntentState::Done)
            );
        }
        if self == Self::Changed {
            assert_eq!(order.contents.as_ref().unwrap().locale, "en");
        }
    }
}

async fn crash_at(point: &'static str) {
    let mut world = World::new().await;
    let cart = world.cart().await;
    let scenario = Scenario::of(point);
    crash::set(point);
    until_crash(scenario.play(&world, &cart)).await;
    if scenario == Scenario::Abandoned || !crash::happened() {
        // Only time makes these points pass.
        for _ in 0..200 {
            if crash::happened() {
                break;
            }
            world.test.clock.advance(Duration::from_secs(5));
            until_crash(world.process.engine.sweep()).await;
        }
    }
    assert!(crash::clear(), "{point} is never passed");
    world.restart().await;
    world.sweep().await;
    if world
        .order_of(&cart)
        .await
        .is_some_and(|order| order.state == State::PendingPayment)
    {
        // What awaits the bank ends with its hold.
        world.test.clock.advance(crate::testing::catalog::HOLD);
        world.sweep().await;
    }
    let order = world.audit(&cart).await;
    scenario.check(order.as_ref(), point);
}

macro_rules! crash_tests {
    ($($name:ident: $prefix:literal;)*) => {
        $(#[tokio::test]
        async fn $name() {
            let mut passed = 0;
            for point in FAIL_POINTS.iter().filter(|point| point.starts_with(concat!("orders.", $prefix, "."))) {
                if *point == "orders.lease.renew.before" || *point == "orders.lease.renew.after" {
                    continue;
                }
                crash_at(point).await;
                passed += 1;
            }
            assert!(passed > 0);
        })*
    };
}

crash_tests! {
    crashes_while_an_order_is_placed: "complete";
    crashes_while_a_refused_order_is_undone: "undo";
    crashes_while_an_order_is_canceled: "cancel";
    crashes_while_money_goes_back: "refund";
    crashes_while_the_right_to_drive_changes_hands: "lease";
}

#[tokio::test]
async fn every_scenario_ends_well_without_a_crash() {
    for scenario in [
        Scenario::Placed,
        Scenario::Changed,
        Scenario::Approved,
        Scenario::Declined,
        Scenario::CaptureFails,
        Scenario::CanceledPaid,
        Scenario::CanceledPending,
        Scenario::Refunded,
    ] {
        let world = World::new().await;
        let cart = world.cart().await;
        scenario.play(&world, &cart).await;
        world.sweep().await;
        let order = world.audit(&cart).await;
        scenario.check(order.as_ref(), "none");
    }
}

#[tokio::test]
async fn a_hold_that_ends_gives_the_payment_up_first() {
    let world = World::new().await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_requires_action").await.unwrap();
    let order = rest(&world, &cart).await;
    assert_eq!(
        order.hold_expires_at,
        Some(world.test.env.clock.now() + crate::testing::catalog::HOLD)
    );
    world.test.clock.advance(crate::testing::catalog::HOLD);
    world.sweep().await;
    let order = world.audit(&cart).await.unwrap();
    assert_eq!(order.failing[0].code, "PAYMENT_FAILED");
    assert_eq!(
        world.process.sandbox.payment_of(&order.id).await.unwrap().status,
        Status::Canceled
    );
    assert_eq!(
        world.catalog.reservation(&order.id).unwrap().state,
        Held::Released
    );
}

#[tokio::test]
async fn an_action_finished_in_the_last_moment_is_an_order_though_its_hold_ended() {
    let world = World::new().await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_requires_action").await.unwrap();
    let order = rest(&world, &cart).await;
    let payment_id = order.payment.payment_id.clone().unwrap();
    world.process.sandbox.resolve(&payment_id, true).await.unwrap();
    world.test.clock.advance(crate::testing::catalog::HOLD);
    world.sweep().await;
    assert_eq!(world.audit(&cart).await.unwrap().state, State::Confirmed);
}

#[tokio::test]
async fn an_order_waits_for_a_catalogue_that_is_down_and_goes_on_after() {
    let world = World::new().await;
    let cart = world.cart().await;
    world.complete(&cart, "tok_requires_action").await.unwrap();
    let order = rest(&world, &cart).await;
    world
        .process
        .sandbox
        .resolve(order.payment.payment_id.as_ref().unwrap(), true)
        .await
        .unwrap();
    world.catalog.set_down(true);
    let error = world.complete(&cart, "tok_requires_action").await.unwrap_err();
    assert_eq!(error.reason(), comptoir_mesh::ErrorReason::DependencyUnavailable);
    world.sweep().await;
    world.catalog.set_down(false);
    world.sweep().await;
    assert_eq!(world.audit(&cart).await.unwrap().state, State::Confirmed);
}

on_mongo!(
    crashes_while_an_order_is_placed,
    crashes_while_a_refused_order_is_undone,
    crashes_while_an_order_is_canceled,
    crashes_while_money_goes_back,
    crashes_while_the_right_to_drive_changes_hands,
    every_scenario_ends_well_without_a_crash,
    a_hold_that_ends_gives_the_payment_up_first,
    an_action_finished_in_the_last_moment_is_an_order_though_its_hold_ended,
    an_order_waits_for_a_catalogue_that_is_down_and_goes_on_after,
);
