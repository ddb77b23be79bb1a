//! Exactly one order for a key, at most one for a cart, and nothing left of what was refused.

use comptoir_mesh::error::ErrorReason;
use comptoir_proto::{
    catalog::v1::ProductStatus,
    orders::v1::{
        OrderHistoryEntry, OrderState, PaymentStatus, UpdateCartRequest, complete_cart_response::Outcome,
    },
};

use crate::support::{
    ADA, BOB, Setup,
    catalog::Held,
    mongo::on_mongo,
    of,
    orders::{accepted, codes, kept, placed, refused, request},
    outcome,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_answered_and_captured() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 2)]).await;
    let order = setup.place(&cart, "key").await;
    assert_eq!(order.state(), OrderState::Placed);
    assert_eq!(order.payment_status(), PaymentStatus::Authorized);
    assert!(order.number.is_some() && order.access_token.is_some() && order.placed_at.is_some());
    assert_eq!(order.cost, cart.cost, "what was shown is what is charged");
    assert_eq!(order.lines[0].product_title, "Thing for 2000");
    assert_eq!(
        setup.catalog.reservation(&order.id).unwrap().state,
        Held::Sold,
        "sold before it was answered"
    );
    let order = setup.reaches(&order, OrderState::Confirmed).await;
    assert_eq!(order.payment_status(), PaymentStatus::Captured);
    let payments = setup.payments().await;
    assert_eq!(kept(&payments), order.cost.unwrap().total.unwrap().minor_units);
    let states: Vec<_> = order.history.iter().map(OrderHistoryEntry::to_state).collect();
    assert_eq!(
        states,
        [
            OrderState::PendingPayment,
            OrderState::Placed,
            OrderState::Confirmed
        ]
    );
    assert_eq!(setup.read(&cart.id).await.order_id, Some(order.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_with_one_key_make_one_order_and_one_charge() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 500);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let calls = (0..200).map(|_| setup.try_complete(request(&cart, "key", "tok_visa")));
    let mut by_this_call = 0;
    let mut ids = Vec::new();
    for answer in futures::future::join_all(calls).await {
        match answer {
            Ok(Outcome::Placed(order)) => {
                by_this_call += 1;
                ids.push(order.id);
            }
            Ok(Outcome::AlreadyAccepted(order)) => ids.push(order.id),
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert_eq!(error.reason(), ErrorReason::IdempotencyInProgress),
        }
    }
    assert_eq!(by_this_call, 1);
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let order = setup.order(&ids[0]).await;
    setup.reaches(&order, OrderState::Confirmed).await;
    let payments = setup.payments().await;
    assert_eq!(payments.len(), 1);
    assert_eq!(kept(&payments), order.cost.unwrap().total.unwrap().minor_units);
    assert_eq!(setup.catalog.units(&cup).sold, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_keys_on_one_cart_make_one_order() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 500);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let keys: Vec<String> = (0..20).map(|n| format!("key {n}")).collect();
    let calls = keys
        .iter()
        .map(|key| setup.try_complete(request(&cart, key, "tok_visa")));
    let mut orders = 0;
    for answer in futures::future::join_all(calls).await {
        match answer {
            Ok(Outcome::Placed(order)) => {
                orders += 1;
                setup.reaches(&order, OrderState::Confirmed).await;
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert_eq!(error.reason(), ErrorReason::CartAlreadyOrdered),
        }
    }
    assert_eq!(orders, 1);
    assert_eq!(setup.catalog.units(&cup).sold, 1);
    assert_eq!(setup.catalog.units(&cup).reserved, 0);
    assert_eq!(
        setup.payments().await.len(),
        1,
        "the others never came to the provider"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_units_are_sold_once_each() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 10);
    let mut carts = Vec::new();
    for _ in 0..64 {
        carts.push(setup.ready_cart(&[(&cup, 1)]).await);
    }
    let calls = carts.iter().map(|cart| setup.complete(cart, "key", "tok_visa"));
    let mut sold = 0;
    for answer in futures::future::join_all(calls).await {
        match answer {
            Outcome::Placed(_) => sold += 1,
            Outcome::Failed(failure) => assert_eq!(codes(&failure), ["INSUFFICIENT_STOCK"]),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sold, 10);
    let units = setup.catalog.units(&cup);
    assert_eq!((units.sold, units.on_hand, units.reserved), (10, 0, 0));
}

#[tokio::test]
async fn the_same_key_and_input_gives_the_same_order_for_good() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let order = setup.place(&cart, "key").await;
    setup.reaches(&order, OrderState::Confirmed).await;
    let again = accepted(setup.complete(&cart, "key", "tok_visa").await);
    assert_eq!((again.id, again.access_token), (order.id, order.access_token));
    assert_eq!(setup.payments().await.len(), 1);
}

#[tokio::test]
async fn a_key_with_another_input_is_refused_whenever_it_comes() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    setup.place(&cart, "key").await;
    let mut other_total = request(&cart, "key", "tok_visa");
    other_total.expected_total = Some("1.00".to_owned());
    for other in [request(&cart, "key", "tok_declined"), other_total] {
        let error = setup.try_complete(other).await.unwrap_err();
        assert_eq!(error.reason(), ErrorReason::IdempotencyKeyReused);
    }
}

