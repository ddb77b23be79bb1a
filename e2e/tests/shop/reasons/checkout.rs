//! What is refused between the cart and the parcel. The money is compared in the sandbox's journal.

use std::time::Duration;

use comptoir_e2e::{
    Buyer,
    buyer::{authorisations, charges},
    shop::eventually,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    answer::Answer,
    case::{Case, Provoked, case},
    world::{World, payment},
};

pub(crate) const CASES: &[Case] = &[
    case!(PaymentDeclined, 402, payment_declined),
    case!(PaymentFailed, 402, payment_failed),
    case!(IdempotencyInProgress, 409, idempotency_in_progress),
    case!(CartAlreadyOrdered, 409, cart_already_ordered),
    case!(PriceChanged, 409, price_changed),
    case!(InsufficientStock, 409, insufficient_stock),
    case!(InvalidState, 409, invalid_state),
    case!(DiscountCodeLimitReached, 409, discount_code_limit_reached),
    case!(IdempotencyKeyReused, 422, idempotency_key_reused),
    case!(RefundExceedsCapture, 422, refund_exceeds_capture),
    case!(ReservationLimit, 429, reservation_limit),
    case!(DependencyUnavailable, 503, dependency_unavailable),
];

const WAIT: Duration = Duration::from_secs(30);

const COMPLETE: &str = "mutation($cart: ID!, $token: String!, $key: String!, $total: Decimal) {
    cartComplete(cartId: $cart, payment: { provider: \"sandbox\", token: $token }, idempotencyKey: $key,
                 expectedTotal: $total) {
        __typename ... on CartCompleteFailed { userErrors { code field message } cart { id } } } }";

async fn complete(world: &World, cart: &str, token: &str, key: &str, total: Option<&str>) -> Answer {
    world
        .graphql(
            None,
            COMPLETE,
            json!({ "cart": cart, "token": token, "key": key, "total": total }),
        )
        .await
}

/// A call of the back office by REST with a key of its own.
async fn staff(world: &World, path: &str, body: Value) -> Answer {
    let request = world.rest(Method::POST, path, Some(&world.admin().await));
    Answer::of(request.header("idempotency-key", world.name("staff")).json(&body)).await
}

/// A call of the back office by GraphQL: a mutation of an order with the rest of its arguments.
async fn mutate(world: &World, mutation: &str, order: &str, arguments: &str) -> Answer {
    let key = world.name("staff");
    let query = format!(
        "mutation($id: ID!, $key: String!) {{ {mutation}(id: $id, {arguments} idempotencyKey: $key) {{
            order {{ id }} userErrors {{ code field message }} }} }}"
    );
    world
        .graphql(
            Some(&world.admin().await),
            &query,
            json!({ "id": order, "key": key }),
        )
        .await
}

async fn payment_declined(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let mut refusals = Vec::new();
    for token in ["tok_declined", "tok_insufficient_funds"] {
        let graphql = complete(world, &buyer.cart, token, &format!("{token}-1"), None).await;
        assert_eq!(
            graphql.body["data"]["cartComplete"]["cart"]["id"],
            buyer.cart.as_str(),
            "{graphql:?}"
        );
        refusals.push(graphql.user_error("cartComplete"));
        let rest = world.complete(&buyer.cart, token, &format!("{token}-2")).await;
        assert_eq!(rest.body["cart"]["id"], buyer.cart.as_str(), "{rest:?}");
        refusals.push(rest.problem());
    }
    Provoked::without_effect(watch, refusals)
}

/// The provider has lost a captured payment, so it can never be refunded.
async fn payment_failed(_: &World) -> Provoked {
    let mut world = World::new(&[]).await;
    let order = world.order().await;
    world.shop.stop().await;
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(world.shop.folder().path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().contains("sandbox") {
            journals.push(path);
        }
    }
    assert!(!journals.is_empty(), "no journal");
    for journal in journals {
        std::fs::remove_file(journal).unwrap();
    }
    world.shop.restart(&[]).await;
    let graphql = mutate(&world, "orderRefund", &order, "reason: \"broken\",").await;
    let rest = staff(
        &world,
        &format!("/admin/orders/{order}/refund"),
        json!({ "reason": "broken" }),
    )
    .await;
    let query = "query($id: ID!) { order(id: $id) { state paymentStatus } }";
    let admin = world.admin().await;
    let after = world
        .shop
        .graphql(Some(&admin), query, json!({ "id": order }))
        .await;
    assert_eq!(
        after["order"],
        json!({ "state": "CONFIRMED", "paymentStatus": "CAPTURED" }),
        "nothing came back"
    );
    Provoked::compared(vec![graphql.user_error("orderRefund"), rest.problem()])
}

