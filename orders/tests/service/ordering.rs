//! What ordering does to carts and discounts.

use std::time::Duration;

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::catalog::v1::ProductStatus;
use comptoir_proto::orders::v1::{
    AddLinesRequest, AttachCartRequest, Cart, CartLineUpdate, CompleteCartRequest, CreateDiscountRequest,
    DiscountCodes, DiscountInput, DiscountKind, GetActiveCartRequest, ListDiscountsRequest, Order,
    RemoveLinesRequest, UpdateCartRequest, UpdateLinesRequest, complete_cart_response::Outcome,
};

use crate::support::{
    ADA, Setup, address, catalog::Held, inputs, mongo::on_mongo, of, orders::refused, outcome,
};

/// The order, or the codes of the refusals.
async fn complete(setup: &Setup, cart: &Cart, key: &str, token: &str) -> Result<Order, Vec<String>> {
    let request = CompleteCartRequest {
        cart_id: cart.id.clone(),
        provider: "sandbox".to_owned(),
        token: token.to_owned(),
        request_id: key.to_owned(),
        ..CompleteCartRequest::default()
    };
    let answer = setup
        .carts
        .clone()
        .complete_cart(request)
        .await
        .unwrap()
        .into_inner();
    match answer.outcome.unwrap() {
        Outcome::Placed(order) | Outcome::AlreadyAccepted(order) => Ok(order),
        Outcome::ActionRequired(action) => panic!("{action:?}"),
        Outcome::Failed(failed) => Err(failed.refusals.into_iter().map(|refusal| refusal.code).collect()),
    }
}

async fn create_discount(setup: &Setup, code: &str, change: impl FnOnce(&mut DiscountInput)) {
    let mut input = DiscountInput {
        code: code.to_owned(),
        kind: DiscountKind::Percent.into(),
        value: "10".to_owned(),
        ..DiscountInput::default()
    };
    change(&mut input);
    let mut discounts = setup.discounts.clone();
    let request = CreateDiscountRequest {
        discount: Some(input),
    };
    setup.as_staff(discounts.create_discount(request)).await.unwrap();
}

async fn times_used(setup: &Setup, code: &str) -> i32 {
    let mut discounts = setup.discounts.clone();
    let request = ListDiscountsRequest {
        query: code.to_owned(),
        ..ListDiscountsRequest::default()
    };
    let found = setup
        .as_staff(discounts.list_discounts(request))
        .await
        .unwrap()
        .into_inner();
    found.discounts[0].times_used
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

fn total(cart: &Cart) -> i64 {
    cart.cost.as_ref().unwrap().total.as_ref().unwrap().minor_units
}

#[tokio::test]
async fn an_ordered_cart_takes_no_change() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(1250, 10);
    let cart = setup.ready_cart(&[(&cup, 2)]).await;
    let order = complete(&setup, &cart, "key", "tok_visa").await.unwrap();
    // What is noted on the cart behind the answer is there once the order is paid.
    setup
        .reaches(&order, comptoir_proto::orders::v1::OrderState::Confirmed)
        .await;
    let after = setup.read(&cart.id).await;
    assert_eq!(after.order_id.as_deref(), Some(order.id.as_str()));
    assert_eq!(setup.catalog.reservation(&order.id).unwrap().state, Held::Sold);
    let (cart_id, line_id) = (cart.id.clone(), cart.lines[0].id.clone());
    let mut carts = setup.carts.clone();
    let add = AddLinesRequest {
        cart_id: cart_id.clone(),
        lines: inputs(&[(&cup, 1)]),
    };
    let set = UpdateLinesRequest {
        cart_id: cart_id.clone(),
        lines: vec![CartLineUpdate {
            line_id: line_id.clone(),
            quantity: 1,
        }],
    };
    let remove = RemoveLinesRequest {
        cart_id: cart_id.clone(),
        line_ids: vec![line_id],
    };
    let update = UpdateCartRequest {
        delivery_address: Some(address("BE")),
        ..of(&cart)
    };
    let attach = AttachCartRequest { cart_id };
    let refusals = [
        outcome(carts.add_lines(add).await).unwrap_err(),
        outcome(carts.update_lines(set).await).unwrap_err(),
        outcome(carts.remove_lines(remove).await).unwrap_err(),
        setup.update(update).await.unwrap_err(),
        outcome(setup.as_customer(ADA, carts.attach_cart(attach)).await).unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.reason(), ErrorReason::CartAlreadyOrdered);
    }
    assert_eq!(setup.read(&cart.id).await, after);
}

