//! Files as shops have them: each was taken wrongly once. They are in `data/import`.

use super::support::Shop;
use comptoir_proto::catalog::v1::get_product_request::Key;
use comptoir_proto::catalog::v1::{GetProductRequest, ImportProductsResponse, Product};
use comptoir_proto::types::Money;

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../data/import/", $name))
    };
}

async fn import(shop: &Shop, file: &[u8]) -> ImportProductsResponse {
    shop.import_in(file, 7).await.expect("the file is taken")
}

fn outcome(report: &ImportProductsResponse) -> (i32, i32, i32) {
    (
        report.products_created,
        report.products_updated,
        report.products_unchanged,
    )
}

fn errors(report: &ImportProductsResponse) -> Vec<(i64, &str)> {
    let errors = report.errors.iter();
    errors.map(|error| (error.line, error.code.as_str())).collect()
}

fn remarks(report: &ImportProductsResponse) -> Vec<(i64, &str)> {
    assert_eq!(report.remarks.len(), report.remarks_total as usize);
    let remarks = report.remarks.iter();
    remarks
        .map(|remark| (remark.line, remark.code.as_str()))
        .collect()
}

fn amount(money: Option<&Money>) -> Option<i64> {
    money.map(|money| money.minor_units)
}

/// Title, price, price before and units of each variant.
fn variants(product: &Product) -> Vec<(&str, Option<i64>, Option<i64>, i32)> {
    let variants = product.variants.iter();
    variants
        .map(|variant| {
            (
                variant.title.as_str(),
                amount(variant.price.as_ref()),
                amount(variant.compare_at_price.as_ref()),
                variant.quantity_available,
            )
        })
        .collect()
}

async fn product(shop: &Shop, slug: &str) -> Product {
    let found = shop.product(slug).await;
    found.unwrap_or_else(|| panic!("there is no product {slug}"))
}

#[tokio::test]
async fn handles_of_every_script_are_products_of_their_own() {
    let shop = Shop::open().await;
    let report = import(&shop, file!("scripts.csv")).await;
    assert_eq!(
        (outcome(&report), errors(&report), remarks(&report)),
        ((4, 0, 0), vec![], vec![])
    );
    for (slug, price) in [
        ("シャツ-2", 1_200),
        ("mug", 800),
        ("パンツ-2", 2_400),
        ("رف", 3_000),
    ] {
        let product = product(&shop, slug).await;
        assert_eq!(
            (product.slug.as_str(), variants(&product)[0].1),
            (slug, Some(price))
        );
    }
    let again = import(&shop, file!("scripts.csv")).await;
    assert_eq!(outcome(&again), (0, 0, 4));
    // As some programs write the same letters.
    let request = GetProductRequest {
        key: Some(Key::Slug("ハ\u{309a}ンツ-2".to_owned())),
        read_mask: None,
    };
    let found = shop
        .client
        .clone()
        .get_product(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.product.unwrap().slug, "パンツ-2");
}

#[tokio::test]
async fn two_handles_with_one_slug_are_named_and_do_not_mix() {
    let shop = Shop::open().await;
    let report = import(&shop, file!("collisions.csv")).await;
    let code = "VALIDATION_FAILED";
    assert_eq!(
        (outcome(&report), errors(&report), remarks(&report)),
        (
            (3, 0, 0),
            vec![(3, code), (5, code), (7, code)],
            vec![(2, code), (4, code)]
        )
    );
    for (error, (handle, line)) in report.errors.iter().zip([("ete", 2), ("a-b", 4), ("ete", 2)]) {
        let named = error.message.contains(&format!("\"{handle}\""));
        assert!(
            named && error.message.contains(&format!("line {line}")),
            "{}",
            error.message
        );
    }
    let summer = product(&shop, "ete").await;
    assert_eq!(
        (summer.title.as_str(), variants(&summer)[0].1),
        ("Été", Some(1_000))
    );
    assert_eq!(product(&shop, "a-b").await.title, "A and B");
}