/// The payment takes longer than a request may.
async fn idempotency_in_progress(_: &World) -> Provoked {
    let points = "orders.complete.authorize.before=1*sleep(20000)->off";
    let mut world = World::new(&[]).await;
    let (cart, email) = world.cart().await;
    world
        .shop
        .restart(&[("COMPTOIR_LIMIT_REQUEST", "5"), ("FAILPOINTS", points)])
        .await;
    let buyer = Buyer::of(&world.shop, &cart, &email);
    let first = complete(&world, &buyer.cart, "tok_visa", "key", None).await;
    let second = world.complete(&buyer.cart, "tok_visa", "key").await;
    assert!(!second.header("retry-after").is_empty(), "{second:?}");
    // The same key returns the outcome: one order, one charge.
    let order = eventually("the order is placed", WAIT, || async {
        let completed = buyer.complete("tok_visa", "key").await;
        (!completed.order.is_empty()).then_some(completed.order)
    })
    .await;
    eventually("the order is captured", WAIT, || async {
        (buyer.order().await["state"] == "CONFIRMED").then_some(())
    })
    .await;
    let payments = world.shop.payments(None).await;
    assert_eq!(
        (authorisations(&payments), charges(&payments)),
        (1, 1),
        "{order}: {payments:#?}"
    );
    Provoked::compared(vec![first.user_error("cartComplete"), second.problem()])
}

async fn cart_already_ordered(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let placed = buyer.complete("tok_visa", "key").await;
    assert_eq!(placed.kind, "CartCompleteSuccess", "{placed:?}");
    eventually("the order is captured", WAIT, || async {
        (buyer.order().await["state"] == "CONFIRMED").then_some(())
    })
    .await;
    let watch = world.watch(&[&buyer.cart]).await;
    let mut refusals = vec![
        complete(world, &buyer.cart, "tok_visa", "another", None)
            .await
            .user_error("cartComplete"),
        world.complete(&buyer.cart, "tok_visa", "a-third").await.problem(),
    ];
    let line = json!({ "variantId": world.lamp, "quantity": 1 });
    let path = format!("/store/carts/{}", buyer.cart);
    refusals.push(
        world
            .send(Method::POST, &format!("{path}/line-items"), None, &line)
            .await
            .problem(),
    );
    let email = json!({ "email": "mallory@buyer.example" });
    refusals.push(world.send(Method::PATCH, &path, None, &email).await.problem());
    Provoked::without_effect(watch, refusals)
}

async fn price_changed(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let graphql = complete(world, &buyer.cart, "tok_visa", "key", Some("0.01")).await;
    let mut body = payment("tok_visa");
    body["expectedTotal"] = json!("49.90");
    let request = world.rest(
        Method::POST,
        &format!("/store/carts/{}/complete", buyer.cart),
        None,
    );
    let rest = Answer::of(request.header("idempotency-key", "key-2").json(&body)).await;
    assert_eq!(
        rest.body["cart"]["cost"]["total"]["amount"], "54.80",
        "the cart as it stands: {rest:?}"
    );
    Provoked::without_effect(watch, vec![graphql.user_error("cartComplete"), rest.problem()])
}

async fn insufficient_stock(world: &World) -> Provoked {
    let admin = world.admin().await;
    let rare = world
        .shop
        .add_product(&admin, &world.name("Rare"), "99.00", 1)
        .await;
    let name = world.name("late");
    let buyer = Buyer::with_cart(&world.shop, &name, &[(&world.lamp, 1), (&rare, 1)]).await;
    let name = world.name("first");
    let first = Buyer::with_cart(&world.shop, &name, &[(&rare, 1)]).await;
    let placed = first.complete("tok_visa", "key").await;
    assert_eq!(placed.kind, "CartCompleteSuccess", "{placed:?}");
    eventually("the order is captured", WAIT, || async {
        (first.order().await["state"] == "CONFIRMED").then_some(())
    })
    .await;
    let watch = world.watch(&[&buyer.cart]).await;
    let graphql = complete(world, &buyer.cart, "tok_visa", "key", None).await;
    let rest = world.complete(&buyer.cart, "tok_visa", "key-2").await;
    Provoked::without_effect(watch, vec![graphql.user_error("cartComplete"), rest.problem()])
}

async fn invalid_state(world: &World) -> Provoked {
    let order = world.order().await;
    let shipped = mutate(world, "orderFulfill", &order, "").await;
    assert_eq!(
        shipped.body["data"]["orderFulfill"]["userErrors"],
        json!([]),
        "{shipped:?}"
    );
    let watch = world.watch(&[]).await;
    let mut refusals = vec![
        // A shipped order is not canceled, and not shipped again.
        mutate(world, "orderCancel", &order, "")
            .await
            .user_error("orderCancel"),
        staff(world, &format!("/admin/orders/{order}/cancel"), json!({}))
            .await
            .problem(),
        mutate(world, "orderFulfill", &order, "")
            .await
            .user_error("orderFulfill"),
    ];
    refusals.push(
        staff(world, &format!("/admin/orders/{order}/fulfill"), json!({}))
            .await
            .problem(),
    );
    Provoked::without_effect(watch, refusals)
}

