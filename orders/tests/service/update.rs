//! Who buys, where it goes, how, and what it then comes to.

use crate::support::{Setup, address, of, violations};
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::{
    orders::v1::{Cart, UpdateCartRequest},
    types::Address,
};

fn options(cart: &Cart) -> Vec<(&str, i64)> {
    cart.delivery_options
        .iter()
        .map(|option| (option.id.as_str(), option.price.as_ref().unwrap().minor_units))
        .collect()
}

/// Subtotal, discount, shipping, tax and total.
fn cost(cart: &Cart) -> [i64; 5] {
    let cost = cart.cost.as_ref().unwrap();
    [
        &cost.subtotal,
        &cost.discount_total,
        &cost.shipping_total,
        &cost.tax_total,
        &cost.total,
    ]
    .map(|part| part.as_ref().unwrap().minor_units)
}

#[tokio::test]
async fn what_is_present_changes_and_the_rest_stays() {
    let setup = Setup::new().await;
    let cart = setup.cart(&[]).await;
    let first = setup
        .update(UpdateCartRequest {
            email: Some("Ada@Example.org".to_owned()),
            phone: Some("+33 6 12 34 56 78".to_owned()),
            delivery_address: Some(Address {
                last_name: "Zoe\u{0308}".to_owned(),
                ..address("FR")
            }),
            ..of(&cart)
        })
        .await
        .unwrap();
    assert_eq!(
        first.delivery_address.as_ref().unwrap().last_name,
        "Zoë",
        "kept in NFC"
    );
    assert_eq!(first.billing_address, None);
    let second = setup
        .update(UpdateCartRequest {
            billing_address: Some(address("US")),
            ..of(&cart)
        })
        .await
        .unwrap();
    assert_eq!((&second.email, &second.phone), (&first.email, &first.phone));
    assert_eq!(
        second.billing_address.unwrap().country_code,
        "US",
        "bills go everywhere"
    );
    let third = setup
        .update(UpdateCartRequest {
            email: Some(String::new()),
            phone: Some(" ".to_owned()),
            remove_billing_address: true,
            ..of(&cart)
        })
        .await
        .unwrap();
    assert_eq!(
        (third.email, third.phone, third.billing_address),
        (None, None, None)
    );
    assert_eq!(third.version, 4);
    let same = setup.update(of(&cart)).await.unwrap();
    assert_eq!(same.version, 4, "nothing present is no change");
}

#[tokio::test]
async fn everything_that_is_wrong_is_named() {
    let setup = Setup::new().await;
    let cart = setup.cart(&[]).await;
    let error = setup
        .update(UpdateCartRequest {
            email: Some("a\r\nBcc: x@y.fr".to_owned()),
            phone: Some("call me".to_owned()),
            delivery_address: Some(Address {
                first_name: "x".repeat(1_000_000),
                ..address("FR")
            }),
            billing_address: Some(Address {
                city: "\u{202E}siraP".to_owned(),
                ..address("XX")
            }),
            ..of(&cart)
        })
        .await
        .unwrap_err();
    assert_eq!(
        violations(&error),
        [
            ("email", ErrorReason::InvalidText),
            ("phone", ErrorReason::ValidationFailed),
            ("delivery_address.first_name", ErrorReason::InvalidText),
            ("billing_address.city", ErrorReason::InvalidText),
            ("billing_address.country_code", ErrorReason::ValidationFailed),
        ]
    );
    assert_eq!(setup.read(&cart.id).await, cart);
}

#[tokio::test]
async fn the_shop_delivers_where_its_file_says() {
    let setup = Setup::new().await;
    let cart = setup.cart(&[]).await;
    let to = async |country| {
        setup
            .update(UpdateCartRequest {
                delivery_address: Some(address(country)),
                ..of(&cart)
            })
            .await
    };
    let error = to("US").await.unwrap_err();
    assert_eq!(
        violations(&error),
        [(
            "delivery_address.country_code",
            ErrorReason::DestinationNotAllowed
        )]
    );
    let error = to("fr").await.unwrap_err();
    assert_eq!(
        violations(&error),
        [("delivery_address.country_code", ErrorReason::ValidationFailed)]
    );
    assert_eq!(
        options(&to("FR").await.unwrap()),
        [("standard", 490), ("express", 1290), ("pickup", 0)]
    );
    assert_eq!(options(&to("PT").await.unwrap()), [("standard", 490)]);
}

