//! What becomes of an order after it was placed: cancelled, shipped, delivered, refunded, read, listed, watched and summed up.

use std::time::Duration;

use comptoir_mesh::error::ErrorReason;
use comptoir_proto::{
    orders::v1::{
        CancelOrderRequest, CreateDiscountRequest, DiscountCodes, DiscountInput, DiscountKind,
        FulfillOrderRequest, FulfilledLine, FulfillmentStatus, GetOrderRequest, GetSalesRequest,
        ListOrdersRequest, Order, OrderFilter, OrderState, PaymentStatus, RefundOrderRequest,
        UpdateCartRequest, WatchOrderRequest, get_order_request, watch_order_request,
    },
    types::Money,
};

use crate::support::{
    ADA, BOB, Setup,
    catalog::Held,
    mongo::on_mongo,
    of,
    orders::{action, kept, refused},
    outcome,
};

fn units(money: &Option<Money>) -> i64 {
    money.as_ref().map_or(0, |money| money.minor_units)
}

fn total(order: &Order) -> i64 {
    units(&order.cost.as_ref().unwrap().total)
}

fn parcel(order: &Order, key: &str, lines: &[(usize, i32)]) -> FulfillOrderRequest {
    FulfillOrderRequest {
        order_id: order.id.clone(),
        lines: lines
            .iter()
            .map(|(at, quantity)| FulfilledLine {
                order_line_id: order.lines[*at].id.clone(),
                quantity: *quantity,
            })
            .collect(),
        tracking_number: Some("TRACK1".to_owned()),
        carrier: Some("La Poste".to_owned()),
        request_id: key.to_owned(),
    }
}

#[tokio::test]
async fn a_cancelled_order_gives_everything_back() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let order = setup.paid(&[(&cup, 2)]).await;
    let canceled = setup.cancel(&order, "c").await.unwrap();
    assert_eq!(canceled.state(), OrderState::Canceled);
    assert_eq!(canceled.payment_status(), PaymentStatus::Refunded);
    assert_eq!(canceled.fulfillment_status(), FulfillmentStatus::Canceled);
    assert_eq!(
        canceled.history.last().unwrap().reason.as_deref(),
        Some("changed my mind")
    );
    assert_eq!(canceled.history.last().unwrap().actor, "buyer");
    assert_eq!(kept(&setup.payments().await), 0);
    assert_eq!(setup.catalog.units(&cup).on_hand, 5);
    assert_eq!(
        setup.catalog.reservation(&order.id).unwrap().state,
        Held::Released
    );
    let again = setup.cancel(&order, "c").await.unwrap();
    assert_eq!(again.version, canceled.version, "the same key does nothing again");
    let error = setup.cancel(&order, "another").await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::InvalidState);
}

#[tokio::test]
async fn an_order_that_cost_nothing_is_cancelled_like_any_other() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let gift = DiscountInput {
        code: "GIFT".to_owned(),
        kind: DiscountKind::Percent.into(),
        value: "100".to_owned(),
        ..DiscountInput::default()
    };
    let mut discounts = setup.discounts.clone();
    let created = discounts.create_discount(CreateDiscountRequest { discount: Some(gift) });
    outcome(setup.as_staff(created).await).unwrap();
    let cart = setup.ready_cart(&[(&cup, 2)]).await;
    let codes = vec!["GIFT".to_owned()];
    let free = UpdateCartRequest {
        delivery_option_id: Some("pickup".to_owned()),
        discount_codes: Some(DiscountCodes { codes }),
        ..of(&cart)
    };
    let cart = setup.update(free).await.unwrap();
    let order = setup.place(&cart, "key").await;
    assert_eq!(total(&order), 0);
    setup.reaches(&order, OrderState::Confirmed).await;
    let canceled = setup.cancel(&order, "c").await.unwrap();
    assert_eq!(canceled.state(), OrderState::Canceled);
    assert_eq!(
        canceled.payment_status(),
        PaymentStatus::Canceled,
        "nothing is kept"
    );
    assert_eq!(setup.catalog.units(&cup).on_hand, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_while_the_capture_runs_ends_in_one_of_two_ways_and_money_agrees() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 50);
    for _ in 0..10 {
        let cart = setup.ready_cart(&[(&cup, 1)]).await;
        let order = setup.place(&cart, "key").await;
        let calls = (0..5).map(|_| setup.cancel(&order, "c"));
        for answer in futures::future::join_all(calls).await {
            match answer {
                Ok(order) => assert_eq!(order.state(), OrderState::Canceled),
                Err(error) => assert_eq!(error.reason(), ErrorReason::IdempotencyInProgress),
            }
        }
        setup.reaches(&order, OrderState::Canceled).await;
    }
    assert_eq!(kept(&setup.payments().await), 0);
    assert_eq!(setup.catalog.units(&cup).on_hand, 50);
}

