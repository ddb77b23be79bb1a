//! Carts and their lines, through the generated client.

use crate::support::{ADA, BOB, Setup, inputs, mongo::on_mongo, outcome, violations};
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::{
    catalog::v1::ProductStatus,
    orders::v1::{
        AddLinesRequest, Cart, CartLineUpdate, CreateCartRequest, GetActiveCartRequest, GetCartRequest,
        RemoveLinesRequest, UpdateLinesRequest,
    },
};

async fn create(setup: &Setup, request: CreateCartRequest) -> Result<Cart, Error> {
    outcome(setup.carts.clone().create_cart(request).await).map(|answer| answer.cart.unwrap())
}

async fn add(setup: &Setup, cart_id: &str, lines: &[(&str, i32)]) -> Result<Cart, Error> {
    let request = AddLinesRequest {
        cart_id: cart_id.to_owned(),
        lines: inputs(lines),
    };
    outcome(setup.carts.clone().add_lines(request).await).map(|answer| answer.cart.unwrap())
}

async fn set(setup: &Setup, cart: &Cart, lines: &[(&str, i32)]) -> Result<Cart, Error> {
    let lines = lines
        .iter()
        .map(|(line_id, quantity)| CartLineUpdate {
            line_id: (*line_id).to_owned(),
            quantity: *quantity,
        })
        .collect();
    let request = UpdateLinesRequest {
        cart_id: cart.id.clone(),
        lines,
    };
    outcome(setup.carts.clone().update_lines(request).await).map(|answer| answer.cart.unwrap())
}

async fn remove(setup: &Setup, cart: &Cart, lines: &[&str]) -> Result<Cart, Error> {
    let line_ids = lines.iter().map(|id| (*id).to_owned()).collect();
    let request = RemoveLinesRequest {
        cart_id: cart.id.clone(),
        line_ids,
    };
    outcome(setup.carts.clone().remove_lines(request).await).map(|answer| answer.cart.unwrap())
}

async fn get(setup: &Setup, cart_id: &str) -> Result<Cart, Error> {
    let request = GetCartRequest {
        cart_id: cart_id.to_owned(),
    };
    outcome(setup.carts.clone().get_cart(request).await).map(|answer| answer.cart.unwrap())
}

fn quantities(cart: &Cart) -> Vec<i32> {
    cart.lines.iter().map(|line| line.quantity).collect()
}

#[tokio::test]
async fn a_guests_cart_is_made_and_read_at_todays_prices() {
    let setup = Setup::new().await;
    let (cup, plate) = (setup.catalog.add(1250, 10), setup.catalog.add(4990, 3));
    let request = CreateCartRequest {
        lines: inputs(&[(&cup, 2), (&plate, 1), (&cup, 1)]),
        email: Some(" Ada@Example.org ".to_owned()),
        currency_code: Some("EUR".to_owned()),
        locale: Some("en-GB".to_owned()),
    };
    let cart = create(&setup, request).await.unwrap();
    assert!(comptoir_mesh::ids::is_id(&cart.id, "cart_"), "{}", cart.id);
    assert_eq!(
        (cart.customer_id.as_deref(), cart.email.as_deref()),
        (None, Some("Ada@Example.org"))
    );
    assert_eq!(
        (quantities(&cart), cart.version, cart.currency_code.as_str()),
        (vec![3, 1], 1, "EUR")
    );
    let cost = cart.cost.as_ref().unwrap();
    assert_eq!(cost.subtotal.as_ref().unwrap().minor_units, 3 * 1250 + 4990);
    assert_eq!(cost.total, cost.subtotal, "nothing is delivered yet");
    assert_eq!(
        setup.catalog.calls("BatchGetVariants"),
        1,
        "one call for all lines"
    );
    let line = &cart.lines[0];
    assert_eq!(line.line_total.as_ref().unwrap().minor_units, 3750);
    let variant = line.variant.as_ref().unwrap();
    assert_eq!(
        (variant.quantity_available, variant.quantity_on_hand),
        (10, None),
        "staff's figures stay out"
    );
    assert_eq!(get(&setup, &cart.id).await.unwrap(), cart);

    setup.catalog.set_price(&cup, 1000);
    let now = get(&setup, &cart.id).await.unwrap();
    assert_eq!(now.lines[0].unit_price.as_ref().unwrap().minor_units, 1000);
    assert_eq!(now.cost.unwrap().subtotal.unwrap().minor_units, 3000 + 4990);
}