#[tokio::test]
async fn a_delivery_option_is_one_that_is_offered() {
    let setup = Setup::new().await;
    let cart = setup.cart(&[]).await;
    let choose = async |id: &str, country: Option<&str>| {
        let delivery_option_id = (!id.is_empty()).then(|| id.to_owned());
        setup
            .update(UpdateCartRequest {
                delivery_option_id,
                delivery_address: country.map(address),
                ..of(&cart)
            })
            .await
    };
    let selected = |cart: Cart| cart.selected_delivery_option.map(|option| option.id);
    let error = choose("standard", None).await.unwrap_err();
    assert_eq!(
        violations(&error),
        [("delivery_option_id", ErrorReason::ValidationFailed)],
        "no address yet"
    );
    let both = choose("express", Some("FR")).await.unwrap();
    assert_eq!(
        selected(both).as_deref(),
        Some("express"),
        "address and option in one go"
    );
    for id in ["drone", "", "pickup' --"]
        .into_iter()
        .filter(|id| !id.is_empty())
    {
        assert_eq!(
            choose(id, None).await.unwrap_err().reason(),
            ErrorReason::ValidationFailed
        );
    }
    assert_eq!(
        choose("pickup", Some("PT")).await.unwrap_err().reason(),
        ErrorReason::ValidationFailed
    );
    assert_eq!(
        selected(choose("", Some("BE")).await.unwrap()).as_deref(),
        Some("express"),
        "still offered"
    );
    assert_eq!(
        selected(choose("", Some("PT")).await.unwrap()),
        None,
        "dropped where it is not offered"
    );
    assert_eq!(
        selected(choose("standard", None).await.unwrap()).as_deref(),
        Some("standard")
    );
}

#[tokio::test]
async fn gross_prices_show_the_tax_of_the_country_they_go_to() {
    let setup = Setup::new().await;
    let plate = setup.catalog.add(4990, 5);
    let cart = setup.cart(&[(&plate, 1)]).await;
    assert_eq!(cost(&cart), [4990, 0, 0, 0, 4990], "no country, no tax");
    let cart = setup.ready_cart(&[(&plate, 1)]).await;
    assert_eq!(
        cost(&cart),
        [4990, 0, 490, 913, 5480],
        "a sixth of what it comes to"
    );
    let tax = &cart.cost.as_ref().unwrap().taxes[0];
    assert_eq!(
        (tax.name.as_str(), tax.percent.as_str(), tax.included),
        ("TVA", "20", true)
    );
    let cart = setup
        .update(UpdateCartRequest {
            delivery_address: Some(address("CH")),
            ..of(&cart)
        })
        .await
        .unwrap();
    assert_eq!(cost(&cart), [4990, 0, 490, 411, 5480]);
    assert_eq!(cart.cost.unwrap().taxes[0].percent, "8.1");
    let big = setup.ready_cart(&[(&plate, 2)]).await;
    assert_eq!(
        cost(&big),
        [9980, 0, 0, 1663, 9980],
        "delivery is free from 80.00"
    );
    assert_eq!(options(&big)[0], ("standard", 0));
}

#[tokio::test]
async fn net_prices_get_the_tax_on_top() {
    let shop = comptoir_shop::DEFAULT.replace("prices_include_tax = true", "prices_include_tax = false");
    let setup = Setup::with(&shop, |_| {}).await;
    let plate = setup.catalog.add(4990, 5);
    let cart = setup.ready_cart(&[(&plate, 1)]).await;
    assert_eq!(cost(&cart), [4990, 0, 490, 1096, 6576]);
    assert!(!cart.cost.unwrap().taxes[0].included);
}

#[tokio::test]
async fn currencies_without_minor_units_are_priced_the_same_way() {
    let shop = r#"
        name = "Shop"
        currency = "JPY"
        time_zone = "Asia/Tokyo"
        locales = ["en"]
        countries = ["FR"]
        [[delivery]]
        id = "standard"
        name = "Standard"
        price = "500"
        [[tax]]
        name = "Tax"
        percent = "10"
    "#;
    let setup = Setup::with(shop, |_| {}).await;
    let cup = setup.catalog.add(1999, 5);
    let cart = setup.ready_cart(&[(&cup, 1)]).await;
    assert_eq!(cost(&cart), [1999, 0, 500, 227, 2499]);
    assert_eq!(cart.currency_code, "JPY");
}
