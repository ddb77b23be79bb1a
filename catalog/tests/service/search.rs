//! Searching as the gateway does: what is found, filtered, counted, sorted and paged, and how soon.

use super::support::{Shop, code, plain};
use comptoir_mesh::{Role, testing::SOON};
use comptoir_proto::catalog::v1::{
    CreateCategoryRequest, DeleteProductRequest, OptionFilter, ProductInput, ProductSort, ProductStatus,
    SearchFilters, SearchProductsRequest, SearchProductsResponse, SuggestSearchesRequest,
    UpdateProductRequest, VariantInput,
};

fn variant(values: &[&str], price: &str, quantity: i32) -> VariantInput {
    VariantInput {
        option_values: values.iter().map(|value| (*value).to_owned()).collect(),
        price: price.to_owned(),
        quantity: Some(quantity),
        ..Default::default()
    }
}

fn dressed(title: &str, vendor: &str, tags: &[&str], variants: Vec<VariantInput>) -> ProductInput {
    ProductInput {
        vendor: Some(vendor.to_owned()),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        options: vec!["Size".to_owned(), "Colour".to_owned()],
        variants,
        ..plain(title, "1")
    }
}

async fn clothes() -> Shop {
    let shop = Shop::open().await;
    for product in [
        dressed(
            "Linen Shirt",
            "Acme",
            &["summer"],
            vec![variant(&["S", "Red"], "40", 0), variant(&["M", "Blue"], "60", 3)],
        ),
        dressed(
            "Flannel Shirt",
            "Étoile",
            &["winter"],
            vec![variant(&["S", "Red"], "50", 2), variant(&["L", "Blue"], "55", 2)],
        ),
        dressed(
            "Leather Jacket",
            "Acme",
            &["winter", "sale"],
            vec![variant(&["M", "Black"], "200", 1)],
        ),
        ProductInput {
            description: Some("<p>Crème brûlée set &amp; torch, 100% steel</p>".to_owned()),
            ..plain("Kitchen torch", "30")
        },
    ] {
        shop.create(product).await;
    }
    shop.until_found(4).await;
    shop
}

fn titles(found: &SearchProductsResponse) -> Vec<&str> {
    found
        .products
        .iter()
        .map(|product| product.title.as_str())
        .collect()
}

fn facets(found: &SearchProductsResponse) -> Vec<String> {
    let line = |facet: &comptoir_proto::catalog::v1::Facet| {
        let values: Vec<String> = facet
            .values
            .iter()
            .map(|value| format!("{} {}", value.value, value.count))
            .collect();
        format!("{}: {}", facet.id, values.join(", "))
    };
    found.facets.iter().map(line).collect()
}

#[tokio::test]
async fn words_are_found_by_prefix_with_typos_and_without_accents() {
    let shop = clothes().await;
    let one = |title: &str| vec![title.to_owned()];
    assert_eq!(
        shop.titles("leath").await,
        one("Leather Jacket"),
        "the last word's beginning"
    );
    assert_eq!(
        shop.titles("leath jacket").await,
        Vec::<String>::new(),
        "only the last word's"
    );
    assert_eq!(
        shop.titles("JACKET leather").await,
        one("Leather Jacket"),
        "every word, in any order"
    );
    assert_eq!(
        shop.titles("leather shirt").await,
        Vec::<String>::new(),
        "every word"
    );
    assert_eq!(
        shop.titles("laether").await,
        one("Leather Jacket"),
        "a swap is one typo"
    );
    assert_eq!(
        shop.titles("jakket lether").await,
        one("Leather Jacket"),
        "one in each word"
    );
    assert_eq!(
        shop.titles("laehter").await,
        Vec::<String>::new(),
        "two in seven letters are too many"
    );
    assert_eq!(
        shop.titles("creme BRULEE").await,
        one("Kitchen torch"),
        "accents, in a description"
    );
    assert_eq!(shop.titles("etoile").await, one("Flannel Shirt"), "the vendor");
    assert_eq!(shop.titles("sale").await, one("Leather Jacket"), "a tag");
    assert_eq!(
        shop.titles("black").await,
        one("Leather Jacket"),
        "an option's value"
    );
    assert_eq!(shop.titles("  ").await.len(), 4, "nothing asked finds all");
    assert_eq!(shop.titles("shirt").await.len(), 2);
}

