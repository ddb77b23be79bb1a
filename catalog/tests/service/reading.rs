//! What is read: the fields that were asked for, of the last change.

use std::time::Duration;

use comptoir_mesh::testing::PATIENCE;
use comptoir_proto::catalog::v1::{
    DeleteProductRequest, GetProductRequest, Image, ImageInput, ListProductsRequest, ListProductsResponse,
    PriceRange, Product, ProductInput, ProductSort, ProductStatus, SearchProductsRequest,
    get_product_request::Key,
};
use comptoir_proto::types::Money;
use prost_types::FieldMask;
use tonic::Status;

use super::{Shop, Who, plain, refusals, sized};

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    })
}

/// A product of which every field is set.
fn full() -> ProductInput {
    ProductInput {
        title: "Lamp".to_owned(),
        description: Some("<p>Light</p>".to_owned()),
        vendor: Some("Acme".to_owned()),
        product_type: Some("Light".to_owned()),
        tags: vec!["new".to_owned()],
        options: vec!["Size".to_owned()],
        variants: vec![
            sized("S", "30.00", 0),
            sized("M", "20.00", 3),
            sized("L", "40.50", 0),
        ],
        images: vec![ImageInput {
            url: "https://cdn.example.com/lamp.png".to_owned(),
            alt_text: Some("A lamp".to_owned()),
        }],
        seo_title: Some("Lamps".to_owned()),
        seo_description: Some("Light for all".to_owned()),
        ..ProductInput::default()
    }
}

async fn list(shop: &Shop, request: ListProductsRequest) -> Result<ListProductsResponse, Status> {
    shop.by(Who::Guest)
        .call(async |guest| guest.catalog.list_products(request).await)
        .await
}

async fn titles(shop: &Shop, sort: ProductSort) -> Vec<String> {
    let request = ListProductsRequest {
        sort: sort.into(),
        ..ListProductsRequest::default()
    };
    let found = list(shop, request).await.unwrap();
    assert_eq!(usize::try_from(found.total_count).unwrap(), found.products.len());
    found.products.into_iter().map(|product| product.title).collect()
}

#[tokio::test]
async fn a_product_says_what_it_costs_shows_and_whether_it_is_sold() {
    let shop = Shop::open().await;
    let product = shop.create(full()).await;
    let euros = |minor_units| {
        Some(Money {
            minor_units,
            currency_code: "EUR".to_owned(),
        })
    };
    let range = PriceRange {
        min: euros(2_000),
        max: euros(4_050),
    };
    assert_eq!(product.price_range, Some(range));
    assert_eq!(product.featured_image.as_ref(), product.images.first());
    assert!(product.available_for_sale, "one of the sizes is there");
    let plain = shop.create(plain("Mug", 0)).await;
    assert!(!plain.available_for_sale, "sold out");
    assert_eq!(plain.featured_image, None::<Image>);
    let draft = ProductInput {
        status: ProductStatus::Draft.into(),
        ..full()
    };
    assert!(!shop.create(draft).await.available_for_sale, "not sold yet");
}

#[tokio::test]
async fn only_the_fields_asked_for_are_answered() {
    let shop = Shop::open().await;
    let whole = shop.create(full()).await;
    let id = whole.id.clone();
    let some = Product {
        id: id.clone(),
        title: whole.title.clone(),
        price_range: whole.price_range.clone(),
        featured_image: whole.featured_image.clone(),
        available_for_sale: true,
        ..Product::default()
    };
    let paths = ["title", "price_range", "featured_image", "available_for_sale"];
    let get = async |paths: &[&str]| {
        let request = GetProductRequest {
            key: Some(Key::ProductId(id.clone())),
            read_mask: mask(paths),
        };
        shop.by(Who::Guest)
            .call(async |guest| guest.catalog.get_product(request).await)
            .await
            .map(|answer| answer.product.unwrap())
    };
    assert_eq!(get(&paths).await.unwrap(), some);
    let bare = Product {
        id: id.clone(),
        ..Product::default()
    };
    assert_eq!(get(&["id"]).await.unwrap(), bare);
    let by_guest = get(&[]).await.unwrap();
    assert_eq!(by_guest.variants[0].quantity_on_hand, None);
    assert_eq!(by_guest.seo_description, whole.seo_description);
    let every = get(&[
        "slug",
        "title",
        "description",
        "vendor",
        "product_type",
        "tags",
        "category_id",
        "options",
        "variants",
        "images",
        "status",
        "seo_title",
        "seo_description",
        "created_at",
        "updated_at",
        "version",
        "price_range",
        "available_for_sale",
        "featured_image",
    ]);
    assert_eq!(every.await.unwrap(), by_guest);
    let listed = ListProductsRequest {
        read_mask: mask(&paths),
        ..ListProductsRequest::default()
    };
    let some = [some];
    assert_eq!(list(&shop, listed).await.unwrap().products, some);
    let search = async |paths: &[&str]| {
        let request = SearchProductsRequest {
            read_mask: mask(paths),
            ..SearchProductsRequest::default()
        };
        shop.by(Who::Guest)
            .call(async |guest| guest.catalog.search_products(request).await)
            .await
            .map(|answer| answer.products)
    };
    let indexed = async {
        while search(&paths).await.unwrap() != some {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, indexed)
        .await
        .expect("the index hears of it");

    let unknown = ListProductsRequest {
        read_mask: mask(&["title", "variants.price"]),
        ..ListProductsRequest::default()
    };
    let refused = ["read_mask VALIDATION_FAILED"];
    assert_eq!(refusals(list(&shop, unknown).await), refused);
    assert_eq!(refusals(search(&["secret"]).await), refused);
    assert_eq!(refusals(get(&["*"]).await), refused);
}

#[tokio::test]
async fn a_list_shows_what_was_changed_before_it_was_asked_for() {
    let shop = Shop::open().await;
    let newest = ProductSort::Newest;
    assert!(titles(&shop, newest).await.is_empty());
    let mug = shop.create(plain("Mug", 1)).await;
    assert_eq!(titles(&shop, newest).await, ["Mug"]);
    let lamp = shop.create(full()).await;
    assert_eq!(titles(&shop, ProductSort::TitleAsc).await, ["Lamp", "Mug"]);
    assert_eq!(titles(&shop, ProductSort::PriceDesc).await, ["Lamp", "Mug"]);
    let mug = shop
        .update(&mug, |input| {
            input.title = "Big Mug".to_owned();
            input.variants[0].price = "99.00".to_owned();
        })
        .await
        .unwrap();
    assert_eq!(titles(&shop, ProductSort::TitleAsc).await, ["Big Mug", "Lamp"]);
    assert_eq!(titles(&shop, ProductSort::PriceDesc).await, ["Big Mug", "Lamp"]);
    shop.update(&mug, |input| input.status = ProductStatus::Draft.into())
        .await
        .unwrap();
    assert_eq!(titles(&shop, ProductSort::TitleAsc).await, ["Lamp"]);
    let product_id = lamp.id;
    shop.by(Who::Staff)
        .call(async |staff| {
            let request = DeleteProductRequest { product_id };
            staff.catalog.delete_product(request).await
        })
        .await
        .unwrap();
    assert!(titles(&shop, ProductSort::TitleAsc).await.is_empty());
}