#[tokio::test]
async fn what_a_cart_begins_with_is_checked() {
    let setup = Setup::new().await;
    let refused = async |request| create(&setup, request).await.unwrap_err();
    let error = refused(CreateCartRequest {
        email: Some("ze\u{200B}ro@example.org".to_owned()),
        currency_code: Some("USD".to_owned()),
        locale: Some("français".to_owned()),
        lines: Vec::new(),
    })
    .await;
    assert_eq!(
        violations(&error),
        [
            ("email", ErrorReason::InvalidText),
            ("currency_code", ErrorReason::CurrencyMismatch),
            ("locale", ErrorReason::ValidationFailed),
        ]
    );
    let error = refused(CreateCartRequest {
        currency_code: Some("XYZ".to_owned()),
        ..CreateCartRequest::default()
    })
    .await;
    assert_eq!(error.reason(), ErrorReason::InvalidCurrency);
    assert!(
        create(&setup, CreateCartRequest::default())
            .await
            .unwrap()
            .lines
            .is_empty(),
        "a cart may be empty"
    );
}

#[tokio::test]
async fn units_of_one_variant_go_to_one_line() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(1250, 10);
    let cart = setup.cart(&[(&cup, 1)]).await;
    let after = add(&setup, &cart.id, &[(&cup, 2), (&cup, 3)]).await.unwrap();
    assert_eq!(
        (quantities(&after), after.lines[0].id == cart.lines[0].id),
        (vec![6], true)
    );
    assert_eq!(after.version, 2);
    let same = add(&setup, &cart.id, &[]).await.unwrap();
    assert_eq!(same.version, 2, "nothing added is no change");
}

#[tokio::test]
async fn quantities_are_one_to_999_on_the_sum() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(100, 10);
    let cart = setup.cart(&[(&cup, 990)]).await;
    let refused = async |lines: &[(&str, i32)]| add(&setup, &cart.id, lines).await.unwrap_err();
    for quantity in [0, -1, i32::MIN] {
        let error = refused(&[(&cup, 1), (&cup, quantity)]).await;
        assert_eq!(
            violations(&error),
            [("lines.1.quantity", ErrorReason::InvalidQuantity)]
        );
    }
    for quantity in [1000, i32::MAX] {
        let error = refused(&[(&cup, quantity)]).await;
        assert_eq!(
            violations(&error),
            [("lines.0.quantity", ErrorReason::QuantityOutOfRange)]
        );
    }
    let error = refused(&[(&cup, 10)]).await;
    assert_eq!(
        violations(&error),
        [("lines.0.quantity", ErrorReason::QuantityOutOfRange)]
    );
    // Split over a hundred lines, each of which alone would be allowed.
    let split = vec![(cup.as_str(), 10); 100];
    assert_eq!(refused(&split).await.reason(), ErrorReason::QuantityOutOfRange);
    assert_eq!(
        quantities(&get(&setup, &cart.id).await.unwrap()),
        [990],
        "a refusal changes nothing"
    );
    assert_eq!(
        quantities(&add(&setup, &cart.id, &[(&cup, 9)]).await.unwrap()),
        [999]
    );

    let line = cart.lines[0].id.as_str();
    let refused = async |quantity| set(&setup, &cart, &[(line, quantity)]).await.unwrap_err();
    assert_eq!(
        violations(&refused(0).await),
        [("lines.0.quantity", ErrorReason::InvalidQuantity)]
    );
    assert_eq!(
        violations(&refused(1000).await),
        [("lines.0.quantity", ErrorReason::QuantityOutOfRange)]
    );
    assert_eq!(quantities(&set(&setup, &cart, &[(line, 5)]).await.unwrap()), [5]);
}

