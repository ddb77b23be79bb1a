//! The tree.

use comptoir_proto::catalog::v1::{
    Category, CreateCategoryRequest, DeleteCategoryRequest, ListCategoriesRequest, ProductInput,
    UpdateCategoryRequest,
};
use tonic::Status;

use super::{Shop, Who, code, plain, refusals};

async fn tree(shop: &Shop, page_size: i32) -> Vec<Category> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListCategoriesRequest {
            page_size,
            page_token,
        };
        let page = shop
            .by(Who::Guest)
            .call(async |guest| guest.catalog.list_categories(request).await)
            .await
            .unwrap();
        all.extend(page.categories);
        if page.next_page_token.is_empty() {
            return all;
        }
        page_token = page.next_page_token;
    }
}

async fn update(
    shop: &Shop,
    category: &Category,
    name: &str,
    parent: Option<&Category>,
) -> Result<Category, Status> {
    let request = UpdateCategoryRequest {
        category_id: category.id.clone(),
        name: name.to_owned(),
        slug: None,
        parent_id: parent.map(|parent| parent.id.clone()),
    };
    let updated = shop
        .by(Who::Staff)
        .call(async |staff| staff.catalog.update_category(request).await)
        .await;
    updated.map(|response| response.category.unwrap())
}

fn names(tree: &[Category]) -> Vec<&str> {
    tree.iter().map(|category| category.name.as_str()).collect()
}

#[tokio::test]
async fn the_tree_is_listed_parents_first() {
    let shop = Shop::open().await;
    assert!(tree(&shop, 0).await.is_empty());
    let women = shop.category("Women", None).await;
    let men = shop.category("Men", None).await;
    shop.category("Shoes", Some(&men)).await;
    shop.category("Étoles", Some(&men)).await;
    let whole = tree(&shop, 0).await;
    assert_eq!(names(&whole), ["Men", "Étoles", "Shoes", "Women"]);
    assert_eq!(tree(&shop, 1).await, whole);
    assert_eq!(
        (whole[1].slug.as_str(), whole[1].parent_id.as_ref()),
        ("etoles", Some(&men.id))
    );
    let moved = update(&shop, &men, "Gentlemen", Some(&women)).await.unwrap();
    assert_eq!(
        (moved.slug.as_str(), moved.parent_id.as_ref()),
        ("men", Some(&women.id))
    );
    assert_eq!(
        names(&tree(&shop, 0).await),
        ["Women", "Gentlemen", "Étoles", "Shoes"]
    );
}

#[tokio::test]
async fn a_category_never_stands_below_itself() {
    let shop = Shop::open().await;
    let top = shop.category("Top", None).await;
    let below = shop.category("Below", Some(&top)).await;
    for parent in [&top, &below] {
        assert_eq!(
            refusals(update(&shop, &top, "Top", Some(parent)).await),
            ["parent_id VALIDATION_FAILED"]
        );
    }
    let nameless = CreateCategoryRequest {
        name: " ".to_owned(),
        slug: Some("?".to_owned()),
        parent_id: None,
    };
    let refused = shop
        .by(Who::Staff)
        .call(async |staff| staff.catalog.create_category(nameless).await)
        .await;
    assert_eq!(
        refusals(refused),
        ["name VALIDATION_FAILED", "slug VALIDATION_FAILED"]
    );
    assert_eq!(names(&tree(&shop, 0).await), ["Top", "Below"]);
}

#[tokio::test]
async fn a_deleted_category_leaves_its_place_to_what_stood_in_it() {
    let shop = Shop::open().await;
    let top = shop.category("Top", None).await;
    let gone = shop.category("Gone", Some(&top)).await;
    let child = shop.category("Child", Some(&gone)).await;
    let product = ProductInput {
        category_id: Some(gone.id.clone()),
        ..plain("Thing", 1)
    };
    let product = shop.create(product).await;
    let delete = || DeleteCategoryRequest {
        category_id: gone.id.clone(),
    };
    let deleted = shop
        .by(Who::Staff)
        .call(async |staff| staff.catalog.delete_category(delete()).await)
        .await;
    assert_eq!(deleted.unwrap().category, Some(gone.clone()));
    let left = tree(&shop, 0).await;
    assert_eq!(
        left,
        [
            top.clone(),
            Category {
                parent_id: Some(top.id.clone()),
                ..child
            }
        ]
    );
    assert_eq!(
        shop.get(Who::Guest, &product.id).await.unwrap().category_id,
        Some(top.id)
    );
    let again = shop
        .by(Who::Staff)
        .call(async |staff| staff.catalog.delete_category(delete()).await)
        .await;
    assert_eq!(code(again), "NOT_FOUND");
}