#[tokio::test]
async fn a_customers_key_is_the_customers_over_all_carts_and_nobody_elses() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let first = setup.as_customer(ADA, setup.ready_cart(&[(&cup, 1)])).await;
    let placed_by_ada = setup.as_customer(ADA, setup.place(&first, "key")).await;
    assert_eq!(placed_by_ada.customer_id.as_deref(), Some(ADA));
    let second = setup.as_customer(ADA, setup.ready_cart(&[(&cup, 1)])).await;
    let error = setup
        .as_customer(ADA, setup.try_complete(request(&second, "key", "tok_visa")))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), ErrorReason::IdempotencyKeyReused);
    let bobs = setup.as_customer(BOB, setup.ready_cart(&[(&cup, 1)])).await;
    let placed_by_bob = setup.as_customer(BOB, setup.place(&bobs, "key")).await;
    assert_ne!(placed_by_ada.id, placed_by_bob.id);
    let error = setup
        .as_customer(BOB, setup.try_complete(request(&first, "key", "tok_visa")))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), ErrorReason::NotFound, "another's cart");
}

#[tokio::test]
async fn signing_in_between_two_tries_changes_nothing() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let failure = refused(setup.complete(&cart, "key", "tok_declined").await);
    assert!(!failure.replayed);
    let attach = comptoir_proto::orders::v1::AttachCartRequest {
        cart_id: cart.id.clone(),
    };
    let mut carts = setup.carts.clone();
    outcome(setup.as_customer(ADA, carts.attach_cart(attach)).await).unwrap();
    let again = refused(
        setup
            .as_customer(ADA, setup.complete(&cart, "key", "tok_declined"))
            .await,
    );
    assert!(again.replayed);
    assert_eq!(codes(&again), ["PAYMENT_DECLINED"]);
    setup.as_customer(ADA, setup.place(&cart, "another key")).await;
}

#[tokio::test]
async fn a_refusal_is_the_keys_answer_for_good_and_the_cart_is_free_for_another() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let failure = refused(setup.complete(&cart, "one", "tok_declined").await);
    assert_eq!(codes(&failure), ["PAYMENT_DECLINED"]);
    assert_eq!(failure.cart.as_ref().unwrap().order_id, None, "as it stands now");
    let units = setup.catalog.units(&cup);
    assert_eq!((units.on_hand, units.reserved, units.sold), (5, 0, 0));
    let again = refused(setup.complete(&cart, "one", "tok_declined").await);
    assert!(again.replayed);
    assert_eq!(again.refusals, failure.refusals);
    let order = placed(setup.complete(&cart, "two", "tok_visa").await);
    assert!(
        refused(setup.complete(&cart, "one", "tok_declined").await).replayed,
        "also after"
    );
    setup.reaches(&order, OrderState::Confirmed).await;
}

#[tokio::test]
async fn what_an_order_needs_is_named_and_nothing_is_held() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.cart(&[(&cup, 1)]).await;
    let failure = refused(setup.complete(&cart, "key", "tok_visa").await);
    let fields: Vec<_> = failure
        .refusals
        .iter()
        .map(|refusal| refusal.field.join("."))
        .collect();
    assert_eq!(fields, ["email", "delivery_address", "delivery_option_id"]);
    assert!(
        failure
            .refusals
            .iter()
            .all(|refusal| refusal.code == "VALIDATION_FAILED")
    );
    let changed = setup
        .update(UpdateCartRequest {
            email: Some("eve@example.org".to_owned()),
            ..of(&cart)
        })
        .await;
    assert!(changed.is_ok(), "the cart is not claimed");
    assert_eq!(setup.catalog.calls("ReserveStock"), 0);
    assert!(setup.payments().await.is_empty());
    let empty = setup.ready_cart(&[]).await;
    assert_eq!(
        refused(setup.complete(&empty, "key", "tok_visa").await).refusals[0].field,
        ["lines"]
    );
}

#[tokio::test]
async fn another_total_than_expected_is_told_before_anything_is_done() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let total = cart.cost.as_ref().unwrap().total.as_ref().unwrap().minor_units;
    let decimal = comptoir_shop::money::format_decimal(total, 2);
    setup.catalog.set_price(&cup, 2_100);
    let mut asked = request(&cart, "key", "tok_visa");
    asked.expected_total = Some(decimal);
    let failure = refused(setup.try_complete(asked.clone()).await.unwrap());
    assert_eq!(codes(&failure), ["PRICE_CHANGED"]);
    let now = failure.cart.unwrap().cost.unwrap().total.unwrap().minor_units;
    assert_eq!(now, total + 100);
    asked.request_id = "next".to_owned();
    asked.expected_total = Some(comptoir_shop::money::format_decimal(now, 2));
    let order = placed(setup.try_complete(asked).await.unwrap());
    setup.catalog.set_price(&cup, 9_900);
    let order = setup.reaches(&order, OrderState::Confirmed).await;
    assert_eq!(
        order.cost.unwrap().total.unwrap().minor_units,
        now,
        "what stands in the order is what is charged"
    );
}

