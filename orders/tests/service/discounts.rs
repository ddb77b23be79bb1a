//! Discount codes: what staff say of them, and what they do in a cart.

use std::time::Duration;

use crate::support::{ADA, Setup, mongo::on_mongo, of, outcome, violations};
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::orders::v1::{
    Cart, CreateDiscountRequest, DeleteDiscountRequest, Discount, DiscountCodes, DiscountInput, DiscountKind,
    GetSalesRequest, ListDiscountsRequest, ListOrdersRequest, OrderFilter, UpdateCartRequest,
    UpdateDiscountRequest,
};

fn percent(code: &str, value: &str) -> DiscountInput {
    DiscountInput {
        code: code.to_owned(),
        kind: DiscountKind::Percent.into(),
        value: value.to_owned(),
        ..DiscountInput::default()
    }
}

fn fixed(code: &str, value: &str) -> DiscountInput {
    DiscountInput {
        kind: DiscountKind::Fixed.into(),
        ..percent(code, value)
    }
}

async fn create(setup: &Setup, input: DiscountInput) -> Result<Discount, Error> {
    let request = CreateDiscountRequest {
        discount: Some(input),
    };
    let mut discounts = setup.discounts.clone();
    outcome(setup.as_staff(discounts.create_discount(request)).await).map(|answer| answer.discount.unwrap())
}

async fn put(setup: &Setup, cart: &Cart, codes: &[&str]) -> Result<Cart, Error> {
    let codes = codes.iter().map(|code| (*code).to_owned()).collect();
    setup
        .update(UpdateCartRequest {
            discount_codes: Some(DiscountCodes { codes }),
            ..of(cart)
        })
        .await
}

fn codes(cart: &Cart) -> Vec<(&str, bool)> {
    cart.discount_codes
        .iter()
        .map(|code| (code.code.as_str(), code.applicable))
        .collect()
}

fn discount_total(cart: &Cart) -> i64 {
    cart.cost
        .as_ref()
        .unwrap()
        .discount_total
        .as_ref()
        .unwrap()
        .minor_units
}

#[tokio::test]
async fn only_staff_touch_discounts() {
    let setup = Setup::new().await;
    let request = || CreateDiscountRequest {
        discount: Some(percent("X", "10")),
    };
    let mut discounts = setup.discounts.clone();
    let guest = outcome(discounts.create_discount(request()).await).unwrap_err();
    assert_eq!(guest.reason(), ErrorReason::Unauthenticated);
    let customer = setup.as_customer(ADA, discounts.create_discount(request())).await;
    assert_eq!(outcome(customer).unwrap_err().reason(), ErrorReason::Forbidden);
    let mut discounts = setup.discounts.clone();
    let listed = discounts.list_discounts(ListDiscountsRequest::default());
    assert_eq!(
        outcome(setup.as_customer(ADA, listed).await)
            .unwrap_err()
            .reason(),
        ErrorReason::Forbidden
    );
}