#[tokio::test]
async fn an_order_that_awaits_the_bank_can_be_cancelled_and_never_paid() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let wanted = action(setup.complete(&cart, "key", "tok_requires_action").await);
    let canceled = setup.cancel(wanted.order.as_ref().unwrap(), "c").await.unwrap();
    assert_eq!(canceled.state(), OrderState::Canceled);
    assert_eq!(setup.catalog.units(&cup).reserved, 0);
    let error = setup.resolve(&wanted.payment_id, true).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::InvalidState);
    let failure = refused(setup.complete(&cart, "key", "tok_requires_action").await);
    assert_eq!(failure.refusals[0].code, "INVALID_STATE");
    setup.place(&cart, "another key").await;
}

#[tokio::test]
async fn only_those_who_may_cancel() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let order = setup.paid(&[(&cup, 1)]).await;
    let without = Order {
        access_token: None,
        ..order.clone()
    };
    assert_eq!(
        setup.cancel(&without, "c").await.unwrap_err().reason(),
        ErrorReason::NotFound
    );
    let error = setup
        .as_customer(BOB, setup.cancel(&without, "c"))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), ErrorReason::NotFound);
    let mut forged = order.clone();
    forged.access_token = order.access_token.as_ref().map(|token| format!("{token}A"));
    assert_eq!(
        setup.cancel(&forged, "c").await.unwrap_err().reason(),
        ErrorReason::NotFound
    );
    let by_staff = setup.as_staff(setup.cancel(&without, "c")).await.unwrap();
    assert_ne!(by_staff.history.last().unwrap().actor, "buyer");
    let missing = CancelOrderRequest {
        order_id: order.id,
        ..CancelOrderRequest::default()
    };
    let error = outcome(setup.orders().cancel_order(missing).await).unwrap_err();
    assert_eq!(error.reason(), ErrorReason::IdempotencyKeyRequired);
}

#[tokio::test]
async fn parts_go_back_until_nothing_is_left() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let order = setup.paid(&[(&cup, 1)]).await;
    let refunded = setup.refund(&order, Some("5.00"), "r1").await.unwrap();
    assert_eq!(refunded.payment_status(), PaymentStatus::PartiallyRefunded);
    assert_eq!(
        refunded.state(),
        OrderState::Confirmed,
        "a refund changes no state"
    );
    let again = setup.refund(&order, Some("5.00"), "r1").await.unwrap();
    assert_eq!(again.version, refunded.version);
    let error = setup.refund(&order, Some("5.01"), "r1").await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::IdempotencyKeyReused);
    let error = setup.refund(&order, Some("9999.00"), "r2").await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::RefundExceedsCapture);
    let again = setup.refund(&order, Some("9999.00"), "r2").await.unwrap_err();
    assert_eq!(again.reason(), ErrorReason::RefundExceedsCapture);
    let all = setup.refund(&order, None, "r3").await.unwrap();
    assert_eq!(all.payment_status(), PaymentStatus::Refunded);
    let error = setup.refund(&order, None, "r4").await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::RefundExceedsCapture);
    assert_eq!(kept(&setup.payments().await), 0);
    assert_eq!(setup.catalog.units(&cup).sold, 1, "the units stay sold");
    for bad in ["0", "-1", "x", "1.001"] {
        let error = setup.refund(&order, Some(bad), "bad").await.unwrap_err();
        assert_eq!(error.reason(), ErrorReason::ValidationFailed, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_refunds_never_exceed_what_was_captured() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(10_000, 5);
    let order = setup.paid(&[(&cup, 1)]).await;
    let half = comptoir_shop::money::format_decimal(total(&order) * 2 / 5, 2);
    let keys: Vec<String> = (0..10).map(|n| format!("r{n}")).collect();
    let calls = keys.iter().map(|key| setup.refund(&order, Some(&half), key));
    let mut done = 0;
    for answer in futures::future::join_all(calls).await {
        match answer {
            Ok(_) => done += 1,
            Err(error) => assert_eq!(error.reason(), ErrorReason::RefundExceedsCapture),
        }
    }
    assert_eq!(done, 2);
    assert_eq!(
        kept(&setup.payments().await),
        total(&order) - 2 * (total(&order) * 2 / 5)
    );
}

#[tokio::test]
async fn a_refund_can_put_the_units_back_and_they_are_not_shipped_then() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let order = setup.paid(&[(&cup, 2)]).await;
    let refund = RefundOrderRequest {
        order_id: order.id.clone(),
        amount: Some("1.00".to_owned()),
        reason: "returned".to_owned(),
        restock: true,
        request_id: "r".to_owned(),
    };
    setup.refund_with(refund).await.unwrap();
    assert_eq!(setup.catalog.units(&cup).on_hand, 5);
    let error = setup.fulfill(parcel(&order, "f", &[])).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::InvalidState);
    setup.cancel(&order, "c").await.unwrap();
    assert_eq!(setup.catalog.units(&cup).on_hand, 5, "put back once");
    assert_eq!(kept(&setup.payments().await), 0);
}