#[tokio::test]
async fn what_is_not_for_sale_any_more_is_refused() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    setup.catalog.change(&cup, |variant| {
        variant.product_status = ProductStatus::Draft.into();
    });
    let failure = refused(setup.complete(&cart, "key", "tok_visa").await);
    assert_eq!(codes(&failure), ["PRODUCT_UNAVAILABLE"]);
    assert_eq!(failure.refusals[0].field, ["lines", "0", "variant_id"]);
}

#[tokio::test]
async fn too_few_units_leave_nothing_behind() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let pot = setup.catalog.add(3_000, 0);
    let cart = setup.ready_cart(&[(&cup, 1), (&pot, 1)]).await;
    let failure = refused(setup.complete(&cart, "key", "tok_visa").await);
    assert_eq!(codes(&failure), ["INSUFFICIENT_STOCK"]);
    assert_eq!(setup.catalog.units(&cup).reserved, 0);
    assert!(setup.payments().await.is_empty(), "the provider was never asked");
    let mut orders = setup.orders();
    let list = comptoir_proto::orders::v1::ListOrdersRequest {
        all: true,
        ..Default::default()
    };
    let listed = setup
        .as_staff(orders.list_orders(list))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        listed.total_count, 0,
        "an order that never was placed is in no list"
    );
}

#[tokio::test]
async fn what_is_no_request_is_refused_before_anything() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let good = request(&cart, "key", "tok_visa");
    let cases = [
        (
            comptoir_proto::orders::v1::CompleteCartRequest {
                request_id: String::new(),
                ..good.clone()
            },
            ErrorReason::IdempotencyKeyRequired,
        ),
        (
            comptoir_proto::orders::v1::CompleteCartRequest {
                request_id: "é".to_owned(),
                ..good.clone()
            },
            ErrorReason::IdempotencyKeyInvalid,
        ),
        (
            comptoir_proto::orders::v1::CompleteCartRequest {
                provider: "cash".to_owned(),
                ..good.clone()
            },
            ErrorReason::ValidationFailed,
        ),
        (
            comptoir_proto::orders::v1::CompleteCartRequest {
                token: String::new(),
                ..good.clone()
            },
            ErrorReason::ValidationFailed,
        ),
        (
            comptoir_proto::orders::v1::CompleteCartRequest {
                expected_total: Some("x".to_owned()),
                ..good.clone()
            },
            ErrorReason::ValidationFailed,
        ),
        (
            comptoir_proto::orders::v1::CompleteCartRequest {
                cart_id: "cart_1".to_owned(),
                ..good.clone()
            },
            ErrorReason::NotFound,
        ),
    ];
    for (request, reason) in cases {
        assert_eq!(setup.try_complete(request).await.unwrap_err().reason(), reason);
    }
    placed(setup.try_complete(good).await.unwrap());
}

#[tokio::test]
async fn a_catalogue_that_is_down_is_said_so_and_the_same_key_goes_on_after() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    setup.catalog.set_down(true);
    let error = setup
        .try_complete(request(&cart, "key", "tok_visa"))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
    assert!(error.retry_after().is_some());
    setup.catalog.set_down(false);
    setup.place(&cart, "key").await;
}

#[tokio::test]
async fn units_that_went_while_the_bank_was_asked_cost_nobody_anything() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    setup
        .catalog
        .refuse("ConfirmReservation", ErrorReason::InsufficientStock);
    let failure = refused(setup.complete(&cart, "key", "tok_visa").await);
    assert_eq!(codes(&failure), ["INSUFFICIENT_STOCK"]);
    let payments = setup.payments().await;
    assert_eq!(payments[0].status, "canceled", "the authorisation was let go");
    assert_eq!(kept(&payments), 0);
    assert_eq!(setup.catalog.units(&cup).reserved, 0);
}

on_mongo!(
    an_order_is_placed_answered_and_captured,
    two_hundred_calls_with_one_key_make_one_order_and_one_charge,
    twenty_keys_on_one_cart_make_one_order,
    the_last_units_are_sold_once_each,
    the_same_key_and_input_gives_the_same_order_for_good,
    a_key_with_another_input_is_refused_whenever_it_comes,
    a_customers_key_is_the_customers_over_all_carts_and_nobody_elses,
    signing_in_between_two_tries_changes_nothing,
    a_refusal_is_the_keys_answer_for_good_and_the_cart_is_free_for_another,
    what_an_order_needs_is_named_and_nothing_is_held,
    another_total_than_expected_is_told_before_anything_is_done,
    what_is_not_for_sale_any_more_is_refused,
    too_few_units_leave_nothing_behind,
    what_is_no_request_is_refused_before_anything,
    a_catalogue_that_is_down_is_said_so_and_the_same_key_goes_on_after,
    units_that_went_while_the_bank_was_asked_cost_nobody_anything,
);
