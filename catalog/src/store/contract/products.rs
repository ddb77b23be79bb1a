//! Products: slugs, versions, variants, lists and imports.

use std::sync::{Arc, Mutex};

use comptoir_mesh::error::ErrorReason as Reason;
use futures::future::join_all;

use super::{STAFF, create, create_hidden, draft, field, ledger, read, reason, same, units, variant};
use crate::{
    domain::{
        CategoryDraft, Content, Image, ImportOutcome, ImportedProduct, ImportedVariant, Product,
        ProductDraft, ProductQuery, ProductSort, SlugChoice, Status, VariantDraft,
    },
    store::{Change, Store},
};

pub(in crate::store) async fn what_was_written_is_read(store: &dyn Store) {
    let content = Content {
        title: "Tee".to_owned(),
        description: "<p>Soft</p>".to_owned(),
        vendor: Some("Atelier".to_owned()),
        product_type: Some("Shirt".to_owned()),
        tags: vec!["b".to_owned(), "a".to_owned()],
        category_id: None,
        options: vec!["Size".to_owned(), "Colour".to_owned()],
        images: vec![Image {
            url: "https://x.test/1.png".to_owned(),
            alt_text: None,
            width: Some(3),
            height: None,
        }],
        seo_title: Some("Tee!".to_owned()),
        seo_description: None,
        handle: Some("tee!".to_owned()),
    };
    let detailed = VariantDraft {
        sku: Some("TEE-1".to_owned()),
        compare_at_price: Some(2500),
        weight_grams: Some(180),
        image: Some(Image {
            url: "https://x.test/2.png".to_owned(),
            ..Image::default()
        }),
        ..variant(&["S", "Red"], 1990, 4)
    };
    let variants = vec![
        detailed,
        variant(&["M", "Red"], 1890, 0),
        variant(&["S", "Blue"], 1990, 1),
    ];
    let written = ProductDraft {
        content,
        variants,
        ..draft("Tee", 0)
    };
    let product = store.create_product(written.clone(), STAFF).await.unwrap();
    assert_eq!(read(store, &product.id).await.unwrap(), product);
    assert_eq!(store.product_by_slug("tee").await.unwrap().unwrap(), product);
    assert_eq!(
        store.all_products(None, 10).await.unwrap(),
        std::slice::from_ref(&product)
    );
    assert_eq!(
        (product.version, product.status, product.lowest_price()),
        (1, Status::Active, 1890)
    );
    assert_eq!(product.content, written.content);
    let options = product.options();
    assert_eq!(
        (options[0].values.join(","), options[1].values.join(",")),
        ("S,M".to_owned(), "Red,Blue".to_owned())
    );
    assert_eq!(units(store, &product.variants[0].id).await, (4, 0));
    let of = store
        .products_of_variants(&[product.variants[1].id.clone(), "var_unknown".to_owned()])
        .await
        .unwrap();
    assert_eq!(of, [(product.variants[1].id.clone(), product.id.clone())]);
}

pub(in crate::store) async fn slugs_are_unique(store: &dyn Store) {
    let slugs = join_all((0..5).map(|_| create(store, "Blue Hat", 0))).await;
    let mut slugs: Vec<_> = slugs.into_iter().map(|product| product.slug).collect();
    slugs.sort();
    assert_eq!(
        slugs,
        ["blue-hat", "blue-hat-2", "blue-hat-3", "blue-hat-4", "blue-hat-5"]
    );
    let exact = || ProductDraft {
        slug: SlugChoice::Exact("blue-hat".to_owned()),
        ..draft("Other", 0)
    };
    assert_eq!(field(store.create_product(exact(), STAFF).await), "slug");
    let other = create(store, "Other", 0).await;
    let taken = ProductDraft {
        slug: SlugChoice::Exact("blue-hat".to_owned()),
        ..same(&other)
    };
    assert_eq!(
        field(store.update_product(&other.id, taken, 1, STAFF).await),
        "slug"
    );
}