#[tokio::test]
async fn an_ordered_cart_is_not_the_active_one() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(1250, 10);
    setup
        .as_customer(ADA, async {
            let cart = setup.ready_cart(&[(&cup, 2)]).await;
            let mut carts = setup.carts.clone();
            let mut active = async || {
                let answer = carts
                    .get_active_cart(GetActiveCartRequest {})
                    .await
                    .unwrap()
                    .into_inner();
                answer.cart.map(|cart| cart.id)
            };
            complete(&setup, &cart, "refused", "tok_declined")
                .await
                .unwrap_err();
            assert_eq!(active().await.as_ref(), Some(&cart.id));
            complete(&setup, &cart, "key", "tok_visa").await.unwrap();
            assert_eq!(active().await, None);
        })
        .await;
}

#[tokio::test]
async fn a_refused_cart_is_open_again() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(1250, 10);
    let cart = setup.ready_cart(&[(&cup, 2)]).await;
    assert_eq!(
        complete(&setup, &cart, "key", "tok_declined").await.unwrap_err(),
        ["PAYMENT_DECLINED"]
    );
    assert_eq!(setup.read(&cart.id).await.order_id, None);
    let changed = setup
        .update(UpdateCartRequest {
            phone: Some("+33 1 02 03 04 05".to_owned()),
            ..of(&cart)
        })
        .await;
    assert!(changed.is_ok());
    assert!(complete(&setup, &cart, "another key", "tok_visa").await.is_ok());
}

#[tokio::test]
async fn what_went_out_of_sale_is_not_ordered() {
    let setup = Setup::new().await;
    let (cup, plate) = (setup.catalog.add(1250, 10), setup.catalog.add(300, 10));
    let cart = setup.ready_cart(&[(&cup, 2), (&plate, 1)]).await;
    setup.catalog.change(&plate, |variant| {
        variant.set_product_status(ProductStatus::Archived);
    });
    assert_eq!(
        complete(&setup, &cart, "key", "tok_visa").await.unwrap_err(),
        ["PRODUCT_UNAVAILABLE"]
    );
    assert_eq!(setup.catalog.units(&cup).reserved, 0);
}

#[tokio::test]
async fn a_variant_that_is_gone_is_named_and_not_its_whole_product() {
    let setup = Setup::new().await;
    let (small, large, plain) = (
        setup.catalog.add(1250, 10),
        setup.catalog.add(1250, 10),
        setup.catalog.add(300, 10),
    );
    for (id, title) in [(&small, "A"), (&large, "B")] {
        setup.catalog.change(id, |variant| {
            variant.product_title = "Shirt".to_owned();
            variant.title = title.to_owned();
        });
    }
    let cart = setup.ready_cart(&[(&small, 1), (&large, 1), (&plain, 1)]).await;
    setup.catalog.remove(&large);
    setup.catalog.remove(&plain);
    let messages = async |key: &str| {
        let failure = refused(setup.complete(&cart, key, "tok_visa").await);
        let refusals = failure.refusals.into_iter();
        refusals.map(|refusal| refusal.message).collect::<Vec<_>>()
    };
    assert_eq!(
        messages("one").await,
        [
            "Shirt (B) is not for sale any more.",
            "Thing for 300 is not for sale any more."
        ]
    );
    let line = CartLineUpdate {
        line_id: cart.lines[1].id.clone(),
        quantity: 2,
    };
    let update = UpdateLinesRequest {
        cart_id: cart.id.clone(),
        lines: vec![line],
    };
    let error = outcome(setup.carts.clone().update_lines(update).await).unwrap_err();
    assert_eq!(
        error.field_violations()[0].message,
        "Shirt (B) is not for sale any more; take the line out."
    );
    setup.catalog.change(&small, |variant| {
        variant.set_product_status(ProductStatus::Archived);
    });
    assert_eq!(messages("two").await[0], "Shirt is not for sale any more.");
}