#[tokio::test]
async fn units_are_shipped_in_parcels_and_delivered_one_after_the_other() {
    let setup = Setup::new().await;
    let (cup, pot) = (setup.catalog.add(2_000, 5), setup.catalog.add(3_000, 5));
    let order = setup.paid(&[(&cup, 2), (&pot, 1)]).await;
    let too_many = setup.fulfill(parcel(&order, "f0", &[(0, 3)])).await.unwrap_err();
    assert_eq!(too_many.reason(), ErrorReason::QuantityOutOfRange);
    let twice = setup
        .fulfill(parcel(&order, "f00", &[(0, 2), (0, 1)]))
        .await
        .unwrap_err();
    assert_eq!(twice.reason(), ErrorReason::QuantityOutOfRange);
    let none = setup
        .fulfill(parcel(&order, "f000", &[(0, 0)]))
        .await
        .unwrap_err();
    assert_eq!(none.reason(), ErrorReason::InvalidQuantity);
    let part = setup.fulfill(parcel(&order, "f1", &[(0, 1)])).await.unwrap();
    assert_eq!(part.fulfillment_status(), FulfillmentStatus::PartiallyShipped);
    assert!(!part.next_states().any(|state| state == OrderState::Canceled));
    let again = setup.fulfill(parcel(&order, "f1", &[(0, 1)])).await.unwrap();
    assert_eq!(again.fulfillments.len(), 1, "the same key ships nothing again");
    let error = setup.cancel(&order, "c").await.unwrap_err();
    assert_eq!(
        error.reason(),
        ErrorReason::InvalidState,
        "shipped is not cancelled"
    );
    let all = setup.fulfill(parcel(&order, "f2", &[])).await.unwrap();
    assert_eq!(all.fulfillment_status(), FulfillmentStatus::Shipped);
    let shipped: i32 = all
        .fulfillments
        .iter()
        .flat_map(|parcel| &parcel.lines)
        .map(|line| line.quantity)
        .sum();
    assert_eq!(shipped, 3);
    let nothing_left = setup.fulfill(parcel(&order, "f3", &[])).await.unwrap_err();
    assert_eq!(nothing_left.reason(), ErrorReason::InvalidState);
    let first = setup.deliver(&order, &all.fulfillments[0].id).await.unwrap();
    assert_eq!(first.state(), OrderState::Confirmed);
    let last = setup.deliver(&order, &all.fulfillments[1].id).await.unwrap();
    assert_eq!(
        (last.state(), last.fulfillment_status()),
        (OrderState::Completed, FulfillmentStatus::Delivered)
    );
    let again = setup.deliver(&order, &all.fulfillments[1].id).await.unwrap();
    assert_eq!(again.version, last.version);
    let error = setup.deliver(&order, "ful_nothing").await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::NotFound);
    setup.refund(&order, None, "r").await.unwrap();
}

#[tokio::test]
async fn nothing_is_shipped_or_refunded_before_it_is_paid() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let wanted = action(setup.complete(&cart, "key", "tok_requires_action").await);
    let order = wanted.order.unwrap();
    let error = setup.fulfill(parcel(&order, "f", &[])).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::InvalidState);
    assert!(error.message().contains("PENDING_PAYMENT") && error.message().contains("CONFIRMED"));
    assert_eq!(
        setup.refund(&order, None, "r").await.unwrap_err().reason(),
        ErrorReason::InvalidState
    );
    setup.resolve(&wanted.payment_id, true).await.unwrap();
    setup.reaches(&order, OrderState::Confirmed).await;
    let again = setup.fulfill(parcel(&order, "f", &[])).await.unwrap_err();
    assert_eq!(again.reason(), ErrorReason::InvalidState, "a key's answer stands");
    setup.fulfill(parcel(&order, "f2", &[])).await.unwrap();
}

