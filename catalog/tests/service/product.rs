//! Products and variants.

use std::sync::Arc;

use comptoir_proto::catalog::v1::{
    BatchGetProductsRequest, BatchGetVariantsRequest, CreateProductRequest, DeleteProductRequest,
    GetProductRequest, ListProductsRequest, ListProductsResponse, ProductInput, ProductSort, ProductStatus,
    VariantInput, get_product_request::Key,
};
use tonic::Status;

use super::{Shop, Who, code, input_of, plain, refusals, sized};

async fn by_slug(shop: &Shop, who: Who, slug: &str) -> Result<String, Status> {
    let request = GetProductRequest {
        key: Some(Key::Slug(slug.to_owned())),
        read_mask: None,
    };
    let found = shop
        .by(who)
        .call(async |caller| caller.catalog.get_product(request).await)
        .await;
    found.map(|response| response.product.unwrap().id)
}

async fn list(shop: &Shop, who: Who, request: ListProductsRequest) -> Result<ListProductsResponse, Status> {
    shop.by(who)
        .call(async |caller| caller.catalog.list_products(request).await)
        .await
}

async fn create(shop: &Shop, product: ProductInput) -> Result<comptoir_proto::catalog::v1::Product, Status> {
    let request = CreateProductRequest {
        product: Some(product),
    };
    let created = shop
        .by(Who::Staff)
        .call(async |staff| staff.catalog.create_product(request).await)
        .await;
    created.map(|response| response.product.unwrap())
}

/// Ids are ours to give: one that a client chose would have another form, or be another product's.
#[tokio::test]
async fn a_new_product_takes_no_ids_of_variants() {
    let shop = Shop::open().await;
    let mut chosen = plain("Tee", 1);
    chosen.variants[0].id = Some("AAA".to_owned());
    let refused = create(&shop, chosen).await;
    assert_eq!(refusals(refused), ["product.variants.0.id VALIDATION_FAILED"]);
    assert!(
        by_slug(&shop, Who::Staff, "tee").await.is_err(),
        "nothing was made"
    );
}

#[tokio::test]
async fn what_staff_write_everybody_reads() {
    let shop = Shop::open().await;
    let tee = ProductInput {
        description: Some("<p>Soft <script>alert(1)</script></p>".to_owned()),
        vendor: Some("Zoe\u{308}".to_owned()),
        options: vec!["Size".to_owned()],
        variants: vec![sized("S", "19.90", 3), sized("M", "24", 0)],
        ..plain("Été Tee", 0)
    };
    let product = shop.create(tee).await;
    assert_eq!((product.slug.as_str(), product.version), ("ete-tee", 1));
    assert_eq!(product.description, "<p>Soft </p>");
    assert_eq!(product.vendor.as_deref(), Some("Zoë"), "stored in NFC");
    assert_eq!(product.options[0].values, ["S", "M"]);
    let [small, medium] = &product.variants[..] else {
        panic!("two variants")
    };
    assert_eq!((small.title.as_str(), small.available_for_sale), ("S", true));
    assert_eq!(
        (
            medium.price.as_ref().unwrap().minor_units,
            medium.available_for_sale
        ),
        (2400, false)
    );
    assert_eq!(
        (small.quantity_on_hand, small.quantity_reserved),
        (Some(3), Some(0))
    );

    for who in [Who::Guest, Who::Customer, Who::Staff, Who::Admin] {
        let read = shop.get(who, &product.id).await.unwrap();
        let staff = matches!(who, Who::Staff | Who::Admin);
        assert_eq!(read.variants[0].quantity_available, 3);
        assert_eq!(read.variants[0].quantity_on_hand.is_some(), staff, "{who:?}");
        assert_eq!(read.variants[0].quantity_reserved.is_some(), staff, "{who:?}");
        assert_eq!(by_slug(&shop, who, "ete-tee").await.unwrap(), product.id);
    }
    assert_eq!(code(shop.get(Who::Guest, "prod_unknown").await), "NOT_FOUND");
    assert_eq!(code(by_slug(&shop, Who::Guest, "' OR 1=1 --").await), "NOT_FOUND");
}