#[tokio::test]
async fn a_discount_is_made_changed_listed_and_removed() {
    let setup = Setup::new().await;
    let summer = create(&setup, percent("Summer", "12.50")).await.unwrap();
    let input = summer.input.as_ref().unwrap();
    assert_eq!(
        (input.code.as_str(), input.value.as_str(), &input.currency_code),
        ("Summer", "12.5", &None)
    );
    assert_eq!(summer.times_used, 0);
    let taken = create(&setup, fixed("SUMMER", "5")).await.unwrap_err();
    assert_eq!(
        violations(&taken),
        [("discount.code", ErrorReason::ValidationFailed)]
    );
    setup.test.clock.advance(Duration::from_secs(1));
    let winter = create(&setup, fixed("WINTER", "5")).await.unwrap();
    assert_eq!(winter.input.as_ref().unwrap().value, "5.00");

    let mut discounts = setup.discounts.clone();
    setup
        .as_staff(async {
            let changed = discounts
                .update_discount(UpdateDiscountRequest {
                    discount_id: summer.id.clone(),
                    discount: Some(DiscountInput {
                        usage_limit: Some(3),
                        minimum_subtotal: Some("20".to_owned()),
                        ..percent("AUTUMN", "15")
                    }),
                })
                .await
                .unwrap()
                .into_inner()
                .discount
                .unwrap();
            assert_eq!((&changed.id, changed.created_at), (&summer.id, summer.created_at));
            let mut list = async |page_size, page_token: &str, query: &str| {
                let request = ListDiscountsRequest {
                    page_size,
                    page_token: page_token.to_owned(),
                    query: query.to_owned(),
                };
                outcome(discounts.list_discounts(request).await)
            };
            let first = list(1, "", "").await.unwrap();
            assert_eq!(
                (&first.discounts, first.total_count),
                (&vec![winter.clone()], 2),
                "newest first"
            );
            let second = list(1, &first.next_page_token, "").await.unwrap();
            assert_eq!(
                (second.discounts, second.next_page_token.as_str()),
                (vec![changed.clone()], "")
            );
            assert_eq!(
                list(0, &first.cursors[0], "").await.unwrap().discounts,
                std::slice::from_ref(&changed)
            );
            assert_eq!(
                list(0, "", "autu").await.unwrap().discounts,
                std::slice::from_ref(&changed)
            );
            assert_eq!(list(0, "", "%").await.unwrap().total_count, 0);
            assert_eq!(
                list(101, "", "").await.unwrap_err().reason(),
                ErrorReason::LimitOutOfRange
            );
            assert_eq!(
                list(1, "nonsense", "").await.unwrap_err().reason(),
                ErrorReason::ValidationFailed
            );

            let remove = DeleteDiscountRequest {
                discount_id: summer.id.clone(),
            };
            let gone = discounts
                .delete_discount(remove.clone())
                .await
                .unwrap()
                .into_inner();
            assert_eq!(gone.discount, Some(changed));
            let again = outcome(discounts.delete_discount(remove).await).unwrap_err();
            assert_eq!(again.reason(), ErrorReason::NotFound);
            let absent = UpdateDiscountRequest {
                discount_id: summer.id,
                discount: Some(percent("X", "1")),
            };
            let absent = outcome(discounts.update_discount(absent).await).unwrap_err();
            assert_eq!(absent.reason(), ErrorReason::NotFound);
        })
        .await;
}

#[tokio::test]
async fn codes_take_off_what_they_say() {
    let setup = Setup::new().await;
    create(&setup, percent("TEN", "10")).await.unwrap();
    create(&setup, fixed("FIVER", "5")).await.unwrap();
    create(
        &setup,
        DiscountInput {
            minimum_subtotal: Some("30".to_owned()),
            ..fixed("RICH", "3")
        },
    )
    .await
    .unwrap();
    let cup = setup.catalog.add(1255, 99);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    let with = put(&setup, &cart, &["ten"]).await.unwrap();
    assert_eq!(
        (codes(&with), discount_total(&with)),
        (vec![("ten", true)], 126),
        "half a cent goes up"
    );
    assert_eq!(
        with.cost.as_ref().unwrap().total.as_ref().unwrap().minor_units,
        1255 - 126 + 490
    );
    let with = put(&setup, &cart, &["TEN", "RICH", "Ten", "FIVER"])
        .await
        .unwrap();
    assert_eq!(
        codes(&with),
        [("TEN", true), ("RICH", false), ("FIVER", true)],
        "each once; RICH wants more"
    );
    assert_eq!(discount_total(&with), 626);
    let none = put(&setup, &cart, &[]).await.unwrap();
    assert_eq!((codes(&none), discount_total(&none)), (vec![], 0));
    let rich = setup.ready_cart(&[(&cup, 3)]).await;
    assert_eq!(
        codes(&put(&setup, &rich, &["RICH"]).await.unwrap()),
        [("RICH", true)]
    );
}

