use comptoir_mesh::error::Reason as _;
use comptoir_shop as shop;

use super::*;

fn shop(currency: &str) -> Shop {
    // No rule of the default shop has an amount that a currency without digits cannot have.
    let mut shop = Shop::parse(shop::DEFAULT).unwrap();
    shop.currency_digits = fraction_digits(currency).unwrap();
    currency.clone_into(&mut shop.currency);
    shop
}

fn input() -> ProductInput {
    ProductInput {
        title: "Tee".to_owned(),
        options: vec!["Size".to_owned()],
        variants: vec![sized("S"), sized("M")],
        ..ProductInput::default()
    }
}

fn sized(size: &str) -> VariantInput {
    VariantInput {
        option_values: vec![size.to_owned()],
        price: "19.90".to_owned(),
        ..VariantInput::default()
    }
}

/// "field CODE" of all that is wrong.
fn refusals(change: impl FnOnce(&mut ProductInput)) -> Vec<String> {
    let mut input = input();
    change(&mut input);
    match product_draft(input, &shop("EUR")) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .field_violations()
            .iter()
            .map(|found| format!("{} {}", found.field, found.reason.code()))
            .collect(),
    }
}

#[test]
fn a_product_is_taken() {
    let draft = product_draft(input(), &shop("EUR")).unwrap();
    assert_eq!((draft.lowest_price(), draft.status), (1990, None));
    assert!(matches!(draft.slug, crate::domain::SlugChoice::Derived(slug) if slug == "tee"));
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let found = refusals(|input| {
        input.title = " ".to_owned();
        input.slug = Some("Not A Slug".to_owned());
        input.tags = vec!["a\u{202e}b".to_owned()];
        input.images = vec![ImageInput {
            url: "http://x.test/a.png".to_owned(),
            alt_text: None,
        }];
        input.variants[0].price = "19.905".to_owned();
        input.variants[1].quantity = Some(-1);
        input.status = 9;
    });
    assert_eq!(
        found,
        [
            "product.title VALIDATION_FAILED",
            "product.slug VALIDATION_FAILED",
            "product.status VALIDATION_FAILED",
            "product.variants.0.price VALIDATION_FAILED",
            "product.variants.1.quantity INVALID_QUANTITY",
            "product.tags.0 INVALID_TEXT",
            "product.images.0.url URL_NOT_ALLOWED",
        ]
    );
}

#[test]
fn variants_fit_the_options_and_differ() {
    assert_eq!(
        refusals(|input| input.variants[1].option_values = vec!["S".to_owned()]),
        ["product.variants.1.option_values VALIDATION_FAILED"]
    );
    assert_eq!(
        refusals(|input| input.variants[1].option_values.clear()),
        ["product.variants.1.option_values VALIDATION_FAILED"]
    );
    assert_eq!(
        refusals(|input| input.variants.clear()),
        ["product.variants VALIDATION_FAILED"]
    );
    for name in ["$where", "a.b"] {
        assert_eq!(
            refusals(|input| input.options[0] = name.to_owned()),
            ["product.options.0 INVALID_KEY"]
        );
    }
}

#[test]
fn prices_are_of_the_shop_and_have_its_digits() {
    let currency = |code: &str| refusals(|input| input.variants[0].currency_code = Some(code.to_owned()));
    assert_eq!(currency("EUR"), Vec::<String>::new());
    assert_eq!(
        currency("USD"),
        ["product.variants.0.currency_code CURRENCY_MISMATCH"]
    );
    assert_eq!(
        currency("EURO"),
        ["product.variants.0.currency_code INVALID_CURRENCY"]
    );
    for price in ["-1", "1e3", "", "1,5", "99999999999999"] {
        assert_eq!(
            refusals(|input| input.variants[0].price = price.to_owned()),
            ["product.variants.0.price VALIDATION_FAILED"]
        );
    }
    for (code, price, minor) in [("JPY", "500", 500), ("BHD", "1.234", 1234), ("EUR", "5", 500)] {
        let mut input = input();
        input
            .variants
            .iter_mut()
            .for_each(|variant| variant.price = price.to_owned());
        let draft = product_draft(input, &shop(code)).unwrap();
        assert_eq!((draft.lowest_price(), draft.currency.as_str()), (minor, code));
    }
}

#[test]
fn what_could_run_is_taken_out_of_html() {
    let mut input = input();
    input.description =
        Some("<p onclick=x()>Hi <script>alert(1)</script><b>you</b></p><img src=x onerror=y()>".to_owned());
    let draft = product_draft(input, &shop("EUR")).unwrap();
    assert_eq!(draft.content.description, "<p>Hi <b>you</b></p><img src=\"x\">");
}
