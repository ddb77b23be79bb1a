//! Taking in product files as shops export them, whole, damaged, twice and long.

use super::support::{Shop, code, plain};
use comptoir_catalog::Config;
use comptoir_proto::catalog::v1::{ImportProductsResponse, Product, ProductStatus};

const FILE: &str = include_str!("../data/shop.csv");

const HEADER: &str =
    "Handle,Title,Option1 Name,Option1 Value,Variant Price,Variant Inventory Qty,Image Src\n";

fn outcome(report: &ImportProductsResponse) -> (i32, i32, i32) {
    (
        report.products_created,
        report.products_updated,
        report.products_unchanged,
    )
}

fn findings(report: &ImportProductsResponse) -> Vec<(i64, &str)> {
    report
        .errors
        .iter()
        .map(|error| (error.line, error.code.as_str()))
        .collect()
}

fn remarks(report: &ImportProductsResponse) -> Vec<(i64, &str)> {
    report
        .remarks
        .iter()
        .map(|remark| (remark.line, remark.code.as_str()))
        .collect()
}

fn prices(product: &Product) -> Vec<(String, i64, i32)> {
    let price =
        |price: &Option<comptoir_proto::types::Money>| price.as_ref().map_or(-1, |price| price.minor_units);
    let line = |variant: &comptoir_proto::catalog::v1::Variant| {
        (
            variant.title.clone(),
            price(&variant.price),
            variant.quantity_available,
        )
    };
    product.variants.iter().map(line).collect()
}

#[tokio::test]
async fn a_shop_s_file_goes_in_whole() {
    let shop = Shop::open().await;
    let report = shop.import(FILE).await;
    assert_eq!(
        (outcome(&report), report.variants, report.images),
        ((5, 0, 0), 7, 4)
    );
    assert_eq!(findings(&report), []);

    let shirt = shop.product("linen-shirt").await.unwrap();
    assert_eq!(
        prices(&shirt),
        [
            ("S / White".to_owned(), 4_990, 4),
            ("M / White".to_owned(), 4_990, 0),
            ("M / Blue".to_owned(), 5_250, 7)
        ]
    );
    assert_eq!(
        shirt.description,
        "<p>Cool, \"light\"\nand <strong>washed</strong>.</p>"
    );
    assert_eq!(
        (shirt.vendor.as_deref(), shirt.product_type.as_deref()),
        (Some("Atelier Été"), None)
    );
    assert_eq!(shirt.tags, ["summer", "linen"]);
    let pictures: Vec<_> = shirt
        .images
        .iter()
        .map(|image| (image.url.as_str(), image.alt_text.as_deref()))
        .collect();
    assert_eq!(
        pictures,
        [
            ("https://cdn.example.com/linen-1.jpg", Some("Front, worn")),
            ("https://cdn.example.com/linen-2.jpg", Some("Back")),
            ("https://cdn.example.com/linen-3.jpg", None),
        ]
    );
    let first = &shirt.variants[0];
    assert_eq!(first.compare_at_price.as_ref().unwrap().minor_units, 5_990);
    assert_eq!(
        (first.sku.as_deref(), first.weight_grams),
        (Some("LS-S-W"), Some(180))
    );
    assert_eq!(
        first.image.as_ref().unwrap().url,
        "https://cdn.example.com/linen-white.jpg"
    );
    assert_eq!(
        (shirt.seo_title.as_deref(), shirt.seo_description.as_deref()),
        (Some("Linen shirt for summer"), Some("Light as air"))
    );

    let mug = shop.product("clay-mug").await.unwrap();
    assert_eq!(prices(&mug), [("Default Title".to_owned(), 1_800, 12)]);
    assert!(mug.options.is_empty() && mug.variants[0].compare_at_price.is_none());
    assert_eq!(mug.images[0].url, "https://cdn.example.com/mug@2x.jpg?v=1");
    let status = async |slug: &str| shop.product(slug).await.unwrap().status();
    assert_eq!(status("oak-stool").await, ProductStatus::Draft);
    assert_eq!(status("old-lamp").await, ProductStatus::Archived);
    assert_eq!(status("wool-scarf").await, ProductStatus::Active);
    shop.until_found(3).await;
    assert_eq!(shop.titles("echarpe").await, ["Écharpe en laine"]);
}