#[tokio::test]
async fn a_code_that_cannot_be_used_is_refused() {
    let setup = Setup::new().await;
    let now = setup.test.env.clock.now().as_second();
    let at = |seconds| {
        Some(prost_types::Timestamp {
            seconds: now + seconds,
            nanos: 0,
        })
    };
    create(
        &setup,
        DiscountInput {
            ends_at: at(100),
            ..percent("SOON-OVER", "10")
        },
    )
    .await
    .unwrap();
    create(
        &setup,
        DiscountInput {
            starts_at: at(50),
            ..percent("LATER", "10")
        },
    )
    .await
    .unwrap();
    create(&setup, percent("GOOD", "10")).await.unwrap();
    let cup = setup.catalog.add(1000, 99);
    let cart = setup.cart(&[(&cup, 1)]).await;
    let good = put(&setup, &cart, &["GOOD"]).await.unwrap();
    let long = "X".repeat(100_000);
    for (code, reason) in [
        ("NONE", ErrorReason::DiscountCodeInvalid),
        ("", ErrorReason::DiscountCodeInvalid),
        ("GOOD ' OR 1=1", ErrorReason::DiscountCodeInvalid),
        ("GO\u{202E}OD", ErrorReason::InvalidText),
        (&long, ErrorReason::InvalidText),
        ("LATER", ErrorReason::DiscountCodeExpired),
    ] {
        let error = put(&setup, &cart, &["GOOD", code]).await.unwrap_err();
        assert_eq!(
            violations(&error),
            [("discount_codes.codes.1", reason)],
            "{code:.20}"
        );
    }
    let many = put(&setup, &cart, &["X"; 11]).await.unwrap_err();
    assert_eq!(
        violations(&many),
        [("discount_codes.codes", ErrorReason::ValidationFailed)]
    );
    assert_eq!(setup.read(&cart.id).await, good, "a refusal changes nothing");

    put(&setup, &cart, &["SOON-OVER"]).await.unwrap();
    setup.test.clock.advance(Duration::from_secs(100));
    let over = setup.read(&cart.id).await;
    assert_eq!(
        (codes(&over), discount_total(&over)),
        (vec![("SOON-OVER", false)], 0),
        "it stays, and takes nothing"
    );
    let error = put(&setup, &cart, &["SOON-OVER"]).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::DiscountCodeExpired);
    assert_eq!(
        codes(&put(&setup, &cart, &["LATER"]).await.unwrap()),
        [("LATER", true)]
    );
}

#[tokio::test]
async fn a_time_that_cannot_be_is_refused_by_its_field() {
    let setup = Setup::new().await;
    let at = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
    let good = at(1_800_000_000, 0);
    let mut orders = setup.orders();
    for bad in [
        at(1_800_000_000, -1),
        at(1_800_000_000, 1_000_000_000),
        at(i64::MIN, 0),
        at(253_402_300_800, 0),
    ] {
        for (starts_at, ends_at, field) in
            [(bad, None, "discount.starts_at"), (good, bad, "discount.ends_at")]
        {
            let input = DiscountInput {
                starts_at,
                ends_at,
                ..percent("TIMED", "10")
            };
            let refused = create(&setup, input).await.unwrap_err();
            assert_eq!(
                violations(&refused),
                [(field, ErrorReason::ValidationFailed)],
                "{bad:?}"
            );
        }
        for (placed_from, placed_to, field) in
            [(bad, None, "filter.placed_from"), (None, bad, "filter.placed_to")]
        {
            let filter = OrderFilter {
                placed_from,
                placed_to,
                ..OrderFilter::default()
            };
            let request = ListOrdersRequest {
                filter: Some(filter),
                ..ListOrdersRequest::default()
            };
            let refused = outcome(setup.as_staff(orders.list_orders(request)).await).unwrap_err();
            assert_eq!(
                violations(&refused),
                [(field, ErrorReason::ValidationFailed)],
                "{bad:?}"
            );
        }
        for (from, to, field) in [(bad, good, "from"), (good, bad, "to")] {
            let request = GetSalesRequest { from, to };
            let refused = outcome(setup.as_staff(orders.get_sales(request)).await).unwrap_err();
            assert_eq!(
                violations(&refused),
                [(field, ErrorReason::ValidationFailed)],
                "{bad:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_state_that_has_no_name_is_no_filter_and_is_refused() {
    let setup = Setup::new().await;
    let mut orders = setup.orders();
    for number in [-1, 99, i32::MIN] {
        for (field, set) in [
            (
                "filter.state",
                (|filter, number| filter.state = number) as fn(&mut OrderFilter, i32),
            ),
            ("filter.payment_status", |filter, number| {
                filter.payment_status = number;
            }),
            ("filter.fulfillment_status", |filter, number| {
                filter.fulfillment_status = number;
            }),
        ] {
            let mut filter = OrderFilter::default();
            set(&mut filter, number);
            let request = ListOrdersRequest {
                filter: Some(filter),
                ..ListOrdersRequest::default()
            };
            let refused = outcome(setup.as_staff(orders.list_orders(request)).await).unwrap_err();
            assert_eq!(
                violations(&refused),
                [(field, ErrorReason::ValidationFailed)],
                "{number}"
            );
        }
    }
}

on_mongo!(
    only_staff_touch_discounts,
    a_discount_is_made_changed_listed_and_removed,
    codes_take_off_what_they_say,
    a_code_that_cannot_be_used_is_refused,
);