#[tokio::test]
async fn nobody_pays_more_than_was_shown_because_a_code_ended() {
    let setup = Setup::new().await;
    let now = setup.test.env.clock.now().as_second();
    create_discount(&setup, "SOON-OVER", |input| {
        input.ends_at = Some(prost_types::Timestamp {
            seconds: now + 100,
            nanos: 0,
        });
    })
    .await;
    let cup = setup.catalog.add(1000, 10);
    let cart = put(&setup, &setup.ready_cart(&[(&cup, 1)]).await, &["SOON-OVER"])
        .await
        .unwrap();
    assert_eq!(total(&cart), 900 + 490);
    setup.test.clock.advance(Duration::from_secs(100));
    assert_eq!(
        complete(&setup, &cart, "key", "tok_visa").await.unwrap_err(),
        ["DISCOUNT_CODE_EXPIRED"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_discount_of_five_uses_is_used_five_times_by_fifty() {
    let setup = Setup::new().await;
    create_discount(&setup, "FIVE", |input| input.usage_limit = Some(5)).await;
    let cup = setup.catalog.add(1000, 500);
    let mut carts = Vec::new();
    for _ in 0..50 {
        let cart = setup.ready_cart(&[(&cup, 1)]).await;
        carts.push(put(&setup, &cart, &["five"]).await.unwrap());
    }
    let orders = carts.iter().map(|cart| complete(&setup, cart, "key", "tok_visa"));
    let outcomes = futures::future::join_all(orders).await;
    let placed: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().ok())
        .collect();
    assert_eq!(placed.len(), 5);
    for order in placed {
        assert_eq!(order.discount_codes, ["five"]);
        assert_eq!(
            order.cost.as_ref().unwrap().total.as_ref().unwrap().minor_units,
            900 + 490
        );
    }
    for refusals in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(*refusals, ["DISCOUNT_CODE_LIMIT_REACHED"]);
    }
    assert_eq!(
        (times_used(&setup, "FIVE").await, setup.catalog.units(&cup).sold),
        (5, 5)
    );
    let late = put(&setup, &setup.ready_cart(&[(&cup, 1)]).await, &["FIVE"])
        .await
        .unwrap_err();
    assert_eq!(late.reason(), ErrorReason::DiscountCodeLimitReached);
}

#[tokio::test]
async fn a_customers_limit_counts_users_and_guests_by_e_mail() {
    let setup = Setup::new().await;
    create_discount(&setup, "ONCE", |input| input.usage_limit_per_customer = Some(1)).await;
    let cup = setup.catalog.add(1000, 500);
    let buy = async |email: &str, key: &str| {
        let cart = setup.ready_cart(&[(&cup, 1)]).await;
        setup
            .update(UpdateCartRequest {
                email: Some(email.to_owned()),
                ..of(&cart)
            })
            .await
            .unwrap();
        let cart = put(&setup, &cart, &["ONCE"])
            .await
            .map_err(|error| error.reason())?;
        complete(&setup, &cart, key, "tok_visa").await.unwrap();
        Ok::<_, ErrorReason>(())
    };
    assert_eq!(buy("guest@example.org", "1").await, Ok(()));
    assert_eq!(
        buy("Guest@Example.ORG", "2").await,
        Err(ErrorReason::DiscountCodeLimitReached),
        "the same guest"
    );
    assert_eq!(
        setup.as_customer(ADA, buy("guest@example.org", "3")).await,
        Err(ErrorReason::DiscountCodeLimitReached),
        "the guest, signed in"
    );
    let own = setup.as_customer(ADA, buy("ada@example.org", "4")).await;
    assert_eq!(own, Ok(()));
    let again = setup.as_customer(ADA, buy("other@example.org", "5")).await;
    assert_eq!(again, Err(ErrorReason::DiscountCodeLimitReached));
    assert_eq!(times_used(&setup, "ONCE").await, 2);
}

#[tokio::test]
async fn a_use_of_a_refused_order_is_given_back() {
    let setup = Setup::new().await;
    create_discount(&setup, "ONE", |input| input.usage_limit = Some(1)).await;
    let cup = setup.catalog.add(1000, 500);
    let cart = put(&setup, &setup.ready_cart(&[(&cup, 1)]).await, &["ONE"])
        .await
        .unwrap();
    assert_eq!(
        complete(&setup, &cart, "first", "tok_declined")
            .await
            .unwrap_err(),
        ["PAYMENT_DECLINED"]
    );
    assert_eq!(times_used(&setup, "ONE").await, 0);
    assert!(complete(&setup, &cart, "second", "tok_visa").await.is_ok());
    assert_eq!(times_used(&setup, "ONE").await, 1);
}

on_mongo!(
    an_ordered_cart_takes_no_change,
    an_ordered_cart_is_not_the_active_one,
    a_refused_cart_is_open_again,
    what_went_out_of_sale_is_not_ordered,
    nobody_pays_more_than_was_shown_because_a_code_ended,
    a_discount_of_five_uses_is_used_five_times_by_fifty,
    a_customers_limit_counts_users_and_guests_by_e_mail,
    a_use_of_a_refused_order_is_given_back,
);