/// What each query finds, by title.
async fn finds(shop: &Shop, expected: &[(&str, &[&str])]) {
    for (query, titles) in expected {
        let mut found = shop.titles(query).await;
        found.sort();
        assert_eq!(found, *titles, "{query}");
    }
}

async fn shop_of(titles: &[&str]) -> Shop {
    let shop = Shop::open().await;
    for title in titles {
        shop.create(plain(title, "10")).await;
    }
    shop.until_found(titles.len() as i64).await;
    shop
}

#[tokio::test]
async fn apostrophes_and_hyphens_may_be_left_out() {
    let shirts: &[&str] = &["Men's Oxford Shirt", "Mens Linen Shirt", "Men’s Polo Shirt"];
    let others = ["Menu Board", "L'Oréal Crème", "T-Shirt", "Sac d’école"];
    let shop = shop_of(&[shirts, &others].concat()).await;
    finds(
        &shop,
        &[
            ("mens shirt", shirts),
            ("men's shirt", shirts),
            ("men’s shirt", shirts),
            ("men´s shirt", shirts),
            ("men's", shirts),
            ("loreal", &["L'Oréal Crème"]),
            ("crème l’oréal", &["L'Oréal Crème"]),
            ("sac école", &["Sac d’école"]),
            ("sac d'école", &["Sac d’école"]),
        ],
    )
    .await;
    assert_eq!(
        shop.titles("tshirt").await[0],
        "T-Shirt",
        "before what is one typo away"
    );
}

#[tokio::test]
async fn other_forms_of_a_word_are_found_behind_itself() {
    let shop = shop_of(&[
        "Mug",
        "Mugs",
        "Cup",
        "Batteries",
        "Manteau",
        "Bijou",
        "Chaussures brodées",
        "Leather Case",
    ])
    .await;
    finds(
        &shop,
        &[
            ("mugs", &["Mug", "Mugs"]),
            ("cups", &["Cup"]),
            ("battery", &["Batteries"]),
            ("manteaux", &["Manteau"]),
            ("bijoux", &["Bijou"]),
            ("chaussure brodé", &["Chaussures brodées"]),
            ("leath case", &[]),
            ("CASES leather", &["Leather Case"]),
        ],
    )
    .await;
    assert_eq!(
        shop.titles("mugs").await,
        ["Mugs", "Mug"],
        "as it was asked for first"
    );
    assert_eq!(shop.titles("mug").await, ["Mug", "Mugs"]);
}

