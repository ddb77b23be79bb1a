//! What is refused about products, and about what goes into a cart.

use comptoir_e2e::Buyer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    answer::Answer,
    case::{Case, Provoked, case},
    world::World,
};

pub(crate) const CASES: &[Case] = &[
    case!(InvalidQuantity, 422, invalid_quantity),
    case!(QuantityOutOfRange, 422, quantity_out_of_range),
    case!(TooManyLines, 422, too_many_lines),
    case!(InvalidCurrency, 422, invalid_currency),
    case!(CurrencyMismatch, 422, currency_mismatch),
    case!(ProductUnavailable, 422, product_unavailable),
    case!(UrlNotAllowed, 422, url_not_allowed),
    case!(DestinationNotAllowed, 422, destination_not_allowed),
    case!(DiscountCodeInvalid, 422, discount_code_invalid),
    case!(DiscountCodeExpired, 422, discount_code_expired),
];

/// Adds units to a cart, by GraphQL and by REST.
async fn add(world: &World, cart: &str, variant: &str, quantity: i64) -> (Answer, Answer) {
    let query =
        "mutation($cart: ID!, $lines: [CartLineInput!]!) { cartLinesAdd(cartId: $cart, lines: $lines) {
        cart { id } userErrors { code field message } } }";
    let line = json!({ "variantId": variant, "quantity": quantity });
    let graphql = world
        .graphql(None, query, json!({ "cart": cart, "lines": [line] }))
        .await;
    (
        graphql,
        world
            .send(
                Method::POST,
                &format!("/store/carts/{cart}/line-items"),
                None,
                &line,
            )
            .await,
    )
}

/// Creates a product, by GraphQL and by REST.
async fn create(world: &World, input: Value) -> (Answer, Answer) {
    let admin = world.admin().await;
    let query = "mutation($input: ProductInput!) { productCreate(input: $input) {
        product { id } userErrors { code field message } } }";
    let rest = world
        .send(Method::POST, "/admin/products", Some(&admin), &input)
        .await;
    (
        world
            .graphql(Some(&admin), query, json!({ "input": input }))
            .await,
        rest,
    )
}

async fn invalid_quantity(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let mut refusals = Vec::new();
    for quantity in [0, -1] {
        let (graphql, rest) = add(world, &buyer.cart, &world.lamp, quantity).await;
        refusals.extend([graphql.user_error("cartLinesAdd"), rest.problem()]);
    }
    let line = watch.state[&buyer.cart]["cart"]["lines"][0]["id"]
        .as_str()
        .expect("a line")
        .to_owned();
    for quantity in [json!(0.5), json!("1"), json!(null), json!(-9e18)] {
        let path = format!("/store/carts/{}/line-items/{line}", buyer.cart);
        refusals.push(
            world
                .send(Method::PATCH, &path, None, &json!({ "quantity": quantity }))
                .await
                .problem(),
        );
    }
    let query = "mutation($cart: ID!, $line: ID!) { cartLinesUpdate(cartId: $cart, lines: [{ id: $line, quantity: 0 }]) {
        cart { id } userErrors { code field message } } }";
    let answer = world
        .graphql(None, query, json!({ "cart": buyer.cart, "line": line }))
        .await;
    refusals.push(answer.user_error("cartLinesUpdate"));
    Provoked::without_effect(watch, refusals)
}

async fn quantity_out_of_range(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let mut refusals = Vec::new();
    // The last one is within the limit alone, but not together with the lines of the cart.
    for quantity in [1000, i64::from(i32::MAX), 999] {
        let (graphql, rest) = add(world, &buyer.cart, &world.lamp, quantity).await;
        refusals.extend([graphql.user_error("cartLinesAdd"), rest.problem()]);
    }
    for quantity in [
        json!(2_147_483_648_i64),
        json!(9_223_372_036_854_775_808_u64),
        json!(1e18),
    ] {
        let line = json!({ "variantId": world.lamp, "quantity": quantity });
        let path = format!("/store/carts/{}/line-items", buyer.cart);
        refusals.push(world.send(Method::POST, &path, None, &line).await.problem());
    }
    Provoked::without_effect(watch, refusals)
}

async fn too_many_lines(_: &World) -> Provoked {
    let world = World::new(&[("COMPTOIR_LIMIT_CART_LINES", "1")]).await;
    let admin = world.admin().await;
    let other = world.shop.add_product(&admin, "Shade", "9.90", 10).await;
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let (graphql, rest) = add(&world, &buyer.cart, &other, 1).await;
    let lines = json!([{ "variantId": world.lamp, "quantity": 1 }, { "variantId": other, "quantity": 1 }]);
    let cart = world
        .send(Method::POST, "/store/carts", None, &json!({ "lines": lines }))
        .await;
    assert_eq!(watch.again(&world).await, watch.state, "it had an effect");
    Provoked::compared(vec![
        graphql.user_error("cartLinesAdd"),
        rest.problem(),
        cart.problem(),
    ])
}

async fn invalid_currency(world: &World) -> Provoked {
    currency(world, "EURO").await
}

async fn currency_mismatch(world: &World) -> Provoked {
    currency(world, "USD").await
}