#[tokio::test]
async fn what_is_not_active_is_not_there_but_for_staff() {
    let shop = Shop::open().await;
    let hidden = ProductInput {
        status: ProductStatus::Draft.into(),
        ..plain("Hidden", 2)
    };
    let (hidden, shown) = (shop.create(hidden).await, shop.create(plain("Shown", 2)).await);
    let ids = vec![hidden.id.clone(), shown.id.clone(), "prod_unknown".to_owned()];
    let variants = vec![
        hidden.variants[0].id.clone(),
        shown.variants[0].id.clone(),
        "var_unknown".to_owned(),
    ];
    for (who, products, of_variants) in [
        (Who::Guest, 1, 1),
        (Who::Customer, 1, 1),
        (Who::Orders, 1, 2),
        (Who::Staff, 2, 2),
    ] {
        let request = BatchGetProductsRequest {
            product_ids: ids.clone(),
        };
        let found = shop
            .by(who)
            .call(async |caller| caller.catalog.batch_get_products(request).await)
            .await;
        assert_eq!(found.unwrap().products.len(), products, "{who:?}");
        let request = BatchGetVariantsRequest {
            variant_ids: variants.clone(),
        };
        let found = shop
            .by(who)
            .call(async |caller| caller.catalog.batch_get_variants(request).await)
            .await
            .unwrap();
        assert_eq!(found.variants.len(), of_variants, "{who:?}");
        let listed = list(&shop, who, ListProductsRequest::default()).await.unwrap();
        assert_eq!(
            (listed.products.len(), listed.total_count),
            (products, i64::try_from(products).unwrap())
        );
        if products == 1 {
            assert_eq!(code(shop.get(who, &hidden.id).await), "NOT_FOUND");
            assert_eq!(code(by_slug(&shop, who, "hidden").await), "NOT_FOUND");
        }
    }
    let drafts = || ListProductsRequest {
        status: ProductStatus::Draft.into(),
        ..ListProductsRequest::default()
    };
    assert_eq!(code(list(&shop, Who::Guest, drafts()).await), "UNAUTHENTICATED");
    assert_eq!(code(list(&shop, Who::Customer, drafts()).await), "FORBIDDEN");
    assert_eq!(
        list(&shop, Who::Staff, drafts()).await.unwrap().products[0].id,
        hidden.id
    );
    let query = || ListProductsRequest {
        query: "HIDD".to_owned(),
        ..ListProductsRequest::default()
    };
    assert_eq!(code(list(&shop, Who::Customer, query()).await), "FORBIDDEN");
    assert_eq!(list(&shop, Who::Staff, query()).await.unwrap().total_count, 1);
    let nothing = ListProductsRequest {
        query: "%".to_owned(),
        ..ListProductsRequest::default()
    };
    assert_eq!(list(&shop, Who::Staff, nothing).await.unwrap().total_count, 0);
}

#[tokio::test]
async fn an_update_takes_the_version_that_was_read() {
    let shop = Shop::open().await;
    let product = shop.create(plain("Mug", 2)).await;
    // Read first, so that what is kept in memory has to be forgotten.
    shop.get(Who::Guest, &product.id).await.unwrap();
    by_slug(&shop, Who::Guest, "mug").await.unwrap();
    let updated = shop
        .update(&product, |input| input.slug = Some("cup".to_owned()))
        .await
        .unwrap();
    assert_eq!(
        (
            updated.version,
            updated.slug.as_str(),
            updated.variants[0].id == product.variants[0].id
        ),
        (2, "cup", true)
    );
    assert_eq!(shop.get(Who::Guest, &product.id).await.unwrap().slug, "cup");
    assert_eq!(code(by_slug(&shop, Who::Guest, "mug").await), "NOT_FOUND");
    assert_eq!(by_slug(&shop, Who::Guest, "cup").await.unwrap(), product.id);
    assert_eq!(
        code(
            shop.update(&product, |input| input.title = "Late".to_owned())
                .await
        ),
        "VERSION_CONFLICT"
    );
    // The old slug is free for another product.
    let next = shop.create(plain("Mug", 0)).await;
    assert_eq!(by_slug(&shop, Who::Guest, "mug").await.unwrap(), next.id);

    let archived = shop
        .update(&updated, |input| input.status = ProductStatus::Archived.into())
        .await
        .unwrap();
    assert_eq!(code(shop.get(Who::Guest, &product.id).await), "NOT_FOUND");
    // A status that is not named stays.
    let retitled = shop
        .update(&archived, |input| input.title = "Old cup".to_owned())
        .await
        .unwrap();
    assert_eq!(retitled.status(), ProductStatus::Archived);
}