#[tokio::test]
async fn a_handle_of_another_file_with_the_same_slug_is_another_product() {
    let shop = Shop::open().await;
    let file = |handle: &str, price: u32| format!("Handle,Title,Variant Price\n{handle},Summer,{price}\n");
    shop.import(&file("été", 10)).await;
    assert_eq!(
        outcome(&shop.import(&file("Été", 10)).await),
        (0, 0, 1),
        "letter case says nothing"
    );
    let report = shop.import(&file("ete", 11)).await;
    assert_eq!(
        (outcome(&report), errors(&report)),
        ((0, 0, 0), vec![(2, "VALIDATION_FAILED")])
    );
    assert!(
        report.errors[0].message.contains("\"été\""),
        "{}",
        report.errors[0].message
    );
    let summer = product(&shop, "ete").await;
    assert_eq!(
        (summer.title.as_str(), variants(&summer)[0].1),
        ("Summer", Some(1_000))
    );
    // What staff made has no handle: the first file that names its slug means it.
    shop.create(super::support::plain("Noël", "5")).await;
    assert_eq!(outcome(&shop.import(&file("noël", 6)).await), (0, 1, 0));
    assert_eq!(
        errors(&shop.import(&file("noel", 7)).await),
        [(2, "VALIDATION_FAILED")]
    );
    assert_eq!(variants(&product(&shop, "noel").await)[0].1, Some(600));
}

#[tokio::test]
async fn a_price_before_is_cleared_by_an_empty_field_and_kept_without_its_column() {
    let shop = Shop::open().await;
    let before = async |slug: &str| variants(&product(&shop, slug).await)[0].2;
    import(&shop, file!("compare-at.csv")).await;
    let report = import(&shop, file!("compare-at-missing.csv")).await;
    assert_eq!((outcome(&report), errors(&report)), ((0, 3, 0), vec![]));
    for slug in ["emptied", "zero", "kept"] {
        assert_eq!(before(slug).await, Some(2_000), "{slug}");
    }
    import(&shop, file!("compare-at.csv")).await;
    let report = import(&shop, file!("compare-at-emptied.csv")).await;
    assert_eq!((outcome(&report), errors(&report)), ((0, 2, 1), vec![]));
    for (slug, expected) in [("emptied", None), ("zero", None), ("kept", Some(2_000))] {
        assert_eq!(before(slug).await, expected, "{slug}");
    }
}

#[tokio::test]
async fn whatever_is_emptied_is_cleared_and_what_has_no_column_stays() {
    let shop = Shop::open().await;
    let header = "Handle,Title,Body (HTML),Vendor,Type,Tags,SEO Title,SEO Description,Variant SKU,Variant Grams,Variant Price,\
                  Variant Image,Option1 Name,Option1 Value\n";
    let full = "hat,Hat,<p>x</p>,v,t,\"a, b\",s,d,HAT,100,10,https://pictures.example/hat.jpg,Size,S\n\
                hat,,,,,,,,HAT-M,120,10,https://pictures.example/hat-m.jpg,,M\n";
    shop.import(&format!("{header}{full}")).await;
    let first = product(&shop, "hat").await;
    shop.import("Handle,Title,Variant Price,Option1 Name,Option1 Value\nhat,Hat,10,Size,S\nhat,,10,,M\n")
        .await;
    assert_eq!(product(&shop, "hat").await, first, "no column, no change");
    shop.import(&format!(
        "{header}hat,,,,,,,,HAT-2,110,10,https://pictures.example/hat.jpg,Size,S\n"
    ))
    .await;
    let second = product(&shop, "hat").await;
    let texts = |product: &Product| {
        let product = product.clone();
        let optional = [
            product.vendor,
            product.product_type,
            product.seo_title,
            product.seo_description,
        ];
        (product.description, optional, product.tags)
    };
    assert_eq!(
        texts(&second),
        texts(&first),
        "only the row with the title speaks of the product"
    );
    assert_eq!(second.variants[0].sku.as_deref(), Some("HAT-2"));
    shop.import(&format!("{header}hat,Hat,,,,,,,,,10,,Size,S\n"))
        .await;
    let third = product(&shop, "hat").await;
    assert_eq!(texts(&third), (String::new(), [const { None }; 4], Vec::new()));
    let (one, other) = (&third.variants[0], &third.variants[1]);
    assert_eq!((&one.sku, &one.weight_grams, &one.image), (&None, &None, &None));
    assert_eq!(
        (other.sku.as_deref(), other.weight_grams),
        (Some("HAT-M"), Some(120))
    );
}

