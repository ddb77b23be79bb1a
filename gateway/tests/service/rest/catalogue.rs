//! Products.

use comptoir_mesh::identity::Role;
use comptoir_proto::catalog::v1 as pb;
use comptoir_proto::types::Money;

use crate::support::in_process::Shop;

pub(crate) const MUG: &str = "prod_01J00000000000000000000MVG";

pub(crate) fn mug() -> pb::Product {
    let price = Some(Money {
        minor_units: 1290,
        currency_code: "EUR".into(),
    });
    let variant = pb::Variant {
        id: "var_01J00000000000000000000MVG".into(),
        title: "Default Title".into(),
        price,
        quantity_available: 7,
        available_for_sale: true,
        ..Default::default()
    };
    pb::Product {
        id: MUG.into(),
        slug: "mug".into(),
        title: "Mug".into(),
        variants: vec![variant],
        status: pb::ProductStatus::Active.into(),
        version: 3,
        ..Default::default()
    }
}

fn with_mug(shop: &Shop) {
    shop.fakes.on("get_product", |_: pb::GetProductRequest| {
        Ok(pb::GetProductResponse { product: Some(mug()) })
    });
}

#[tokio::test]
async fn filters_become_a_search() {
    let shop = Shop::open().await;
    shop.fakes
        .on("search_products", |request: pb::SearchProductsRequest| {
            let filters = request.filters.unwrap();
            assert_eq!(request.query, "mug");
            assert_eq!(filters.categories, ["cups", "tea"]);
            assert_eq!((filters.price_min, filters.price_max), (Some(1000), Some(2050)));
            assert_eq!(filters.options[0].name, "Size");
            assert_eq!(filters.options[0].values, ["S", "M"]);
            assert!(filters.available_only && request.with_facets);
            assert_eq!(
                (request.sort, request.page_size),
                (pb::ProductSort::PriceAsc as i32, 2)
            );
            let next_page_token = "next".into();
            Ok(pb::SearchProductsResponse {
                products: vec![mug()],
                next_page_token,
                total_count: 9,
                ..Default::default()
            })
        });
    let path = "/store/products?query=mug&category=cups&category=tea&option.Size=S&option.Size=M&priceMin=10\
                &priceMax=20.50&available=true&sort=PRICE_ASC&limit=2";
    let answer = shop.get(path).await;
    let body = answer.json();
    assert_eq!(
        (body["nextCursor"].as_str(), body["totalCount"].as_i64()),
        (Some("next"), Some(9))
    );
    assert_eq!(body["items"][0]["priceRange"]["max"]["amount"], "12.90");
    assert_eq!(answer.header("cache-control"), "public, max-age=1");
}