#[tokio::test]
async fn an_order_is_read_by_those_who_may_and_is_not_there_for_others() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let get = async |key: get_order_request::Key, cart_id: Option<String>| {
        let request = GetOrderRequest {
            key: Some(key),
            cart_id,
        };
        outcome(setup.orders().get_order(request).await).map(|answer| answer.order.unwrap())
    };
    let cart = setup.as_customer(ADA, setup.ready_cart(&[(&cup, 1)])).await;
    let adas = setup.as_customer(ADA, setup.place(&cart, "key")).await;
    let id = || get_order_request::Key::OrderId(adas.id.clone());
    let own = setup.as_customer(ADA, get(id(), None)).await.unwrap();
    assert_eq!(own.access_token, adas.access_token);
    let staff = setup.as_staff(get(id(), None)).await.unwrap();
    assert_eq!(staff.access_token, None);
    assert_eq!(
        setup
            .as_customer(BOB, get(id(), None))
            .await
            .unwrap_err()
            .reason(),
        ErrorReason::NotFound
    );
    assert_eq!(get(id(), None).await.unwrap_err().reason(), ErrorReason::NotFound);
    let by_cart = get(id(), Some(cart.id.clone())).await;
    assert_eq!(
        by_cart.unwrap_err().reason(),
        ErrorReason::NotFound,
        "a customer's cart gives no right"
    );
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let guests = setup.place(&cart, "key").await;
    let id = || get_order_request::Key::OrderId(guests.id.clone());
    assert!(get(id(), Some(cart.id.clone())).await.is_ok());
    assert_eq!(
        get(id(), Some("cart_other".to_owned()))
            .await
            .unwrap_err()
            .reason(),
        ErrorReason::NotFound
    );
    let token = get_order_request::Key::AccessToken(guests.access_token.clone().unwrap());
    let by_token = get(token, None).await.unwrap();
    assert_eq!((by_token.id, by_token.access_token), (guests.id, None));
    for bad in ["", "x", "x.y"] {
        let error = get(get_order_request::Key::AccessToken(bad.to_owned()), None)
            .await
            .unwrap_err();
        assert_eq!(error.reason(), ErrorReason::NotFound);
    }
}