#[tokio::test]
async fn a_cart_has_at_most_100_lines() {
    let setup = Setup::new().await;
    let variants: Vec<String> = (0..101).map(|n| setup.catalog.add(100 + n, 1)).collect();
    let lines: Vec<(&str, i32)> = variants.iter().map(|id| (id.as_str(), 1)).collect();
    let cart = setup.cart(&lines[..100]).await;
    assert_eq!(cart.lines.len(), 100);
    let error = add(&setup, &cart.id, &lines[100..]).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::TooManyLines);
    assert_eq!(
        quantities(&add(&setup, &cart.id, &lines[..1]).await.unwrap())[0],
        2,
        "one that is there gets more"
    );
    let calls = setup.catalog.calls("BatchGetVariants");
    let many = vec![(variants[0].as_str(), 1); 2000];
    let request = CreateCartRequest {
        lines: inputs(&many),
        ..CreateCartRequest::default()
    };
    assert_eq!(
        create(&setup, request).await.unwrap_err().reason(),
        ErrorReason::TooManyLines
    );
    assert_eq!(
        setup.catalog.calls("BatchGetVariants"),
        calls,
        "refused before the catalogue is asked"
    );
}

#[tokio::test]
async fn limits_are_settings() {
    let setup = Setup::with(comptoir_shop::DEFAULT, |config| {
        config.orders_limit_cart_lines = 1;
        config.orders_limit_line_quantity = 0;
    })
    .await;
    let (cup, plate) = (setup.catalog.add(100, 1), setup.catalog.add(100, 1));
    let cart = setup.cart(&[(&cup, i32::MAX)]).await;
    let error = add(&setup, &cart.id, &[(&cup, 1)]).await.unwrap_err();
    assert_eq!(
        error.reason(),
        ErrorReason::QuantityOutOfRange,
        "no limit still is what 31 bits hold"
    );
    assert_eq!(
        add(&setup, &cart.id, &[(&plate, 1)]).await.unwrap_err().reason(),
        ErrorReason::TooManyLines
    );
}

#[tokio::test]
async fn what_64_bits_cannot_hold_is_refused() {
    let setup = Setup::new().await;
    let yacht = setup.catalog.add(i64::MAX / 500, 999);
    let cart = setup.cart(&[(&yacht, 500)]).await;
    let error = add(&setup, &cart.id, &[(&yacht, 1)]).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::QuantityOutOfRange);
    assert_eq!(quantities(&get(&setup, &cart.id).await.unwrap()), [500]);
}

#[tokio::test]
async fn only_what_is_for_sale_is_put_in() {
    let setup = Setup::new().await;
    let (cup, draft, dollars) = (
        setup.catalog.add(100, 0),
        setup.catalog.add(100, 5),
        setup.catalog.add(100, 5),
    );
    setup
        .catalog
        .change(&draft, |variant| variant.set_product_status(ProductStatus::Draft));
    setup.catalog.change(&dollars, |variant| {
        variant.price = Some(comptoir_shop::money::money(100, "USD"));
    });
    let cart = setup.cart(&[(&cup, 1)]).await;
    assert_eq!(
        quantities(&cart),
        [1],
        "how many units are left is for the order to find out"
    );
    let absent = setup.test.env.ids.new_id("var_");
    let long = "var_".repeat(3000);
    let wanted = [
        (cup.as_str(), 1),
        (&absent, 1),
        (&draft, 1),
        (&dollars, 1),
        ("' OR 1=1--", 1),
        ("", 1),
        (&long, 1),
    ];
    let error = add(&setup, &cart.id, &wanted).await.unwrap_err();
    let expected: Vec<_> = (1..7).map(|n| format!("lines.{n}.variant_id")).collect();
    let named: Vec<_> = violations(&error).into_iter().map(|(field, _)| field).collect();
    assert_eq!(
        (named, error.reason()),
        (
            expected.iter().map(String::as_str).collect(),
            ErrorReason::ProductUnavailable
        )
    );
    assert_eq!(get(&setup, &cart.id).await.unwrap().version, 1);
}