async fn currency(world: &World, currency: &str) -> Provoked {
    let watch = world.watch(&[]).await;
    let input = json!({ "title": "Foreign", "variants": [{ "price": "1.00", "currencyCode": currency, "quantity": 1 }] });
    let (product, product_rest) = create(world, input).await;
    let query = "mutation($currency: String) { cartCreate(input: { currencyCode: $currency }) {
        cart { id } userErrors { code field message } } }";
    let cart = world.graphql(None, query, json!({ "currency": currency })).await;
    assert!(cart.body["data"]["cartCreate"]["cart"].is_null(), "{cart:?}");
    let cart_rest = world
        .send(
            Method::POST,
            "/store/carts",
            None,
            &json!({ "currencyCode": currency }),
        )
        .await;
    let refusals = vec![
        product.user_error("productCreate"),
        product_rest.problem(),
        cart.user_error("cartCreate"),
        cart_rest.problem(),
    ];
    Provoked::without_effect(watch, refusals)
}

async fn product_unavailable(world: &World) -> Provoked {
    let admin = world.admin().await;
    let query = "mutation($input: ProductInput!) { productCreate(input: $input) {
        product { variants { id } } userErrors { code } } }";
    let title = world.name("Draft");
    let input =
        json!({ "title": title, "status": "DRAFT", "variants": [{ "price": "5.00", "quantity": 5 }] });
    let data = world
        .shop
        .graphql(Some(&admin), query, json!({ "input": input }))
        .await;
    let draft = data["productCreate"]["product"]["variants"][0]["id"]
        .as_str()
        .expect("a variant")
        .to_owned();
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let mut refusals = Vec::new();
    for variant in [draft.as_str(), "var_01JZ0000000000000000000000"] {
        let (graphql, rest) = add(world, &buyer.cart, variant, 1).await;
        refusals.extend([graphql.user_error("cartLinesAdd"), rest.problem()]);
    }
    Provoked::without_effect(watch, refusals)
}

async fn url_not_allowed(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let mut refusals = Vec::new();
    for url in [
        "http://pictures.example/a.png",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ] {
        let variants = json!([{ "price": "1.00", "quantity": 1 }]);
        let (graphql, rest) = create(
            world,
            json!({ "title": "P", "variants": variants, "images": [{ "url": url }] }),
        )
        .await;
        refusals.extend([graphql.user_error("productCreate"), rest.problem()]);
    }
    let query = "mutation($cart: ID!) { cartComplete(cartId: $cart, idempotencyKey: \"key\", payment: {
        provider: \"sandbox\", token: \"tok_visa\", returnUrl: \"https://evil.example/back\" }) {
        ... on CartCompleteFailed { userErrors { code field message } } } }";
    let answer = world.graphql(None, query, json!({ "cart": buyer.cart })).await;
    refusals.push(answer.user_error("cartComplete"));
    let body = json!({
        "payment": { "provider": "sandbox", "token": "tok_visa", "returnUrl": "https://evil.example/back" }
    });
    let complete = world.rest(
        Method::POST,
        &format!("/store/carts/{}/complete", buyer.cart),
        None,
    );
    refusals.push(
        Answer::of(complete.header("idempotency-key", "key").json(&body))
            .await
            .problem(),
    );
    Provoked::without_effect(watch, refusals)
}

async fn destination_not_allowed(world: &World) -> Provoked {
    let buyer = world.buyer().await;
    let watch = world.watch(&[&buyer.cart]).await;
    let address = json!({
        "firstName": "Ada", "lastName": "Lovelace", "line1": "1 Fore Street", "city": "Stanley",
        "postalCode": "FIQQ 1ZZ", "countryCode": "FK"
    });
    let query = "mutation($cart: ID!, $address: AddressInput!) {
        cartDeliveryAddressUpdate(cartId: $cart, address: $address) { cart { id } userErrors { code field message } } }";
    let graphql = world
        .graphql(None, query, json!({ "cart": buyer.cart, "address": address }))
        .await;
    let path = format!("/store/carts/{}", buyer.cart);
    let rest = world
        .send(Method::PATCH, &path, None, &json!({ "deliveryAddress": address }))
        .await;
    Provoked::without_effect(
        watch,
        vec![graphql.user_error("cartDeliveryAddressUpdate"), rest.problem()],
    )
}

/// Puts a code into the cart, by GraphQL and by REST; it is refused.
async fn discount(world: &World, buyer: &Buyer<'_>, code: &str) -> Provoked {
    let watch = world.watch(&[&buyer.cart]).await;
    let query =
        "mutation($cart: ID!, $codes: [String!]!) { cartDiscountCodesUpdate(cartId: $cart, codes: $codes) {
        cart { id } userErrors { code field message } } }";
    let graphql = world
        .graphql(None, query, json!({ "cart": buyer.cart, "codes": [code] }))
        .await;
    let path = format!("/store/carts/{}", buyer.cart);
    let rest = world
        .send(Method::PATCH, &path, None, &json!({ "discountCodes": [code] }))
        .await;
    Provoked::without_effect(
        watch,
        vec![graphql.user_error("cartDiscountCodesUpdate"), rest.problem()],
    )
}

async fn discount_code_invalid(world: &World) -> Provoked {
    discount(world, &world.buyer().await, "NOSUCHCODE").await
}

async fn discount_code_expired(world: &World) -> Provoked {
    let admin = world.admin().await;
    let query = "mutation($input: DiscountInput!) { discountCreate(input: $input) {
        discount { id } userErrors { code field message } } }";
    let input =
        json!({ "code": "LASTYEAR", "kind": "PERCENT", "value": "10", "endsAt": "2020-01-01T00:00:00Z" });
    let data = world
        .shop
        .graphql(Some(&admin), query, json!({ "input": input }))
        .await;
    assert_eq!(data["discountCreate"]["userErrors"], json!([]), "{data}");
    discount(world, &world.buyer().await, "LASTYEAR").await
}