#[tokio::test]
async fn the_address_of_a_picture_is_kept_as_browsers_read_it() {
    let shop = Shop::open().await;
    let file = "Handle,Title,Variant Price,Image Src,Variant Image\n\
        lamp,Lamp,10,https://cdn.example\\@evil.example/a.png,HTTPS://cdn.example/b.png\n";
    let report = shop.import(file).await;
    assert_eq!((outcome(&report), remarks(&report)), ((1, 0, 0), vec![]));
    let lamp = product(&shop, "lamp").await;
    assert_eq!(lamp.images[0].url, "https://cdn.example/@evil.example/a.png");
    assert_eq!(
        lamp.variants[0].image.as_ref().unwrap().url,
        "https://cdn.example/b.png"
    );
    assert_eq!(outcome(&shop.import(file).await), (0, 0, 1), "the same again");
}

#[tokio::test]
async fn a_picture_that_is_refused_costs_nothing_else() {
    let shop = Shop::open().await;
    let report = import(&shop, file!("pictures.csv")).await;
    let code = "URL_NOT_ALLOWED";
    assert_eq!(
        (outcome(&report), errors(&report), remarks(&report), report.images),
        ((1, 0, 0), vec![], vec![(2, code), (4, code)], 1)
    );
    let poster = product(&shop, "poster").await;
    assert_eq!(
        variants(&poster),
        [("S", Some(1_000), None, 1), ("M", Some(1_200), None, 1)]
    );
    assert_eq!(poster.images.len(), 1);
    let report = shop
        .import(
            "Handle,Option1 Value,Variant Price,Image Src,Image Position,Image Alt Text,Variant Image\n\
             poster,S,11,ftp://x,first,a\u{202e}b,gopher://x\nposter,M,13,https://pictures.example/poster-m.jpg,first,a\u{202e}b,\n",
        )
        .await;
    assert_eq!(
        (outcome(&report), errors(&report)),
        ((0, 1, 0), vec![]),
        "a price changes beside a picture that is not taken"
    );
    let expected = [
        (2, code),
        (2, code),
        (3, "VALIDATION_FAILED"),
        (3, "INVALID_TEXT"),
    ];
    assert_eq!(remarks(&report), expected);
    assert_eq!(variants(&product(&shop, "poster").await)[1].1, Some(1_300));
}

#[tokio::test]
async fn a_remark_on_a_product_that_is_not_taken_is_not_told() {
    let shop = Shop::open().await;
    let report = shop
        .import("Handle,Title,Variant Price,Image Src\nno-title,,10,ftp://x\n")
        .await;
    assert_eq!(
        (errors(&report), remarks(&report)),
        (vec![(2, "VALIDATION_FAILED")], vec![])
    );
}

#[tokio::test]
async fn stock_below_zero_is_none_and_a_whole_number_may_have_a_point() {
    let shop = Shop::open().await;
    let report = import(&shop, file!("stock.csv")).await;
    let code = "INVALID_QUANTITY";
    assert_eq!(
        (outcome(&report), errors(&report), remarks(&report)),
        ((3, 0, 0), vec![], vec![(2, code), (4, code)])
    );
    for (slug, units) in [("owed", 0), ("float", 12), ("owed-float", 0)] {
        assert_eq!(variants(&product(&shop, slug).await)[0].3, units, "{slug}");
    }
    let report = shop
        .import("Handle,Variant Price,Variant Inventory Qty,Variant Grams\nfloat,11,-3,heavy\n")
        .await;
    assert_eq!(
        (outcome(&report), errors(&report), remarks(&report)),
        ((0, 1, 0), vec![], vec![(2, "VALIDATION_FAILED"), (2, code)])
    );
    let float = product(&shop, "float").await;
    assert_eq!(variants(&float), [("Default Title", Some(1_100), None, 12)]);
}

