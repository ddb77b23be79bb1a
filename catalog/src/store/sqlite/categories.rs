//! The tree of categories.

use comptoir_mesh::Error;
use comptoir_stores::sqlite::micros;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::Work;
use crate::{
    domain::{Category, CategoryDraft, SlugChoice, Tree},
    error::{invalid, not_found},
    events::Announcement,
    store::{Change, drafts::choose_slug},
};

comptoir_stores::from_row! {
    struct Row {
        id: String,
        slug: String,
        name: String,
        parent_id: Option<String>,
    }
}

pub(super) async fn all(db: impl SqliteExecutor<'_>) -> Result<Vec<Category>, Error> {
    let rows: Vec<Row> = sqlx::query_as("SELECT id, slug, name, parent_id FROM categories")
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(Category::from).collect())
}

pub(super) async fn create(work: &mut Work<'_>, draft: CategoryDraft) -> Result<Category, Error> {
    let tree = tree(work.tx).await?;
    check_parent(&tree, draft.parent_id.as_deref())?;
    let category = Category {
        id: work.ids.new_id("cat_"),
        slug: choose_slug(&draft.slug, &slugs(&tree))?,
        name: draft.name,
        parent_id: draft.parent_id,
    };
    write(work, &category).await?;
    Ok(category)
}

pub(super) async fn update(work: &mut Work<'_>, id: String, draft: CategoryDraft) -> Result<Category, Error> {
    let tree = tree(work.tx).await?;
    let stored = tree.get(&id).ok_or_else(|| not_found("category"))?.clone();
    if let Some(parent) = draft.parent_id.as_deref() {
        check_parent(&tree, Some(parent))?;
        if tree.with_descendants(&id).iter().any(|below| below == parent) {
            return Err(invalid("parent_id", "A category cannot stand below itself."));
        }
    }
    let slug = match &draft.slug {
        SlugChoice::Exact(slug) if *slug != stored.slug => choose_slug(&draft.slug, &slugs(&tree))?,
        SlugChoice::Exact(_) | SlugChoice::Derived(_) => stored.slug.clone(),
    };
    let category = Category {
        id,
        slug,
        name: draft.name,
        parent_id: draft.parent_id,
    };
    if category != stored {
        write(work, &category).await?;
    }
    Ok(category)
}

pub(super) async fn delete(work: &mut Work<'_>, id: String) -> Result<Category, Error> {
    let tree = tree(work.tx).await?;
    let stored = tree.get(&id).ok_or_else(|| not_found("category"))?.clone();
    for child in tree
        .all()
        .iter()
        .filter(|category| category.parent_id.as_deref() == Some(id.as_str()))
    {
        write(
            work,
            &Category {
                parent_id: stored.parent_id.clone(),
                ..child.clone()
            },
        )
        .await?;
    }
    move_products(work, &stored).await?;
    sqlx::query("DELETE FROM categories WHERE id = ?1")
        .bind(&id)
        .execute(&mut *work.tx)
        .await?;
    work.announce(Announcement::category_deleted(&id)).await?;
    work.changes.push(Change::Categories);
    Ok(stored)
}

/// A product's category is part of its content: each product that moves has a new version and an event.
async fn move_products(work: &mut Work<'_>, gone: &Category) -> Result<(), Error> {
    let moved: Vec<(String, String, i64)> = sqlx::query_as(
        "UPDATE products SET
             category_id = ?2, content = json_set(content, '$.category_id', ?2), version = version + 1,
             updated_at = max(updated_at, ?3)
         WHERE category_id = ?1 RETURNING id, slug, version",
    )
    .bind(&gone.id)
    .bind(&gone.parent_id)
    .bind(micros(work.now))
    .fetch_all(&mut *work.tx)
    .await?;
    for (id, slug, version) in moved {
        work.announce(Announcement::product_changed(&id, &slug, None, version))
            .await?;
        work.changes.push(Change::Product(id));
    }
    Ok(())
}

async fn tree(tx: &mut SqliteConnection) -> Result<Tree, Error> {
    Ok(Tree::new(all(tx).await?))
}

fn slugs(tree: &Tree) -> Vec<String> {
    tree.all().iter().map(|category| category.slug.clone()).collect()
}

fn check_parent(tree: &Tree, parent_id: Option<&str>) -> Result<(), Error> {
    match parent_id {
        Some(id) if tree.get(id).is_none() => Err(invalid("parent_id", "There is no such category.")),
        _ => Ok(()),
    }
}

async fn write(work: &mut Work<'_>, category: &Category) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO categories (id, slug, name, parent_id) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name, parent_id = excluded.parent_id",
    )
    .bind(&category.id)
    .bind(&category.slug)
    .bind(&category.name)
    .bind(&category.parent_id)
    .execute(&mut *work.tx)
    .await?;
    work.announce(Announcement::category_changed(&category.id))
        .await?;
    work.changes.push(Change::Categories);
    Ok(())
}

impl From<Row> for Category {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            parent_id: row.parent_id,
        }
    }
}