#[tokio::test]
async fn a_product_that_goes_stays_visible_at_its_last_price() {
    let setup = Setup::new().await;
    let (cup, plate) = (setup.catalog.add(100, 5), setup.catalog.add(300, 5));
    let cart = setup.cart(&[(&cup, 2), (&plate, 1)]).await;
    setup.catalog.remove(&cup);
    let now = get(&setup, &cart.id).await.unwrap();
    assert_eq!(
        now.cost.as_ref().unwrap().subtotal.as_ref().unwrap().minor_units,
        500
    );
    let variant = now.lines[0].variant.as_ref().unwrap();
    assert_eq!(
        (variant.product_title.as_str(), variant.product_status()),
        ("Thing for 100", ProductStatus::Archived)
    );
    let line = now.lines[0].id.as_str();
    let error = set(&setup, &now, &[(line, 1)]).await.unwrap_err();
    assert_eq!(
        violations(&error),
        [("lines.0.line_id", ErrorReason::ProductUnavailable)]
    );
    assert_eq!(
        quantities(&remove(&setup, &now, &[line]).await.unwrap()),
        [1],
        "it can be taken out"
    );
}

#[tokio::test]
async fn lines_are_changed_and_taken_out_by_id() {
    let setup = Setup::new().await;
    let (cup, plate) = (setup.catalog.add(100, 5), setup.catalog.add(300, 5));
    let cart = setup.cart(&[(&cup, 2), (&plate, 1)]).await;
    let (first, second) = (cart.lines[0].id.as_str(), cart.lines[1].id.as_str());
    assert_eq!(
        quantities(&set(&setup, &cart, &[(second, 7), (first, 1)]).await.unwrap()),
        [1, 7]
    );
    let error = set(&setup, &cart, &[(first, 3), ("line_x", 1)])
        .await
        .unwrap_err();
    assert_eq!(violations(&error), [("lines.1.line_id", ErrorReason::NotFound)]);
    let error = set(&setup, &cart, &[(first, 3), (first, 4)]).await.unwrap_err();
    assert_eq!(
        violations(&error),
        [("lines.1.line_id", ErrorReason::ValidationFailed)]
    );
    let error = remove(&setup, &cart, &[first, "line_x"]).await.unwrap_err();
    assert_eq!(violations(&error), [("line_ids.1", ErrorReason::NotFound)]);
    assert_eq!(
        quantities(&get(&setup, &cart.id).await.unwrap()),
        [1, 7],
        "all of a change or none"
    );
    let empty = remove(&setup, &cart, &[second, first, second]).await.unwrap();
    assert!(empty.lines.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_concurrent_change_is_lost() {
    let setup = Setup::new().await;
    let (cup, plate) = (setup.catalog.add(100, 5), setup.catalog.add(300, 5));
    let cart = setup.cart(&[(&cup, 1)]).await;
    let adding = (0..100).map(|n| {
        let request = AddLinesRequest {
            cart_id: cart.id.clone(),
            lines: inputs(&[(if n % 2 == 0 { &cup } else { &plate }, 1)]),
        };
        let mut carts = setup.carts.clone();
        tokio::spawn(async move { carts.add_lines(request).await.map(drop) })
    });
    for added in adding.collect::<Vec<_>>() {
        added.await.unwrap().unwrap();
    }
    let cart = get(&setup, &cart.id).await.unwrap();
    assert_eq!((quantities(&cart), cart.version), (vec![51, 50], 101));
}

#[tokio::test]
async fn a_customers_cart_answers_to_nobody_else() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(100, 5);
    let cart = setup.as_customer(ADA, setup.cart(&[(&cup, 1)])).await;
    assert_eq!(cart.customer_id.as_deref(), Some(ADA));
    let reason = |outcome: Result<Cart, Error>| outcome.unwrap_err().reason();
    assert_eq!(
        reason(get(&setup, &cart.id).await),
        ErrorReason::NotFound,
        "a guest"
    );
    assert_eq!(
        reason(add(&setup, &cart.id, &[(&cup, 1)]).await),
        ErrorReason::NotFound
    );
    let bob = async {
        (
            get(&setup, &cart.id).await,
            remove(&setup, &cart, &[&cart.lines[0].id]).await,
        )
    };
    let (read, removed) = setup.as_customer(BOB, bob).await;
    assert_eq!(
        (reason(read), reason(removed)),
        (ErrorReason::NotFound, ErrorReason::NotFound)
    );
    assert_eq!(
        reason(setup.as_staff(get(&setup, &cart.id)).await),
        ErrorReason::NotFound
    );
    assert_eq!(setup.as_customer(ADA, get(&setup, &cart.id)).await.unwrap(), cart);
    // The very answer of a cart that is not there.
    let absent = get(&setup, "cart_00000000000000000000000000").await.unwrap_err();
    let other = get(&setup, &cart.id).await.unwrap_err();
    assert_eq!(
        (absent.reason(), absent.message()),
        (other.reason(), other.message())
    );
}

#[tokio::test]
async fn the_active_cart_is_the_callers_newest() {
    let setup = Setup::new().await;
    let active = async || {
        let answer = outcome(setup.carts.clone().get_active_cart(GetActiveCartRequest {}).await)?;
        Ok::<_, Error>(answer.cart.map(|cart| cart.id))
    };
    assert_eq!(active().await.unwrap_err().reason(), ErrorReason::Unauthenticated);
    setup
        .as_customer(ADA, async {
            assert_eq!(active().await.unwrap(), None);
            let first = setup.cart(&[]).await;
            assert_eq!(active().await.unwrap(), Some(first.id));
            setup.test.clock.advance(std::time::Duration::from_secs(1));
            let second = setup.cart(&[]).await;
            assert_eq!(active().await.unwrap(), Some(second.id));
        })
        .await;
    assert_eq!(setup.as_customer(BOB, active()).await.unwrap(), None);
}

#[tokio::test]
async fn without_the_catalogue_a_cart_with_lines_is_unavailable() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(100, 5);
    let cart = setup.cart(&[(&cup, 1)]).await;
    setup.catalog.set_down(true);
    assert_eq!(
        get(&setup, &cart.id).await.unwrap_err().reason(),
        ErrorReason::DependencyUnavailable
    );
    let error = add(&setup, &cart.id, &[(&cup, 1)]).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
    assert!(
        setup.cart(&[]).await.lines.is_empty(),
        "an empty one needs nothing of it"
    );
    setup.catalog.set_down(false);
    assert_eq!(get(&setup, &cart.id).await.unwrap(), cart);
}

on_mongo!(
    a_guests_cart_is_made_and_read_at_todays_prices,
    what_a_cart_begins_with_is_checked,
    units_of_one_variant_go_to_one_line,
    quantities_are_one_to_999_on_the_sum,
    a_cart_has_at_most_100_lines,
    limits_are_settings,
    what_64_bits_cannot_hold_is_refused,
    only_what_is_for_sale_is_put_in,
    a_product_that_goes_stays_visible_at_its_last_price,
    lines_are_changed_and_taken_out_by_id,
    no_concurrent_change_is_lost,
    a_customers_cart_answers_to_nobody_else,
    the_active_cart_is_the_callers_newest,
    without_the_catalogue_a_cart_with_lines_is_unavailable,
);