#[tokio::test]
async fn orders_are_listed_newest_first_and_filtered_for_staff() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 50);
    let mut placed = Vec::new();
    for n in 0..5 {
        setup.test.clock.advance(Duration::from_secs(1));
        let who = if n % 2 == 0 { ADA } else { BOB };
        let cart = setup.as_customer(who, setup.ready_cart(&[(&cup, 1)])).await;
        placed.push(
            setup
                .as_customer(who, setup.place(&cart, &format!("key {n}")))
                .await,
        );
    }
    let list = async |request: ListOrdersRequest| outcome(setup.orders().list_orders(request).await);
    let adas = setup
        .as_customer(ADA, list(ListOrdersRequest::default()))
        .await
        .unwrap();
    let ids: Vec<_> = adas.orders.iter().map(|order| &order.id).collect();
    assert_eq!(ids, [&placed[4].id, &placed[2].id, &placed[0].id]);
    assert_eq!(adas.total_count, 3);
    assert!(adas.orders.iter().all(|order| order.access_token.is_some()));
    let error = setup
        .as_customer(
            ADA,
            list(ListOrdersRequest {
                all: true,
                ..Default::default()
            }),
        )
        .await;
    assert_eq!(error.unwrap_err().reason(), ErrorReason::Forbidden);
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListOrdersRequest {
            all: true,
            page_size: 2,
            page_token,
            filter: None,
        };
        let page = setup.as_staff(list(request)).await.unwrap();
        assert_eq!(page.cursors.len(), page.orders.len());
        seen.extend(page.orders.into_iter().map(|order| order.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let newest_first: Vec<_> = placed.iter().rev().map(|order| order.id.clone()).collect();
    assert_eq!(seen, newest_first);
    let filter = OrderFilter {
        query: placed[1].number.clone().unwrap(),
        ..OrderFilter::default()
    };
    let request = ListOrdersRequest {
        all: true,
        filter: Some(filter),
        ..Default::default()
    };
    let found = setup.as_staff(list(request)).await.unwrap();
    assert_eq!(found.orders.len(), 1);
    assert_eq!(found.orders[0].id, placed[1].id);
}

#[tokio::test]
async fn a_watch_begins_with_the_order_and_shows_every_change() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(2_000, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let wanted = action(setup.complete(&cart, "key", "tok_requires_action").await);
    let order = wanted.order.unwrap();
    let key = watch_order_request::Key::AccessToken(order.access_token.clone().unwrap());
    let request = WatchOrderRequest { key: Some(key) };
    let mut changes = setup.orders().watch_order(request).await.unwrap().into_inner();
    let first = changes.message().await.unwrap().unwrap().order.unwrap();
    assert_eq!(first.state(), OrderState::PendingPayment);
    setup.resolve(&wanted.payment_id, true).await.unwrap();
    setup.reaches(&order, OrderState::Confirmed).await;
    setup.cancel(&order, "c").await.unwrap();
    let mut versions = vec![first.version];
    let mut last = first;
    while let Some(change) = changes.message().await.unwrap() {
        last = change.order.unwrap();
        assert!(last.access_token.is_none());
        versions.push(last.version);
    }
    // Where a test takes long the order comes again as a sign of life.
    versions.dedup();
    assert_eq!(last.state(), OrderState::Canceled, "it ends there");
    assert_eq!(last.history.len(), 4);
    assert!(versions.windows(2).all(|pair| pair[0] < pair[1]), "{versions:?}");
    let stranger = WatchOrderRequest {
        key: Some(watch_order_request::Key::OrderId(order.id)),
    };
    let error = outcome(setup.orders().watch_order(stranger).await).err().unwrap();
    assert_eq!(error.reason(), ErrorReason::NotFound);
}

#[tokio::test]
async fn sales_are_summed_by_the_shops_days() {
    let setup = Setup::new().await;
    // 23:30 in Paris, and an hour later.
    setup.test.clock.set("2026-03-10T22:30:00Z".parse().unwrap());
    let cup = setup.catalog.add(10_000, 50);
    let first = setup.paid(&[(&cup, 1)]).await;
    setup.test.clock.advance(Duration::from_secs(3_600));
    let second = setup.paid(&[(&cup, 2)]).await;
    setup.refund(&second, Some("10.00"), "r").await.unwrap();
    let third = setup.paid(&[(&cup, 1)]).await;
    setup.cancel(&third, "c").await.unwrap();
    let at = |text: &str| {
        let at: jiff::Timestamp = text.parse().unwrap();
        Some(prost_types::Timestamp {
            seconds: at.as_second(),
            nanos: 0,
        })
    };
    let request = GetSalesRequest {
        from: at("2026-03-01T00:00:00Z"),
        to: at("2026-04-01T00:00:00Z"),
    };
    let mut orders = setup.orders();
    let sales = outcome(setup.as_staff(orders.get_sales(request)).await).unwrap();
    let days: Vec<_> = sales
        .days
        .iter()
        .map(|day| (day.date.as_str(), day.orders, units(&day.revenue)))
        .collect();
    let expected = [
        ("2026-03-10", 1, total(&first)),
        ("2026-03-11", 1, total(&second) - 1_000),
    ];
    assert_eq!(days, expected);
    assert_eq!(sales.orders, 2);
    assert_eq!(units(&sales.revenue), total(&first) + total(&second) - 1_000);
    assert_eq!(units(&sales.average_order), (units(&sales.revenue) + 1) / 2);
    let backwards = GetSalesRequest {
        from: request.to,
        to: request.from,
    };
    let error = outcome(setup.as_staff(orders.get_sales(backwards)).await).unwrap_err();
    assert_eq!(error.reason(), ErrorReason::ValidationFailed);
}

on_mongo!(
    a_cancelled_order_gives_everything_back,
    an_order_that_cost_nothing_is_cancelled_like_any_other,
    cancelling_while_the_capture_runs_ends_in_one_of_two_ways_and_money_agrees,
    an_order_that_awaits_the_bank_can_be_cancelled_and_never_paid,
    only_those_who_may_cancel,
    parts_go_back_until_nothing_is_left,
    parallel_refunds_never_exceed_what_was_captured,
    a_refund_can_put_the_units_back_and_they_are_not_shipped_then,
    units_are_shipped_in_parcels_and_delivered_one_after_the_other,
    nothing_is_shipped_or_refunded_before_it_is_paid,
    an_order_is_read_by_those_who_may_and_is_not_there_for_others,
    orders_are_listed_newest_first_and_filtered_for_staff,
    a_watch_begins_with_the_order_and_shows_every_change,
    sales_are_summed_by_the_shops_days,
);