#[tokio::test]
async fn marks_that_make_another_letter_count() {
    let shop = shop_of(&["パスタ皿", "バスタオル", "カラス", "ガラス", "ｶﾞﾗｽ器"]).await;
    finds(
        &shop,
        &[
            ("パスタ", &["パスタ皿"]),
            ("ﾊﾟｽﾀ", &["パスタ皿"]),
            ("カラス", &["カラス"]),
            ("ガラス", &["ガラス", "ｶﾞﾗｽ器"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_sku_is_found_whole_however_it_is_written() {
    let shop = Shop::open().await;
    let with_sku = |title: &str, sku: &str| {
        let mut product = plain(title, "10");
        product.variants[0].sku = Some(sku.to_owned());
        product
    };
    let oak = shop.create(with_sku("Oak", "NOR.0707-60")).await;
    shop.create(with_sku("Elm", "NOR.0707-600")).await;
    shop.create(with_sku("Nor 60", "SHIRT")).await;
    shop.create(plain("Shirt", "10")).await;
    shop.until_found(4).await;
    finds(
        &shop,
        &[
            ("NOR.0707-60", &["Oak"]),
            ("nor 0707 60", &["Oak"]),
            ("NOR070760", &["Oak"]),
            ("oak NOR.0707-60", &["Oak"]),
            ("elm NOR.0707-60", &[]),
            ("0707", &[]),
            ("60", &["Nor 60"]),
        ],
    )
    .await;
    assert_eq!(shop.titles("shirt").await, ["Nor 60", "Shirt"], "the SKU first");
    let mut client = shop.client.clone();
    let request = DeleteProductRequest { product_id: oak.id };
    shop.as_staff(client.delete_product(request)).await.unwrap();
    shop.until(async || shop.titles("NOR.0707-60").await.is_empty())
        .await;
}

#[tokio::test]
async fn what_means_something_elsewhere_is_text_here() {
    let shop = clothes().await;
    assert_eq!(
        shop.titles("%").await,
        ["Kitchen torch"],
        "it stands in one description"
    );
    for nothing in [
        "_",
        "\\",
        "*",
        "'; DROP--",
        "' OR 1=1 --",
        "title:shirt^2",
        "\"shirt",
        "$where",
    ] {
        let found = shop.titles(nothing).await;
        assert!(found.len() < 4, "{nothing} found {found:?}");
    }
    assert_eq!(shop.titles("_").await, Vec::<String>::new());
    assert_eq!(
        shop.titles("(shirt) AND -linen~").await,
        Vec::<String>::new(),
        "AND is a word like any other"
    );
    let refused = |query: &str, size: i32, sort: i32, token: &str| SearchProductsRequest {
        query: query.to_owned(),
        page_size: size,
        sort,
        page_token: token.to_owned(),
        ..Default::default()
    };
    for (request, expected) in [
        (refused("a\0b", 0, 0, ""), "INVALID_ENCODING"),
        (refused(&"é".repeat(257), 0, 0, ""), "QUERY_TOO_LONG"),
        (refused("", 101, 0, ""), "LIMIT_OUT_OF_RANGE"),
        (refused("", -1, 0, ""), "LIMIT_OUT_OF_RANGE"),
        (refused("", 0, 99, ""), "INVALID_SORT"),
        (refused("", 0, 0, "nonsense"), "VALIDATION_FAILED"),
    ] {
        assert_eq!(code(&shop.search(request).await.unwrap_err()), expected);
    }
    assert!(shop.search(refused(&"é".repeat(256), 100, 0, "")).await.is_ok());
}

#[tokio::test]
async fn filters_meet_in_one_variant_and_facets_leave_their_own_out() {
    let shop = clothes().await;
    let option = |name: &str, values: &[&str]| OptionFilter {
        name: name.to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let ask = async |query: &str, filters: SearchFilters| {
        let request = SearchProductsRequest {
            query: query.to_owned(),
            filters: Some(filters),
            sort: ProductSort::TitleAsc.into(),
            with_facets: true,
            ..Default::default()
        };
        shop.search(request).await.unwrap()
    };
    let small_red = SearchFilters {
        options: vec![option("Size", &["S"]), option("Colour", &["Red"])],
        ..Default::default()
    };
    assert_eq!(
        titles(&ask("shirt", small_red.clone()).await),
        ["Flannel Shirt", "Linen Shirt"]
    );
    let in_stock = SearchFilters {
        available_only: true,
        ..small_red.clone()
    };
    assert_eq!(
        titles(&ask("shirt", in_stock).await),
        ["Flannel Shirt"],
        "the red S of linen is sold out"
    );
    let small_blue = SearchFilters {
        options: vec![option("Size", &["S"]), option("Colour", &["Blue"])],
        ..Default::default()
    };
    assert_eq!(
        titles(&ask("shirt", small_blue).await),
        Vec::<&str>::new(),
        "no variant is both"
    );
    let cheap = SearchFilters {
        price_max: Some(4_000),
        ..small_red
    };
    assert_eq!(titles(&ask("shirt", cheap).await), ["Linen Shirt"]);

    let winter = SearchFilters {
        tags: vec!["winter".to_owned()],
        vendors: vec!["Acme".to_owned()],
        ..Default::default()
    };
    let found = ask("", winter).await;
    assert_eq!((titles(&found), found.total_count), (vec!["Leather Jacket"], 1));
    assert_eq!(
        facets(&found),
        [
            "vendor: Acme 1, Étoile 1",
            "tag: sale 1, summer 1, winter 1",
            "option.Colour: Black 1",
            "option.Size: M 1",
        ]
    );
}

#[tokio::test]
async fn a_category_takes_in_what_is_below_it() {
    let shop = Shop::open().await;
    let category = async |name: &str, parent_id: Option<String>| {
        let request = CreateCategoryRequest {
            name: name.to_owned(),
            slug: None,
            parent_id,
        };
        let mut client = shop.client.clone();
        shop.as_staff(client.create_category(request))
            .await
            .unwrap()
            .into_inner()
            .category
            .unwrap()
            .id
    };
    let men = category("Men", None).await;
    let tops = category("Tops", Some(men.clone())).await;
    let women = category("Women", None).await;
    for (title, category_id) in [("One", &men), ("Two", &tops), ("Three", &women)] {
        shop.create(ProductInput {
            category_id: Some(category_id.clone()),
            ..plain(title, "10")
        })
        .await;
    }
    shop.until_found(3).await;
    let request = SearchProductsRequest {
        filters: Some(SearchFilters {
            categories: vec!["men".to_owned()],
            ..Default::default()
        }),
        sort: ProductSort::TitleAsc.into(),
        with_facets: true,
        ..Default::default()
    };
    let found = shop.search(request.clone()).await.unwrap();
    assert_eq!(titles(&found), ["One", "Two"]);
    assert_eq!(facets(&found), ["category: men 2, tops 1, women 1"]);
    assert_eq!(found.facets[0].values[0].label, "Men");

    // A category that goes leaves its products to the one above.
    let request_delete = comptoir_proto::catalog::v1::DeleteCategoryRequest { category_id: men };
    let mut client = shop.client.clone();
    shop.as_staff(client.delete_category(request_delete))
        .await
        .unwrap();
    let all = SearchProductsRequest {
        filters: None,
        ..request
    };
    shop.until(async || facets(&shop.search(all.clone()).await.unwrap()) == ["category: tops 1, women 1"])
        .await;
}

#[tokio::test]
async fn pages_go_on_where_the_last_ended_whatever_the_sort() {
    let shop = Shop::open().await;
    for number in 0..25 {
        shop.create(plain(
            &format!("Éclair {:02} shirt", (number * 7) % 25),
            &format!("{}", 10 + number % 4),
        ))
        .await;
    }
    shop.until_found(25).await;
    for sort in [
        ProductSort::Relevance,
        ProductSort::PriceAsc,
        ProductSort::PriceDesc,
        ProductSort::Newest,
        ProductSort::TitleAsc,
    ] {
        let mut request = SearchProductsRequest {
            query: "shirt".to_owned(),
            sort: sort.into(),
            page_size: 10,
            ..Default::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = shop.search(request.clone()).await.unwrap();
            assert_eq!((page.total_count, page.cursors.len()), (25, page.products.len()));
            seen.extend(page.products.into_iter().map(|product| {
                (
                    product.title,
                    product.variants[0].price.as_ref().unwrap().minor_units,
                )
            }));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(seen.len(), 25, "{sort:?}");
        let mut distinct = seen.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 25, "{sort:?}");
        match sort {
            ProductSort::PriceAsc => assert!(seen.is_sorted_by_key(|(_, price)| *price)),
            ProductSort::PriceDesc => assert!(seen.is_sorted_by_key(|(_, price)| -price)),
            ProductSort::TitleAsc => assert!(seen.is_sorted()),
            _ => {}
        }
        let other = SearchProductsRequest {
            query: "eclair".to_owned(),
            ..request.clone()
        };
        assert_eq!(
            code(&shop.search(other).await.unwrap_err()),
            "VALIDATION_FAILED",
            "a cursor of another search"
        );
        let other = SearchProductsRequest {
            sort: (i32::from(sort) % 5) + 1,
            ..request
        };
        assert_eq!(
            code(&shop.search(other).await.unwrap_err()),
            "VALIDATION_FAILED",
            "a cursor of another sort"
        );
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_soon_found() {
    let shop = Shop::open().await;
    let created = shop.create(plain("Wool hat", "20")).await;
    assert!(shop.until_found(1).await < SOON);
    let update = |title: &str, status: ProductStatus, version: i64| UpdateProductRequest {
        product_id: created.id.clone(),
        product: Some(ProductInput {
            status: status.into(),
            ..plain(title, "20")
        }),
        version,
    };
    let mut client = shop.client.clone();
    shop.as_staff(client.update_product(update("Cotton hat", ProductStatus::Active, 1)))
        .await
        .unwrap();
    shop.until(async || shop.titles("cotton").await.len() == 1 && shop.titles("wool").await.is_empty())
        .await;
    shop.as_staff(client.update_product(update("Cotton hat", ProductStatus::Draft, 2)))
        .await
        .unwrap();
    shop.until_found(0).await;
    shop.as_staff(client.update_product(update("Cotton hat", ProductStatus::Active, 3)))
        .await
        .unwrap();
    shop.until_found(1).await;
    shop.as_staff(client.delete_product(DeleteProductRequest {
        product_id: created.id.clone(),
    }))
    .await
    .unwrap();
    assert!(shop.until_found(0).await < SOON);
    assert!(suggest(&shop, "cot").await.is_empty(), "nor is it suggested");
}

#[tokio::test]
async fn a_restart_finds_what_was_there() {
    let shop = clothes().await;
    let before = shop.titles("shirt").await;
    let again = comptoir_catalog::start(Default::default(), shop.test.env.clone(), None)
        .await
        .unwrap();
    let slot = comptoir_mesh::channel::in_process();
    slot.bind(&again);
    let mut client = comptoir_proto::catalog::v1::catalog_service_client::CatalogServiceClient::new(
        slot.channel("gateway"),
    );
    let request = SearchProductsRequest {
        query: "shirt".to_owned(),
        ..Default::default()
    };
    let found = client.search_products(request).await.unwrap().into_inner();
    assert_eq!(titles(&found), before);
}

async fn suggest(shop: &Shop, prefix: &str) -> Vec<String> {
    let request = SuggestSearchesRequest {
        prefix: prefix.to_owned(),
        page_size: 0,
    };
    shop.client
        .clone()
        .suggest_searches(request)
        .await
        .expect("suggestions are answered")
        .into_inner()
        .suggestions
}

#[tokio::test]
async fn what_was_begun_is_completed() {
    let shop = clothes().await;
    assert_eq!(
        suggest(&shop, "shi").await[0],
        "shirt",
        "what most products have comes first"
    );
    assert!(
        suggest(&shop, "LEATHER JA")
            .await
            .contains(&"Leather Jacket".to_owned())
    );
    assert!(suggest(&shop, "eto").await.contains(&"Étoile".to_owned()));
    assert_eq!(
        suggest(&shop, "jacket").await,
        ["jacket", "Leather Jacket"],
        "titles with the word follow"
    );
    assert!(suggest(&shop, "").await.is_empty());
    let long = SuggestSearchesRequest {
        prefix: "x".repeat(300),
        page_size: 0,
    };
    assert_eq!(
        code(&shop.client.clone().suggest_searches(long).await.unwrap_err()),
        "QUERY_TOO_LONG"
    );
    let many = SuggestSearchesRequest {
        prefix: "x".to_owned(),
        page_size: 21,
    };
    assert_eq!(
        code(&shop.client.clone().suggest_searches(many).await.unwrap_err()),
        "LIMIT_OUT_OF_RANGE"
    );
}

#[tokio::test]
async fn drafts_are_not_found_by_staff_either() {
    let shop = Shop::open().await;
    shop.create(ProductInput {
        status: ProductStatus::Draft.into(),
        ..plain("Hidden", "1")
    })
    .await;
    shop.create(plain("Shown", "1")).await;
    shop.until_found(1).await;
    let staff = shop.test.token("user_01J00000000000000000000001", Role::Admin);
    let found = comptoir_mesh::testing::with_token(&staff, shop.titles("")).await;
    assert_eq!(found, ["Shown"]);
}
