//! The tree.

use comptoir_mesh::error::ErrorReason as Reason;

use super::{STAFF, draft, field, read, reason};
use crate::{
    domain::{Category, CategoryDraft, SlugChoice, Tree},
    store::Store,
};

pub(super) fn named(name: &str, parent: Option<&Category>) -> CategoryDraft {
    CategoryDraft {
        name: name.to_owned(),
        slug: SlugChoice::Derived(name.to_lowercase()),
        parent_id: parent.map(|parent| parent.id.clone()),
    }
}

pub(in crate::store) async fn a_tree_has_no_circles(store: &dyn Store) {
    let top = store.create_category(named("Top", None)).await.unwrap();
    let middle = store.create_category(named("Middle", Some(&top))).await.unwrap();
    let leaf = store.create_category(named("Leaf", Some(&middle))).await.unwrap();
    for below in [&top, &middle, &leaf] {
        assert_eq!(
            field(store.update_category(&top.id, named("Top", Some(below))).await),
            "parent_id"
        );
    }
    let moved = store
        .update_category(&leaf.id, named("Leaf", Some(&top)))
        .await
        .unwrap();
    assert_eq!(moved.parent_id, Some(top.id.clone()));
    let unknown = CategoryDraft {
        parent_id: Some("cat_unknown".to_owned()),
        ..named("X", None)
    };
    assert_eq!(field(store.create_category(unknown).await), "parent_id");
    assert_eq!(
        reason(store.update_category("cat_unknown", named("X", None)).await),
        Reason::NotFound
    );
}

pub(in crate::store) async fn slugs_of_categories_are_unique(store: &dyn Store) {
    let one = store.create_category(named("Home", None)).await.unwrap();
    let two = store.create_category(named("Home", Some(&one))).await.unwrap();
    assert_eq!((one.slug.as_str(), two.slug.as_str()), ("home", "home-2"));
    let taken = CategoryDraft {
        slug: SlugChoice::Exact("home".to_owned()),
        ..named("Other", None)
    };
    assert_eq!(field(store.create_category(taken.clone()).await), "slug");
    assert_eq!(field(store.update_category(&two.id, taken.clone()).await), "slug");
    // Its own is not taken from it; a new name changes no slug.
    assert_eq!(store.update_category(&one.id, taken).await.unwrap().slug, "home");
    assert_eq!(
        store
            .update_category(&one.id, named("House", None))
            .await
            .unwrap()
            .slug,
        "home"
    );
}

pub(in crate::store) async fn what_stood_in_a_deleted_category_moves_up(store: &dyn Store) {
    let top = store.create_category(named("Top", None)).await.unwrap();
    let gone = store.create_category(named("Gone", Some(&top))).await.unwrap();
    let child = store.create_category(named("Child", Some(&gone))).await.unwrap();
    let mut placed = draft("Thing", 0);
    placed.content.category_id = Some(gone.id.clone());
    let thing = store.create_product(placed.clone(), STAFF).await.unwrap();
    assert_eq!(store.delete_category(&gone.id).await.unwrap(), gone);
    let tree = Tree::new(store.categories().await.unwrap());
    assert_eq!(tree.get(&child.id).unwrap().parent_id, Some(top.id.clone()));
    assert!(tree.get(&gone.id).is_none());
    let moved = read(store, &thing.id).await.unwrap();
    assert_eq!(
        (moved.content.category_id, moved.version),
        (Some(top.id.clone()), 2)
    );
    store.delete_category(&top.id).await.unwrap();
    assert_eq!(read(store, &thing.id).await.unwrap().content.category_id, None);
    assert_eq!(reason(store.delete_category(&top.id).await), Reason::NotFound);
    assert_eq!(field(store.create_product(placed, STAFF).await), "category_id");
}