pub(in crate::store) async fn one_of_two_editors_wins(store: &dyn Store) {
    let product = create(store, "Pot", 3).await;
    let edits = (0..8).map(|editor| {
        let mut edit = same(&product);
        edit.content.title = format!("Pot {editor}");
        store.update_product(&product.id, edit, 1, STAFF)
    });
    let outcomes = join_all(edits).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for refused in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(reason(refused), Reason::VersionConflict);
    }
    let stored = read(store, &product.id).await.unwrap();
    assert_eq!(stored.version, 2);
    // A title changes no slug.
    assert_eq!(stored.slug, "pot");
    assert_eq!(
        reason(
            store
                .update_product("prod_unknown", draft("X", 0), 1, STAFF)
                .await
        ),
        Reason::NotFound
    );
}

pub(in crate::store) async fn an_update_without_a_change_writes_nothing(store: &dyn Store) {
    let product = create(store, "Jar", 3).await;
    let events = store.pending(100).await.unwrap().len();
    let mut edit = same(&product);
    edit.variants[0].quantity = Some(3);
    assert_eq!(
        store.update_product(&product.id, edit, 1, STAFF).await.unwrap(),
        product
    );
    assert_eq!(store.pending(100).await.unwrap().len(), events);
}

pub(in crate::store) async fn variants_come_stay_and_go(store: &dyn Store) {
    let sized = |variants: Vec<VariantDraft>| ProductDraft {
        content: Content {
            options: vec!["Size".to_owned()],
            ..draft("Shoe", 0).content
        },
        variants,
        ..draft("Shoe", 0)
    };
    let shoe = store
        .create_product(
            sized(vec![variant(&["40"], 10, 4), variant(&["41"], 10, 6)]),
            STAFF,
        )
        .await
        .unwrap();
    let mut kept = same(&shoe).variants.remove(1);
    kept.price = 12;
    let updated = store
        .update_product(
            &shoe.id,
            sized(vec![variant(&["42"], 11, 2), kept.clone()]),
            1,
            STAFF,
        )
        .await
        .unwrap();
    assert_eq!(updated, read(store, &shoe.id).await.unwrap());
    assert_eq!(updated.variants[1].id, shoe.variants[1].id);
    assert_eq!((updated.variants[1].price, updated.variants[1].on_hand), (12, 6));
    assert_eq!((updated.variants[0].on_hand, updated.version), (2, 2));
    let gone = ledger(store, &shoe.variants[0].id).await;
    assert_eq!((gone[0].delta, gone[0].reason.as_str()), (-4, "removed"));

    let unknown = VariantDraft {
        id: Some(shoe.variants[0].id.clone()),
        ..variant(&["40"], 10, 0)
    };
    assert_eq!(
        field(
            store
                .update_product(&shoe.id, sized(vec![unknown]), 2, STAFF)
                .await
        ),
        "variants.0.id"
    );
    kept.quantity = Some(7);
    assert_eq!(
        field(store.update_product(&shoe.id, sized(vec![kept]), 2, STAFF).await),
        "variants.0.quantity"
    );
}

pub(in crate::store) async fn what_was_deleted_is_gone(store: &dyn Store) {
    let product = create(store, "Fan", 3).await;
    assert_eq!(store.delete_product(&product.id, STAFF).await.unwrap(), product);
    assert_eq!(read(store, &product.id).await, None);
    assert_eq!(
        reason(store.delete_product(&product.id, STAFF).await),
        Reason::NotFound
    );
    assert!(
        store
            .products_of_variants(&[product.variants[0].id.clone()])
            .await
            .unwrap()
            .is_empty()
    );
    // The slug is free again.
    assert_eq!(create(store, "Fan", 0).await.slug, "fan");
}

async fn pages(store: &dyn Store, sort: ProductSort) -> Vec<String> {
    let (mut after, mut slugs) = (None, Vec::new());
    loop {
        let query = ProductQuery {
            sort,
            after,
            limit: 2,
            status: Some(Status::Active),
            ..ProductQuery::default()
        };
        let page = store.list_products(&query).await.unwrap();
        assert_eq!(page.total, 5);
        for (id, _) in &page.keys {
            slugs.push(read(store, id).await.unwrap().slug);
        }
        match page.keys.last() {
            Some((id, value)) if page.more => after = Some((value.clone(), id.clone())),
            _ => return slugs,
        }
    }
}