#[tokio::test]
async fn refusals_name_the_field_of_the_request() {
    let shop = Shop::open().await;
    let product = shop.create(plain("Lamp", 2)).await;
    let wrong = |change: fn(&mut ProductInput)| {
        let mut input = plain("Other", 1);
        change(&mut input);
        create(&shop, input)
    };
    assert_eq!(
        refusals(wrong(|input| input.title.clear()).await),
        ["product.title VALIDATION_FAILED"]
    );
    assert_eq!(
        refusals(wrong(|input| input.title = "x".repeat(1_000_000)).await),
        ["product.title INVALID_TEXT"]
    );
    assert_eq!(
        refusals(wrong(|input| input.title = "a\0b".to_owned()).await),
        ["product.title INVALID_ENCODING"]
    );
    assert_eq!(
        refusals(wrong(|input| input.slug = Some("lamp".to_owned())).await),
        ["product.slug VALIDATION_FAILED"]
    );
    assert_eq!(
        refusals(wrong(|input| input.category_id = Some("cat_unknown".to_owned())).await),
        ["product.category_id VALIDATION_FAILED"]
    );
    let media = format!("/media/{}", "0".repeat(64));
    let with_image = ProductInput {
        variants: vec![VariantInput {
            image_url: Some(media),
            ..plain("x", 0).variants.remove(0)
        }],
        ..plain("Other", 0)
    };
    assert_eq!(
        refusals(create(&shop, with_image).await),
        ["product.variants.0.image_url URL_NOT_ALLOWED"]
    );
    let stock = shop
        .update(&product, |input| input.variants[0].quantity = Some(9))
        .await;
    assert_eq!(refusals(stock), ["product.variants.0.quantity VALIDATION_FAILED"]);
    let foreign = shop
        .update(&product, |input| {
            input.variants[0].id = Some("var_unknown".to_owned());
        })
        .await;
    assert_eq!(refusals(foreign), ["product.variants.0.id VALIDATION_FAILED"]);
    assert_eq!(
        list(&shop, Who::Staff, ListProductsRequest::default())
            .await
            .unwrap()
            .total_count,
        1
    );
}