async fn discount_code_limit_reached(world: &World) -> Provoked {
    let admin = world.admin().await;
    let query = "mutation($input: DiscountInput!) { discountCreate(input: $input) {
        discount { id } userErrors { code field message } } }";
    let input = json!({ "code": "ONLYONE", "kind": "PERCENT", "value": "10", "usageLimit": 1 });
    let data = world
        .shop
        .graphql(Some(&admin), query, json!({ "input": input }))
        .await;
    assert_eq!(data["discountCreate"]["userErrors"], json!([]), "{data}");
    let second = world.buyer().await.with_discount("ONLYONE").await;
    let first = world.buyer().await.with_discount("ONLYONE").await;
    let placed = first.complete("tok_visa", "key").await;
    assert_eq!(placed.kind, "CartCompleteSuccess", "{placed:?}");
    eventually("the order is captured", WAIT, || async {
        (first.order().await["state"] == "CONFIRMED").then_some(())
    })
    .await;
    let watch = world.watch(&[&second.cart]).await;
    let graphql = complete(world, &second.cart, "tok_visa", "key", None).await;
    let rest = world.complete(&second.cart, "tok_visa", "key-2").await;
    Provoked::without_effect(watch, vec![graphql.user_error("cartComplete"), rest.problem()])
}

async fn idempotency_key_reused(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let placed = buyer.complete("tok_visa", "key").await;
    assert_eq!(placed.kind, "CartCompleteSuccess", "{placed:?}");
    eventually("the order is captured", WAIT, || async {
        (buyer.order().await["state"] == "CONFIRMED").then_some(())
    })
    .await;
    let admin = world.admin().await;
    let adjust = async |delta: i32| {
        let request = world.rest(
            Method::POST,
            &format!("/admin/inventory/{}/adjust", world.lamp),
            Some(&admin),
        );
        let request = request.header("idempotency-key", format!("count-{}", placed.order));
        Answer::of(request.json(&json!({ "delta": delta, "reason": "counted" }))).await
    };
    let counted = adjust(5).await;
    assert_eq!(counted.status, 200, "{counted:?}");
    let watch = world.watch(&[&buyer.cart]).await;
    let refusals = vec![
        complete(world, &buyer.cart, "tok_declined", "key", None)
            .await
            .user_error("cartComplete"),
        world
            .complete(&buyer.cart, "tok_requires_action", "key")
            .await
            .problem(),
        adjust(500).await.problem(),
    ];
    Provoked::without_effect(watch, refusals)
}

async fn refund_exceeds_capture(world: &World) -> Provoked {
    let order = world.order().await;
    let watch = world.watch(&[]).await;
    let graphql = mutate(
        world,
        "orderRefund",
        &order,
        "amount: \"54.81\", reason: \"greed\",",
    )
    .await;
    let body = json!({ "amount": "1000.00", "reason": "greed" });
    let rest = staff(world, &format!("/admin/orders/{order}/refund"), body).await;
    Provoked::without_effect(watch, vec![graphql.user_error("orderRefund"), rest.problem()])
}

async fn reservation_limit(_: &World) -> Provoked {
    let world = World::new(&[("COMPTOIR_LIMIT_HOLDS_ADDRESS", "1")]).await;
    let first = world.buyer().await;
    let waiting = first.complete("tok_requires_action", "key").await;
    assert_eq!(waiting.kind, "CartCompleteActionRequired", "{waiting:?}");
    let second = world.buyer().await;
    let watch = world.watch(&[&second.cart]).await;
    let graphql = complete(&world, &second.cart, "tok_requires_action", "key", None).await;
    let rest = world.complete(&second.cart, "tok_requires_action", "key-2").await;
    eventually("nothing of it stays", WAIT, || async {
        (watch.again(&world).await == watch.state).then_some(())
    })
    .await;
    Provoked::compared(vec![graphql.field("cartComplete"), rest.problem()])
}

/// The provider does not answer, so the result is unknown: neither an order nor a charge may be visible.
async fn dependency_unavailable(_: &World) -> Provoked {
    let mut world = World::new(&[]).await;
    let (cart, email) = world.cart().await;
    world.shop.restart(&[("COMPTOIR_LIMIT_REQUEST", "6")]).await;
    let buyer = Buyer::of(&world.shop, &cart, &email);
    let graphql = complete(&world, &buyer.cart, "tok_unavailable", "key", None).await;
    let rest = world.complete(&buyer.cart, "tok_unavailable", "key").await;
    let admin = world.admin().await;
    let query = "{ adminOrders(first: 10) { totalCount } }";
    assert_eq!(
        world.shop.graphql(Some(&admin), query, json!({})).await["adminOrders"]["totalCount"],
        0
    );
    let payments = world.shop.payments(None).await;
    assert_eq!(
        (authorisations(&payments), charges(&payments)),
        (0, 0),
        "{payments:#?}"
    );
    let (on_hand, reserved) = world.shop.stock(&admin, &world.lamp).await;
    assert!(
        on_hand == 1000 && reserved <= 1,
        "at most held: {on_hand} {reserved}"
    );
    Provoked::compared(vec![graphql.field("cartComplete"), rest.problem()])
}