#[tokio::test]
async fn parameters_that_are_not_taken_are_refused() {
    let shop = Shop::open().await;
    for (query, code) in [
        ("sort=price;select pg_sleep(5)", "400 INVALID_SORT"),
        ("limit=0", "400 LIMIT_OUT_OF_RANGE"),
        ("limit=101", "400 LIMIT_OUT_OF_RANGE"),
        ("limit=x", "400 LIMIT_OUT_OF_RANGE"),
        ("foo=1", "400 UNKNOWN_FIELD"),
        ("option.$where=1", "400 INVALID_KEY"),
        ("option.a.b=1", "400 INVALID_KEY"),
        ("priceMin=abc", "400 VALIDATION_FAILED"),
        ("available=1", "400 VALIDATION_FAILED"),
        ("query=a%00b", "400 INVALID_ENCODING"),
        ("query=a&query=b", "400 DUPLICATE_PARAMETER"),
        (
            "vendor=a&sort=NEWEST&vendor=b&sort=NEWEST",
            "400 DUPLICATE_PARAMETER",
        ),
    ] {
        let answer = shop
            .get(&format!("/store/products?{}", query.replace(' ', "%20")))
            .await;
        assert_eq!(answer.code(), code, "{query}");
    }
    for id in [
        "%27%20OR%201=1--",
        "..%2f",
        "%00",
        "%E6%97%A5%E3%80%80",
        &"a".repeat(300),
        &"%E6%97%A5".repeat(256),
    ] {
        assert_eq!(
            shop.get(&format!("/store/products/{id}")).await.code(),
            "400 INVALID_ID",
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_parameter_is_one_value() {
    let shop = Shop::open().await;
    shop.fakes
        .on("search_products", |request: pb::SearchProductsRequest| {
            let filters = request.filters.unwrap();
            assert_eq!(filters.vendors, ["Lenos Verlag, Basel", " Acme"]);
            assert_eq!(filters.product_types, ["Books, used"]);
            assert_eq!(filters.tags, ["a,b", "c"]);
            assert_eq!(filters.options[0].name, "Condition");
            assert_eq!(filters.options[0].values, ["Powered up, not tested"]);
            Ok(pb::SearchProductsResponse::default())
        });
    let path = "/store/products?vendor=Lenos+Verlag,%20Basel&vendor=%20Acme&productType=Books,+used&tag=a,b&tag=c&tag=\
                &option.Condition=Powered%20up%2C%20not%20tested";
    assert_eq!(shop.get(path).await.status.as_u16(), 200);
    for path in [
        "/admin/products?status=DRAFT&status=ACTIVE",
        "/admin/orders?state=PLACED&state=CANCELED",
    ] {
        let token = shop.token(Role::Staff);
        let answer = shop
            .send(&format!("GET {path}"), &[("authorization", &token)], "")
            .await;
        assert_eq!(answer.code(), "400 DUPLICATE_PARAMETER", "{path}");
    }
}

#[tokio::test]
async fn a_slug_is_of_any_script() {
    use pb::get_product_request::Key;
    let shop = Shop::open().await;
    shop.fakes.on("get_product", |request: pb::GetProductRequest| {
        assert_eq!(request.key, Some(Key::Slug("シャツ-2".to_owned())));
        let mut shirt = mug();
        shirt.slug = "シャツ-2".to_owned();
        Ok(pb::GetProductResponse { product: Some(shirt) })
    });
    let answer = shop.get("/store/products/%E3%82%B7%E3%83%A3%E3%83%84-2").await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert!(answer.text.contains(r#""slug":"シャツ-2""#), "{}", answer.text);
    let query = r#"{"query":"{ product(slug: \"シャツ-2\") { slug } }"}"#;
    let answer = shop
        .send("POST /graphql", &[("content-type", "application/json")], query)
        .await;
    assert!(answer.text.contains("シャツ-2"), "{}", answer.text);
}

#[tokio::test]
async fn a_product_is_read_again_only_when_it_changed() {
    let shop = Shop::open().await;
    with_mug(&shop);
    let first = shop.get("/store/products/mug").await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("\"3-"), "{tag}");
    let again = shop
        .send("GET /store/products/mug", &[("if-none-match", &tag)], "")
        .await;
    assert_eq!(
        (again.status.as_u16(), again.text.as_str(), again.header("etag")),
        (304, "", tag.as_str())
    );
    let token = shop.token(Role::Staff);
    let staff = shop
        .send("GET /store/products/mug", &[("authorization", &token)], "")
        .await;
    assert_eq!(staff.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_categories_are_read_once_for_many_products() {
    let shop = Shop::with(&["--response-cache-age", "600000"]).await;
    shop.fakes.on("get_product", |request: pb::GetProductRequest| {
        let pb::get_product_request::Key::Slug(slug) = request.key.unwrap() else {
            panic!("an id was asked for");
        };
        let product = pb::Product {
            slug,
            category_id: Some("cat_1".into()),
            ..mug()
        };
        Ok(pb::GetProductResponse {
            product: Some(product),
        })
    });
    shop.fakes.on("list_categories", |_: pb::ListCategoriesRequest| {
        let category = pb::Category {
            id: "cat_1".into(),
            slug: "cups".into(),
            name: "Cups".into(),
            parent_id: None,
        };
        Ok(pb::ListCategoriesResponse {
            categories: vec![category],
            ..Default::default()
        })
    });
    let mug = shop.get("/store/products/mug").await;
    assert_eq!(mug.json()["category"]["name"], "Cups");
    assert_eq!(shop.fakes.take_calls(), ["get_product", "list_categories"]);
    for slug in ["cup", "glass"] {
        let other = shop.get(&format!("/store/products/{slug}")).await;
        assert_eq!(other.json()["category"]["slug"], "cups");
        assert_eq!(shop.fakes.take_calls(), ["get_product"]);
    }
    let categories = shop.get("/store/categories").await;
    assert_eq!(categories.json()["items"][0]["name"], "Cups");
    assert_eq!(shop.fakes.take_calls(), [""; 0]);
}

#[tokio::test]
async fn a_product_is_changed_only_as_it_was_read() {
    let shop = Shop::open().await;
    with_mug(&shop);
    shop.fakes
        .on("update_product", |request: pb::UpdateProductRequest| {
            let product = request.product.unwrap();
            assert_eq!(
                (
                    request.version,
                    product.title.as_str(),
                    product.variants[0].price.as_str()
                ),
                (3, "Cup", "12.90")
            );
            Ok(pb::UpdateProductResponse {
                product: Some(pb::Product {
                    version: 4,
                    title: product.title,
                    ..mug()
                }),
            })
        });
    let (route, token) = (format!("PATCH /admin/products/{MUG}"), shop.token(Role::Staff));
    let send = async |tag: &'static [(&'static str, &'static str)]| {
        let headers = [
            &[
                ("authorization", token.as_str()),
                ("content-type", "application/json"),
            ],
            tag,
        ]
        .concat();
        shop.send(&route, &headers, "{\"title\":\"Cup\"}").await
    };
    assert_eq!(send(&[]).await.code(), "428 PRECONDITION_REQUIRED");
    assert_eq!(
        send(&[("if-match", "\"2-abc\"")]).await.code(),
        "412 VERSION_CONFLICT"
    );
    let changed = send(&[("if-match", "\"3-abc\"")]).await;
    assert_eq!(
        (changed.status.as_u16(), changed.json()["version"].as_i64()),
        (200, Some(4))
    );
}