#[tokio::test]
async fn lists_are_paged_by_cursor_in_every_order() {
    let shop = Shop::open().await;
    for (title, price) in [
        ("Éclair", "3"),
        ("apple", "1"),
        ("Zebra", "1"),
        ("Bread", "2"),
        ("Dish", "1"),
    ] {
        let mut input = plain(title, 1);
        input.variants[0].price = price.to_owned();
        shop.create(input).await;
    }
    for sort in [
        ProductSort::Unspecified,
        ProductSort::PriceAsc,
        ProductSort::PriceDesc,
        ProductSort::TitleAsc,
    ] {
        let request = |page_size, page_token| ListProductsRequest {
            page_size,
            page_token,
            sort: sort.into(),
            ..ListProductsRequest::default()
        };
        let whole = list(&shop, Who::Guest, request(0, String::new())).await.unwrap();
        assert_eq!(
            (
                whole.products.len(),
                whole.next_page_token.as_str(),
                whole.total_count
            ),
            (5, "", 5)
        );
        let mut paged = Vec::new();
        let mut token = String::new();
        loop {
            let page = list(&shop, Who::Guest, request(2, token)).await.unwrap();
            assert_eq!((page.cursors.len(), page.total_count), (page.products.len(), 5));
            paged.extend(page.products);
            if page.next_page_token.is_empty() {
                break;
            }
            assert_eq!(page.cursors.last(), Some(&page.next_page_token));
            token = page.next_page_token;
        }
        assert_eq!(paged, whole.products, "{sort:?}");
        // A cursor in the middle of a page goes on behind its product.
        let behind = list(&shop, Who::Guest, request(2, whole.cursors[1].clone()))
            .await
            .unwrap();
        assert_eq!(behind.products, whole.products[2..4]);
    }
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused() {
    let shop = Shop::open().await;
    shop.create(plain("One", 1)).await;
    shop.create(plain("Two", 1)).await;
    let of = |request: ListProductsRequest| list(&shop, Who::Guest, request);
    let request = ListProductsRequest::default;
    for page_size in [-1, 101, i32::MAX] {
        assert_eq!(
            code(
                of(ListProductsRequest {
                    page_size,
                    ..request()
                })
                .await
            ),
            "LIMIT_OUT_OF_RANGE"
        );
    }
    assert_eq!(
        code(
            of(ListProductsRequest {
                sort: 99,
                ..request()
            })
            .await
        ),
        "INVALID_SORT"
    );
    assert_eq!(
        code(
            of(ListProductsRequest {
                status: 99,
                ..request()
            })
            .await
        ),
        "VALIDATION_FAILED"
    );
    let by_price = ListProductsRequest {
        page_size: 1,
        sort: ProductSort::PriceAsc.into(),
        ..request()
    };
    let page_token = of(by_price).await.unwrap().next_page_token;
    for page_token in [page_token, "garbage".to_owned(), "é".to_owned()] {
        let other = ListProductsRequest {
            page_token,
            sort: ProductSort::TitleAsc.into(),
            ..request()
        };
        assert_eq!(refusals(of(other).await), ["page_token VALIDATION_FAILED"]);
    }
    let many = BatchGetProductsRequest {
        product_ids: vec!["prod_x".to_owned(); 101],
    };
    let refused = shop
        .by(Who::Guest)
        .call(async |guest| guest.catalog.batch_get_products(many).await)
        .await;
    assert_eq!(code(refused), "LIMIT_OUT_OF_RANGE");
}

#[tokio::test]
async fn a_category_lists_what_stands_below_it() {
    let shop = Shop::open().await;
    let top = shop.category("Top", None).await;
    let below = shop.category("Below", Some(&top)).await;
    let placed = |title: &str, id: &str| ProductInput {
        category_id: Some(id.to_owned()),
        ..plain(title, 1)
    };
    shop.create(placed("High", &top.id)).await;
    shop.create(placed("Low", &below.id)).await;
    shop.create(plain("Nowhere", 1)).await;
    let of = async |id: &str| {
        let request = ListProductsRequest {
            category_id: id.to_owned(),
            sort: ProductSort::TitleAsc.into(),
            ..ListProductsRequest::default()
        };
        let found = list(&shop, Who::Guest, request).await.unwrap().products;
        found.into_iter().map(|product| product.title).collect::<Vec<_>>()
    };
    assert_eq!(of(&top.id).await, ["High", "Low"]);
    assert_eq!(of(&below.id).await, ["Low"]);
    assert!(of("cat_unknown").await.is_empty());
}

#[tokio::test]
async fn a_deleted_product_is_gone() {
    let shop = Shop::open().await;
    let product = shop.create(plain("Fan", 1)).await;
    shop.get(Who::Guest, &product.id).await.unwrap();
    let delete = || DeleteProductRequest {
        product_id: product.id.clone(),
    };
    let deleted = shop
        .by(Who::Staff)
        .call(async |staff| staff.catalog.delete_product(delete()).await)
        .await;
    assert_eq!(deleted.unwrap().product.as_ref(), Some(&product));
    assert_eq!(code(shop.get(Who::Staff, &product.id).await), "NOT_FOUND");
    let again = shop
        .by(Who::Staff)
        .call(async |staff| staff.catalog.delete_product(delete()).await)
        .await;
    assert_eq!(code(again), "NOT_FOUND");
}

/// What is kept in memory is never older than what was acknowledged, also while others read it all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_sees_less_than_was_acknowledged() {
    let shop = Arc::new(Shop::open().await);
    let mut product = shop.create(plain("Clock", 1)).await;
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (shop, id) = (Arc::clone(&shop), product.id.clone());
            tokio::spawn(async move {
                let mut last = 0;
                while last < 60 {
                    let version = shop.get(Who::Guest, &id).await.unwrap().version;
                    assert!(version >= last, "{version} after {last}");
                    last = version;
                    // What is in memory is read without waiting; the writer needs its turns.
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for turn in 2..=60 {
        product = shop
            .update(&product, |input| input.title = format!("Clock {turn}"))
            .await
            .unwrap();
        assert_eq!(shop.get(Who::Guest, &product.id).await.unwrap().version, turn);
        let variant_ids = vec![product.variants[0].id.clone()];
        let request = BatchGetVariantsRequest { variant_ids };
        let read = shop
            .by(Who::Guest)
            .call(async |guest| guest.catalog.batch_get_variants(request).await)
            .await;
        assert_eq!(read.unwrap().variants[0].product_title, product.title);
    }
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(input_of(&product).title, "Clock 60");
}