#[tokio::test]
async fn a_second_time_nothing_changes() {
    let shop = Shop::open().await;
    shop.import(FILE).await;
    let before = shop.product("linen-shirt").await.unwrap();
    let report = shop.import(FILE).await;
    assert_eq!(outcome(&report), (0, 0, 5));
    let after = shop.product("linen-shirt").await.unwrap();
    assert_eq!((after.version, &after.updated_at), (1, &before.updated_at));
    assert_eq!(before, after, "not even the stock");
}

#[tokio::test]
async fn what_a_file_does_not_name_stays() {
    let shop = Shop::open().await;
    shop.import(FILE).await;
    let report = shop
        .import("Variant Price,Option2 Value,Handle,Option1 Value,Variant Inventory Qty,Vendor\n45,White,linen-shirt,S,99,\n60,Red,linen-shirt,L,2,\n")
        .await;
    assert_eq!((outcome(&report), findings(&report)), ((0, 1, 0), vec![]));
    let shirt = shop.product("linen-shirt").await.unwrap();
    assert_eq!(
        prices(&shirt),
        [
            ("S / White".to_owned(), 4_500, 4),
            ("M / White".to_owned(), 4_990, 0),
            ("M / Blue".to_owned(), 5_250, 7),
            ("L / Red".to_owned(), 6_000, 2),
        ],
        "a variant that is there keeps its stock"
    );
    assert_eq!(
        (shirt.title.as_str(), shirt.vendor.as_deref(), shirt.images.len()),
        ("Linen Shirt", Some("Atelier Été"), 3)
    );
}

#[tokio::test]
async fn a_handle_met_again_adds_to_its_product() {
    let shop = Shop::open().await;
    let rows = "hat,Hat,Size,S,10,1,\nbag,Bag,,,20,1,\nhat,,,M,11,1,\nhat,,,L,12,1,\n";
    let report = shop.import(&format!("{HEADER}{rows}")).await;
    assert_eq!((outcome(&report), findings(&report)), ((2, 1, 0), vec![]));
    assert_eq!(prices(&shop.product("hat").await.unwrap()).len(), 3);
    assert!(
        shop.product("bag").await.unwrap().options.is_empty(),
        "no option columns, no options"
    );
}

#[tokio::test]
async fn damaged_rows_are_named_and_the_rest_is_taken() {
    let shop = Shop::open().await;
    shop.import(&format!("{HEADER}there,There,,,1,1,\n")).await;
    let mut file = format!("{HEADER}first,First,,,10,1,\n").into_bytes();
    let rows: [(&[u8], Option<&str>); 22] = [
        (b",No handle,,,10,1,\n", Some("VALIDATION_FAILED")),
        (b"no-title,,,,10,1,\n", Some("VALIDATION_FAILED")),
        (b"bad-price,Bad,,,ten,1,\n", Some("VALIDATION_FAILED")),
        (b"below-zero,Bad,,,-1,1,\n", Some("VALIDATION_FAILED")),
        (b"too-exact,Bad,,,1.999,1,\n", Some("VALIDATION_FAILED")),
        (
            b"no-price,Bad,Title,Default Title,,1,\n",
            Some("VALIDATION_FAILED"),
        ),
        (b"bad-stock,Bad,,,10,many,\n", Some("INVALID_QUANTITY")),
        (b"owed-stock,Taken,,,10,-3,\n", None),
        (
            b"much-stock,Bad,,,10,99999999999999999999,\n",
            Some("QUANTITY_OUT_OF_RANGE"),
        ),
        (b"bad-picture,Taken,,,10,1,ftp://example.com/a.jpg\n", None),
        (b"run-picture,Taken,,,10,1,javascript:alert(1)\n", None),
        (b"bad-bytes,B\xffd,,,10,1,\n", Some("INVALID_ENCODING")),
        (b"nul,B\0d,,,10,1,\n", Some("INVALID_ENCODING")),
        (b"turned,\xe2\x80\xaeturned,,,10,1,\n", Some("INVALID_TEXT")),
        (b"narrow,Narrow,,10\n", Some("VALIDATION_FAILED")),
        (b"wide,Wide,,,10,1,,,\n", Some("VALIDATION_FAILED")),
        (b"open,\"Open,,,10,1,\n", Some("VALIDATION_FAILED")),
        (b"sizes,Sizes,Size,S,10,1,\n", None),
        (b"sizes,,,S,10,1,\n", Some("VALIDATION_FAILED")),
        (b"sizes,,,,10,1,\n", Some("VALIDATION_FAILED")),
        (b"there,,,,,,\n", Some("VALIDATION_FAILED")),
        (b"last,Last,,,10,1,\"https://example.com/last, one.jpg\"\n", None),
    ];
    let mut expected = Vec::new();
    for (at, (row, code)) in rows.iter().enumerate() {
        file.extend(*row);
        expected.extend(code.map(|code| (at as i64 + 3, code)));
    }
    file.extend(b"end,End,,,10,1,");
    let taken_otherwise = [
        (10, "INVALID_QUANTITY"),
        (12, "URL_NOT_ALLOWED"),
        (13, "URL_NOT_ALLOWED"),
        // The quoted address has a space, which no address has.
        (24, "URL_NOT_ALLOWED"),
    ];
    for piece in [1, 37, 1 << 20] {
        let report = shop.import_in(&file, piece).await.unwrap();
        assert_eq!(findings(&report), expected, "in pieces of {piece}");
        assert_eq!(report.errors_total as usize, expected.len());
        assert_eq!(remarks(&report), taken_otherwise, "in pieces of {piece}");
        assert!(report.errors.iter().all(|error| !error.message.is_empty()));
        assert_eq!(
            report.products_created + report.products_unchanged,
            7,
            "first, owed-stock, both pictures, sizes, last and end"
        );
    }
    for slug in [
        "no-title",
        "bad-price",
        "no-price",
        "bad-stock",
        "open",
        "narrow",
        "turned",
    ] {
        assert!(shop.product(slug).await.is_none(), "{slug}");
    }
    assert_eq!(prices(&shop.product("sizes").await.unwrap()).len(), 1);
}