pub(in crate::store) async fn lists_are_sorted_and_paged_without_gaps(store: &dyn Store) {
    for (title, price) in [
        ("Éclair", 3000),
        ("apple", 90),
        ("Zebra", 90),
        // As texts, 3000 would come before 90 and 200 before both.
        ("Bread", 200),
        ("Dish", 90),
    ] {
        let mut draft = draft(title, 0);
        draft.variants[0].price = price;
        store.create_product(draft, STAFF).await.unwrap();
    }
    create_hidden(store, "Hidden").await;
    assert_eq!(
        pages(store, ProductSort::TitleAsc).await,
        ["apple", "bread", "dish", "eclair", "zebra"]
    );
    let cheap = pages(store, ProductSort::PriceAsc).await;
    assert_eq!(cheap[3..], ["bread", "eclair"]);
    let dear = pages(store, ProductSort::PriceDesc).await;
    assert_eq!(
        dear.iter().rev().collect::<Vec<_>>(),
        cheap.iter().collect::<Vec<_>>()
    );
    let mut newest = pages(store, ProductSort::Newest).await;
    newest.sort();
    assert_eq!(newest, ["apple", "bread", "dish", "eclair", "zebra"]);
}

pub(in crate::store) async fn lists_are_filtered(store: &dyn Store) {
    let category = CategoryDraft {
        name: "Bags".to_owned(),
        slug: SlugChoice::Derived("bags".to_owned()),
        parent_id: None,
    };
    let category = store.create_category(category).await.unwrap();
    let mut bag = draft("Sac à dos 100%", 0);
    bag.content.category_id = Some(category.id.clone());
    bag.variants[0].sku = Some("BAG_7".to_owned());
    let bag = store.create_product(bag, STAFF).await.unwrap();
    create(store, "Cup", 0).await;
    create(store, "バスタオル", 0).await;
    // What a version that folded all marks stored of "パスタ皿".
    let pasta = create(store, "ハスタ皿", 0).await;
    let hidden = create_hidden(store, "Hidden bag").await;
    let find = async |query: ProductQuery| {
        let page = store
            .list_products(&ProductQuery { limit: 10, ..query })
            .await
            .unwrap();
        page.keys.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    let by_text = |text: &str| ProductQuery {
        text: Some(text.to_owned()),
        ..ProductQuery::default()
    };
    assert_eq!(find(by_text("sac a")).await, std::slice::from_ref(&bag.id));
    assert_eq!(find(by_text("bag_7")).await, std::slice::from_ref(&bag.id));
    assert_eq!(find(by_text("0%")).await, std::slice::from_ref(&bag.id));
    assert_eq!(find(by_text("パスタ")).await, [pasta.id]);
    // Wildcards of SQL are letters like any other.
    for nothing in ["s_c", "%cup%", "'; drop table products --"] {
        assert!(find(by_text(nothing)).await.is_empty(), "{nothing}");
    }
    assert_eq!(
        find(ProductQuery {
            categories: vec![category.id],
            ..ProductQuery::default()
        })
        .await,
        [bag.id]
    );
    assert_eq!(
        find(ProductQuery {
            status: Some(Status::Draft),
            ..ProductQuery::default()
        })
        .await,
        [hidden.id]
    );
    assert_eq!(find(ProductQuery::default()).await.len(), 5);
}

pub(super) fn file() -> ImportedProduct {
    ImportedProduct {
        handle: "mug".to_owned(),
        slug: "mug".to_owned(),
        title: Some("Mug".to_owned()),
        tags: Some(vec!["kitchen".to_owned()]),
        options: Some(vec!["Colour".to_owned()]),
        variants: vec![imported(&["Red"], 900, Some(4)), imported(&["Blue"], 900, None)],
        images: vec![Image {
            url: "https://x.test/mug.png".to_owned(),
            ..Image::default()
        }],
        currency: "EUR".to_owned(),
        ..ImportedProduct::default()
    }
}

fn imported(values: &[&str], price: i64, quantity: Option<i32>) -> ImportedVariant {
    ImportedVariant {
        option_values: values.iter().map(|value| (*value).to_owned()).collect(),
        price: Some(price),
        quantity,
        ..ImportedVariant::default()
    }
}

pub(in crate::store) async fn an_import_is_created_then_unchanged(store: &dyn Store) {
    let created = store.import_product(file(), STAFF).await.unwrap();
    assert_eq!(created.outcome, ImportOutcome::Created);
    let product = read(store, &created.product_id).await.unwrap();
    assert_eq!(units(store, &product.variants[0].id).await, (4, 0));
    assert_eq!(ledger(store, &product.variants[0].id).await[0].reason, "import");
    let reported = store.pending(100).await.unwrap();
    let again = store.import_product(file(), STAFF).await.unwrap();
    assert_eq!(
        (again.outcome, again.product_id.as_str()),
        (ImportOutcome::Unchanged, product.id.as_str())
    );
    assert_eq!(store.pending(100).await.unwrap(), reported);
    assert_eq!(read(store, &product.id).await.unwrap(), product);
}

pub(in crate::store) async fn what_an_import_does_not_name_stays(store: &dyn Store) {
    let product_id = store.import_product(file(), STAFF).await.unwrap().product_id;
    let before = read(store, &product_id).await.unwrap();
    let second = ImportedProduct {
        title: None,
        tags: None,
        vendor: Some("Potter".to_owned()),
        variants: vec![
            imported(&["Red"], 950, Some(99)),
            imported(&["Green"], 800, Some(2)),
        ],
        images: vec![Image {
            url: "https://x.test/green.png".to_owned(),
            ..Image::default()
        }],
        ..file()
    };
    let updated = store.import_product(second, STAFF).await.unwrap();
    assert_eq!(updated.outcome, ImportOutcome::Updated);
    let after = read(store, &product_id).await.unwrap();
    assert_eq!(
        (after.content.title.as_str(), after.content.tags.as_slice()),
        ("Mug", &["kitchen".to_owned()][..])
    );
    assert_eq!(after.content.vendor.as_deref(), Some("Potter"));
    assert_eq!((after.content.images.len(), after.version), (2, 2));
    let of = |product: &Product, place: usize| {
        let variant = &product.variants[place];
        (variant.id.clone(), variant.price, variant.on_hand)
    };
    // A variant that exists keeps its stock, whatever the file says.
    assert_eq!(of(&after, 0), (before.variants[0].id.clone(), 950, 4));
    assert_eq!(of(&after, 1), of(&before, 1));
    assert_eq!((after.variants.len(), after.variants[2].on_hand), (3, 2));
}

pub(in crate::store) async fn an_import_that_is_no_product_is_refused(store: &dyn Store) {
    let untitled = ImportedProduct {
        title: None,
        ..file()
    };
    assert_eq!(
        reason(store.import_product(untitled, STAFF).await),
        Reason::ValidationFailed
    );
    let without_price = ImportedVariant {
        price: None,
        ..imported(&["Red"], 0, None)
    };
    let unpriced = ImportedProduct {
        variants: vec![without_price],
        ..file()
    };
    assert_eq!(
        reason(store.import_product(unpriced, STAFF).await),
        Reason::ValidationFailed
    );
    assert!(store.all_products(None, 10).await.unwrap().is_empty());
    assert!(store.pending(10).await.unwrap().is_empty());
}

pub(in crate::store) async fn changes_are_told_before_the_answer(store: &dyn Store) {
    let reported: Arc<Mutex<Vec<Change>>> = Arc::default();
    let mut heard = store.changes().subscribe();
    let listener = Arc::clone(&reported);
    store
        .changes()
        .before_answer(move |change| listener.lock().unwrap().push(change.clone()));
    let product = create(store, "Bell", 1).await;
    assert_eq!(*reported.lock().unwrap(), [Change::Product(product.id.clone())]);
    store.delete_product(&product.id, STAFF).await.unwrap();
    assert_eq!(
        reported.lock().unwrap()[1],
        Change::ProductDeleted(product.id.clone())
    );
    assert_eq!(heard.try_recv().unwrap(), Change::Product(product.id));
    // What was refused is not reported.
    let _ = store.delete_product("prod_unknown", STAFF).await;
    assert_eq!(reported.lock().unwrap().len(), 2);
}