#[tokio::test]
async fn what_cannot_be_seen_is_taken_out_of_a_title() {
    let shop = Shop::open().await;
    let report = import(&shop, file!("invisible.csv")).await;
    assert_eq!(
        (outcome(&report), errors(&report), remarks(&report)),
        ((5, 0, 0), vec![], vec![])
    );
    let titles = [
        ("soft", "Teepot"),
        ("tab", "Tea cup"),
        ("zero", "Saucer"),
        ("bom", "Tray"),
        ("marked", "רף"),
    ];
    for (slug, title) in titles {
        assert_eq!(product(&shop, slug).await.title, title, "{slug}");
    }
}

#[tokio::test]
async fn what_a_french_desktop_saves_is_read() {
    let files: [(&[u8], i64, bool); 3] = [
        (file!("desktop.csv"), 1, true),
        (file!("desktop-utf8.csv"), 2, false),
        (file!("desktop-utf16.csv"), 1, false),
    ];
    for (number, (file, header, is_windows)) in files.into_iter().enumerate() {
        let shop = Shop::open().await;
        let report = import(&shop, file).await;
        assert_eq!(
            (outcome(&report), errors(&report)),
            ((2, 0, 0), vec![]),
            "file {number}"
        );
        let mut expected = vec![
            (header + 3, "INVALID_QUANTITY"),
            (header + 3, "VALIDATION_FAILED"),
        ];
        if is_windows {
            expected.insert(0, (header + 1, "INVALID_ENCODING"));
        }
        assert_eq!(remarks(&report), expected, "file {number}");
        let shirt = product(&shop, "chemise").await;
        assert_eq!(
            (shirt.title.as_str(), shirt.vendor.as_deref()),
            ("Chemise d’été", Some("Atelier Noël"))
        );
        assert_eq!(
            variants(&shirt),
            [("S", Some(1_250), Some(1_500), 3), ("M", Some(123_450), None, 2)]
        );
        let egg = product(&shop, "oeuf").await;
        assert_eq!(
            (egg.title.as_str(), variants(&egg)[0].1),
            ("Œuf à la coque", Some(240))
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_for_sure_is_refused() {
    let shop = Shop::open().await;
    let report = shop
        .import("Handle;Title;Variant Price\na;A;1,250\nb;B;1.250,5\nc;C;1,2,3\nd;D;12,\n")
        .await;
    let code = "VALIDATION_FAILED";
    assert_eq!(
        errors(&report),
        [(2, code), (4, code), (5, code)],
        "a thousand, or one and a quarter?"
    );
    assert_eq!(variants(&product(&shop, "b").await)[0].1, Some(125_050));
    let report = shop.import("Handle,Title,Variant Price\na,A,\"12,50\"\n").await;
    assert_eq!(
        errors(&report),
        [(2, code)],
        "a comma parts the fields, so it is no decimal point"
    );
    let latin = b"Handle,Title,Variant Price\na,Caf\xe9,1\n";
    let report = import(&shop, latin).await;
    assert_eq!(errors(&report), [(2, "INVALID_ENCODING")]);
    assert!(
        report.errors[0].message.contains("CSV UTF-8"),
        "{}",
        report.errors[0].message
    );
    let mixed = b"Handle;Title;Variant Price\na;Caf\xc3\xa9;1\nb;Caf\xe9;1\n";
    assert_eq!(
        errors(&import(&shop, mixed).await),
        [(3, "INVALID_ENCODING")],
        "a UTF-8 file with a bad row"
    );
    let refused = shop
        .import_in("Référence;Prix\n".as_bytes(), 7)
        .await
        .unwrap_err();
    assert!(refused.message().contains("Référence"), "{}", refused.message());
}

#[tokio::test]
async fn the_newer_template_goes_in_whole_and_says_what_it_left_out() {
    let shop = Shop::open().await;
    let report = import(&shop, file!("newer.csv")).await;
    let code = "VALIDATION_FAILED";
    assert_eq!(
        (outcome(&report), errors(&report), remarks(&report)),
        ((1, 0, 0), vec![], vec![(1, code), (2, code)])
    );
    let columns = &report.remarks[0].message;
    assert!(
        columns.contains("custom.season") && columns.contains("House notes"),
        "{columns}"
    );
    assert!(
        !columns.contains("Cost") && !columns.contains("Google"),
        "{columns}"
    );
    assert!(report.remarks[1].message.contains("deny"));
    let jacket = product(&shop, "trail-jacket").await;
    assert_eq!(
        variants(&jacket),
        [("S", Some(8_900), Some(9_900), 7), ("M", Some(8_900), None, 0)]
    );
    let small = &jacket.variants[0];
    assert_eq!(
        (small.sku.as_deref(), small.weight_grams),
        (Some("TJ-S"), Some(430))
    );
    assert_eq!(
        small.image.as_ref().unwrap().url,
        "https://pictures.example/jacket-s.jpg"
    );
    assert_eq!(
        (
            jacket.title.as_str(),
            jacket.description.as_str(),
            jacket.vendor.as_deref()
        ),
        ("Trail Jacket", "<p>Light.</p>", Some("Nord"))
    );
    assert_eq!(
        (
            jacket.product_type.as_deref(),
            jacket.tags.len(),
            jacket.images.len()
        ),
        (Some("Jacket"), 2, 1)
    );
    assert_eq!(
        (jacket.seo_title.as_deref(), jacket.seo_description.as_deref()),
        (Some("Jackets"), Some("For the rain"))
    );
}

#[tokio::test]
async fn an_option_with_a_dot_in_its_name_keeps_its_variants() {
    let shop = Shop::open().await;
    let report = import(&shop, file!("option-dot.csv")).await;
    assert_eq!(
        (
            outcome(&report),
            report.variants,
            errors(&report),
            remarks(&report)
        ),
        ((1, 0, 0), 3, vec![], vec![(2, "INVALID_KEY")])
    );
    let rug = product(&shop, "rug").await;
    assert_eq!(rug.options[0].name, "Size (approx)");
    assert_eq!(rug.options[0].values, ["S", "M", "L"]);
    assert_eq!(outcome(&import(&shop, file!("option-dot.csv")).await), (0, 0, 1));
}

#[tokio::test]
async fn options_that_cannot_be_named_are_one_error() {
    let shop = Shop::open().await;
    let header = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price\n";
    for (first, second, code) in [
        ("$.", "Colour", "INVALID_KEY"),
        ("Si\u{202e}ze", "Colour", "INVALID_TEXT"),
        ("Size", "Size.", "VALIDATION_FAILED"),
    ] {
        let rows =
            format!("rug,Rug,{first},S,{second},Red,40\nrug,,,M,,Red,50\nrug,,,L,,Red,60\nmat,Mat,,,,,5\n");
        let report = shop.import(&format!("{header}{rows}")).await;
        assert_eq!(errors(&report), [(2, code)], "{first}: one error and no echo");
        assert!(shop.product("rug").await.is_none() && shop.product("mat").await.is_some());
    }
}

#[tokio::test]
async fn an_inch_mark_in_the_last_line_is_text() {
    let shop = Shop::open().await;
    let report = import(&shop, file!("inch.csv")).await;
    assert_eq!((outcome(&report), errors(&report)), ((2, 0, 0), vec![]));
    assert_eq!(product(&shop, "ruler").await.title, "12\" ruler");
}