#[tokio::test]
async fn a_bad_first_row_costs_its_variant_and_not_its_product() {
    let shop = Shop::open().await;
    let report = shop
        .import(&format!("{HEADER}hat,Hat,Size,S,ten,1,\nhat,,,M,11,1,\n"))
        .await;
    assert_eq!(findings(&report), [(2, "VALIDATION_FAILED")]);
    assert_eq!(
        prices(&shop.product("hat").await.unwrap()),
        [("M".to_owned(), 1_100, 1)]
    );
}

#[tokio::test]
async fn lines_are_those_of_the_file_also_behind_quoted_ones() {
    let shop = Shop::open().await;
    let file = "Handle,Title,Body (HTML),Variant Price\r\na,A,\"one\r\ntwo\r\n\r\nthree\",1\r\n\r\nb,B,,x\r\nc,C,\"four\nfive\",y\r\n";
    let report = shop.import(file).await;
    assert_eq!(
        (findings(&report), outcome(&report)),
        (
            vec![(7, "VALIDATION_FAILED"), (8, "VALIDATION_FAILED")],
            (1, 0, 0)
        )
    );
}

#[tokio::test]
async fn selling_without_stock_is_told_and_taken_as_deny() {
    let shop = Shop::open().await;
    let file = "Handle,Title,Variant Price,Variant Inventory Policy\nhat,Hat,10,continue\nbag,Bag,10,deny\n";
    let report = shop.import(file).await;
    assert_eq!(
        (findings(&report), remarks(&report), outcome(&report)),
        (vec![], vec![(2, "VALIDATION_FAILED")], (2, 0, 0))
    );
    assert!(report.remarks[0].message.contains("deny"));
}

#[tokio::test]
async fn a_category_the_shop_has_is_found_by_its_path() {
    let shop = Shop::open().await;
    let mut client = shop.client.clone();
    let request = comptoir_proto::catalog::v1::CreateCategoryRequest {
        name: "Clothing".to_owned(),
        ..Default::default()
    };
    let category = shop
        .as_staff(client.create_category(request))
        .await
        .unwrap()
        .into_inner()
        .category
        .unwrap();
    let file = "Handle,Title,Variant Price,Product Category\nhat,Hat,10,Apparel & Accessories > Clothing > Hats\nbag,Bag,10,Luggage\n";
    assert_eq!(findings(&shop.import(file).await), []);
    assert_eq!(shop.product("hat").await.unwrap().category_id, Some(category.id));
    assert_eq!(shop.product("bag").await.unwrap().category_id, None);
}

#[tokio::test]
async fn what_is_no_product_file_is_refused_whole() {
    let shop = Shop::with(Config {
        limit_import: 2_000,
        ..Config::default()
    })
    .await;
    for file in ["", "\u{feff}", "a,b\n1,2\n", "{\"handle\": 1}"] {
        assert_eq!(
            code(&shop.import_in(file.as_bytes(), 10).await.unwrap_err()),
            "VALIDATION_FAILED",
            "{file}"
        );
    }
    let long = format!("{HEADER}{}", "hat,Hat,,,10,1,\n".repeat(200));
    assert_eq!(
        code(&shop.import_in(long.as_bytes(), 100).await.unwrap_err()),
        "PAYLOAD_TOO_LARGE"
    );
    let chunks = || futures::stream::iter([format!("{HEADER}cap,Cap,,,10,1,\n").into_bytes()]);
    assert_eq!(
        code(&shop.import_stream("USD", chunks()).await.unwrap_err()),
        "INVALID_CURRENCY"
    );
    assert_eq!(
        outcome(&shop.import_stream("EUR", chunks()).await.unwrap()),
        (1, 0, 0)
    );
    let customer = shop
        .test
        .token("user_01J00000000000000000000009", comptoir_mesh::Role::Customer);
    let mut client = shop.client.clone();
    let request = futures::stream::iter([comptoir_proto::catalog::v1::ImportProductsRequest::default()]);
    let refused = comptoir_mesh::testing::with_token(&customer, client.import_products(request))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "FORBIDDEN");
}

#[tokio::test]
async fn more_than_a_thousand_findings_are_counted() {
    let shop = Shop::open().await;
    let rows: String = (0..1_500)
        .map(|number| format!("bad-{number},Bad,,,x,1,\n"))
        .collect();
    let report = shop.import(&format!("{HEADER}{rows}good,Good,,,1,1,\n")).await;
    assert_eq!(
        (report.errors.len(), report.errors_total, outcome(&report)),
        (1_000, 1_500, (1, 0, 0))
    );
    assert!(report.errors.is_sorted_by_key(|error| error.line));
}

#[tokio::test]
async fn stock_is_in_the_ledger_once() {
    use comptoir_proto::catalog::v1::ListStockMovementsRequest;
    use comptoir_proto::catalog::v1::inventory_service_client::InventoryServiceClient;
    let shop = Shop::open().await;
    shop.create(plain("Before", "1")).await;
    shop.import(FILE).await;
    shop.import(FILE).await;
    let mug = shop.product("clay-mug").await.unwrap();
    let service = comptoir_catalog::start(Config::default(), shop.test.env.clone(), None)
        .await
        .unwrap();
    let slot = comptoir_mesh::channel::in_process();
    slot.bind(&service);
    let mut inventory = InventoryServiceClient::new(slot.channel("gateway"));
    let request = ListStockMovementsRequest {
        variant_id: mug.variants[0].id.clone(),
        ..Default::default()
    };
    let ledger = shop
        .as_staff(inventory.list_stock_movements(request))
        .await
        .unwrap()
        .into_inner()
        .movements;
    let entries: Vec<_> = ledger
        .iter()
        .map(|movement| (movement.delta, movement.reason.as_str()))
        .collect();
    assert_eq!(entries, [(12, "import")]);
}

/// Run with a real shop's file at hand: COMPTOIR_TEST_APPAREL_CSV names it.
#[tokio::test]
async fn a_real_shop_s_file_goes_in_whole() {
    let Ok(path) = std::env::var("COMPTOIR_TEST_APPAREL_CSV") else {
        eprintln!("skipped: a_real_shop_s_file_goes_in_whole needs COMPTOIR_TEST_APPAREL_CSV");
        return;
    };
    let shop = Shop::open().await;
    let file = std::fs::read(path).unwrap();
    let report = shop.import_in(&file, 4096).await.unwrap();
    assert_eq!(
        (outcome(&report), report.variants, report.images),
        ((20, 0, 0), 22, 20)
    );
    assert_eq!(findings(&report), []);
    let again = shop.import_in(&file, 4096).await.unwrap();
    assert_eq!(outcome(&again), (0, 0, 20));
    shop.until_found(20).await;
}
