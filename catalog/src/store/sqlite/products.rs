//! Writing products: a draft is compared with the stored product, and only differences are written and announced.

use std::collections::HashSet;

use comptoir_mesh::{Error, error::ErrorReason};
use comptoir_stores::sqlite::micros;

use super::{Work, reading, stock};
use crate::{
    domain::{ImportOutcome, Imported, ImportedProduct, Product, ProductDraft, SlugChoice, Variant},
    error::{invalid, not_found},
    events::Announcement,
    store::{Change, drafts, rows::size},
};

/// The reason in the ledger when a variant is deleted.
const REMOVED: &str = "removed";

pub(super) async fn create(
    work: &mut Work<'_>,
    draft: ProductDraft,
    stock_reason: &str,
    actor: &str,
) -> Result<Product, Error> {
    check_category(work, &draft).await?;
    let slug = free_slug(work, &draft.slug).await?;
    let product = drafts::first(&work.ids, draft, slug, work.now);
    write_product(work, &product).await?;
    for (position, variant) in product.variants.iter().enumerate() {
        write_variant(work, &product.id, position, variant).await?;
        stock::open(work, &product.id, variant, stock_reason, actor).await?;
    }
    tell_changed(work, &product, None).await?;
    Ok(product)
}

pub(super) async fn update(
    work: &mut Work<'_>,
    id: &str,
    mut draft: ProductDraft,
    version: i64,
    actor: &str,
) -> Result<Product, Error> {
    let stored = reading::product(&mut *work.tx, id)
        .await?
        .ok_or_else(|| not_found("product"))?;
    if stored.version != version {
        return Err(Error::new(
            ErrorReason::VersionConflict,
            format!(
                "The product is at version {} by now; read it again.",
                stored.version
            ),
        ));
    }
    drafts::check_variants(&stored, &draft)?;
    draft.content.handle.clone_from(&stored.content.handle);
    replace(work, stored, draft, "initial", actor).await
}

pub(super) async fn delete(work: &mut Work<'_>, id: &str, actor: &str) -> Result<Product, Error> {
    let stored = reading::product(&mut *work.tx, id)
        .await?
        .ok_or_else(|| not_found("product"))?;
    for variant in &stored.variants {
        remove_variant(work, variant, actor).await?;
    }
    sqlx::query("DELETE FROM products WHERE id = ?1")
        .bind(id)
        .execute(&mut *work.tx)
        .await?;
    work.announce(Announcement::product_deleted(id, &stored.slug))
        .await?;
    work.changes.push(Change::ProductDeleted(id.to_owned()));
    Ok(stored)
}

pub(super) async fn import(
    work: &mut Work<'_>,
    named: &ImportedProduct,
    actor: &str,
) -> Result<Imported, Error> {
    const REASON: &str = "import";
    let stored = reading::product_by_slug(&mut *work.tx, &named.slug).await?;
    let draft = named
        .over(stored.as_ref())
        .map_err(|message| Error::new(ErrorReason::ValidationFailed, message))?;
    let (product_id, outcome) = match stored {
        None => (
            create(work, draft, REASON, actor).await?.id,
            ImportOutcome::Created,
        ),
        Some(stored) if draft.equals(&stored) => (stored.id, ImportOutcome::Unchanged),
        Some(stored) => (
            replace(work, stored, draft, REASON, actor).await?.id,
            ImportOutcome::Updated,
        ),
    };
    Ok(Imported { product_id, outcome })
}

/// Writes the draft over the product. Nothing is written when nothing differs.
async fn replace(
    work: &mut Work<'_>,
    stored: Product,
    draft: ProductDraft,
    stock_reason: &str,
    actor: &str,
) -> Result<Product, Error> {
    if draft.equals(&stored) {
        return Ok(stored);
    }
    check_category(work, &draft).await?;
    let slug = match &draft.slug {
        SlugChoice::Exact(slug) if *slug != stored.slug => free_slug(work, &draft.slug).await?,
        SlugChoice::Exact(_) | SlugChoice::Derived(_) => stored.slug.clone(),
    };
    for gone in drafts::gone(&stored, &draft) {
        remove_variant(work, gone, actor).await?;
    }
    let known: HashSet<String> = stored.variants.iter().map(|variant| variant.id.clone()).collect();
    let previous_slug = (slug != stored.slug).then(|| stored.slug.clone());
    let product = drafts::next(&work.ids, stored, draft, slug, work.now);
    for (position, variant) in product.variants.iter().enumerate() {
        write_variant(work, &product.id, position, variant).await?;
        if !known.contains(&variant.id) {
            stock::open(work, &product.id, variant, stock_reason, actor).await?;
        }
    }
    write_product(work, &product).await?;
    tell_changed(work, &product, previous_slug).await?;
    Ok(product)
}

async fn tell_changed(
    work: &mut Work<'_>,
    product: &Product,
    previous_slug: Option<String>,
) -> Result<(), Error> {
    let changed = Announcement::product_changed(&product.id, &product.slug, previous_slug, product.version);
    work.announce(changed).await?;
    work.changes.push(Change::Product(product.id.clone()));
    Ok(())
}

async fn check_category(work: &mut Work<'_>, draft: &ProductDraft) -> Result<(), Error> {
    let Some(id) = &draft.content.category_id else {
        return Ok(());
    };
    let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM categories WHERE id = ?1")
        .bind(id)
        .fetch_optional(&mut *work.tx)
        .await?;
    known
        .map(|_| ())
        .ok_or_else(|| invalid("category_id", "There is no such category."))
}

async fn free_slug(work: &mut Work<'_>, choice: &SlugChoice) -> Result<String, Error> {
    // A range instead of a pattern, because the index serves it: '.' follows '-'.
    let taken = "SELECT slug FROM products WHERE slug = ?1 OR (slug > ?1 || '-' AND slug < ?1 || '.')";
    let (SlugChoice::Exact(slug) | SlugChoice::Derived(slug)) = choice;
    let taken: Vec<String> = sqlx::query_scalar(taken)
        .bind(slug)
        .fetch_all(&mut *work.tx)
        .await?;
    drafts::choose_slug(choice, &taken)
}

async fn write_product(work: &mut Work<'_>, product: &Product) -> Result<(), Error> {
    let content = serde_json::to_string(&product.content).map_err(Error::internal)?;
    sqlx::query(
        "INSERT INTO products (id, slug, status, category_id, currency, content, title_key, lowest_price, words,
                               created_at, updated_at, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET
             slug = excluded.slug, status = excluded.status, category_id = excluded.category_id,
             currency = excluded.currency, content = excluded.content, title_key = excluded.title_key,
             lowest_price = excluded.lowest_price, words = excluded.words, updated_at = excluded.updated_at,
             version = excluded.version",
    )
    .bind(&product.id)
    .bind(&product.slug)
    .bind(drafts::status_name(product.status))
    .bind(&product.content.category_id)
    .bind(&product.currency)
    .bind(content)
    .bind(product.content.title_key())
    .bind(product.lowest_price())
    .bind(drafts::words(product))
    .bind(micros(product.created_at))
    .bind(micros(product.updated_at))
    .bind(product.version)
    .execute(&mut *work.tx)
    .await?;
    Ok(())
}

async fn write_variant(
    work: &mut Work<'_>,
    product_id: &str,
    position: usize,
    variant: &Variant,
) -> Result<(), Error> {
    let image = variant
        .image
        .as_ref()
        .map(serde_json::to_string)
        .transpose()
        .map_err(Error::internal)?;
    sqlx::query(
        "INSERT INTO variants (id, product_id, position, sku, option_values, price, compare_at_price, weight_grams,
                               image)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO UPDATE SET
             position = excluded.position, sku = excluded.sku, option_values = excluded.option_values,
             price = excluded.price, compare_at_price = excluded.compare_at_price,
             weight_grams = excluded.weight_grams, image = excluded.image",
    )
    .bind(&variant.id)
    .bind(product_id)
    .bind(size(position))
    .bind(&variant.sku)
    .bind(super::json(&variant.option_values))
    .bind(variant.price)
    .bind(variant.compare_at_price)
    .bind(variant.weight_grams)
    .bind(image)
    .execute(&mut *work.tx)
    .await?;
    Ok(())
}

/// Deletes the variant. Its row of stock stays for its reserved units.
async fn remove_variant(work: &mut Work<'_>, variant: &Variant, actor: &str) -> Result<(), Error> {
    let left = variant.available();
    sqlx::query("UPDATE stock SET on_hand = reserved, removed = 1 WHERE variant_id = ?1")
        .bind(&variant.id)
        .execute(&mut *work.tx)
        .await?;
    if left != 0 {
        stock::enter(work, &variant.id, -left, REMOVED, actor, None).await?;
    }
    sqlx::query("DELETE FROM variants WHERE id = ?1")
        .bind(&variant.id)
        .execute(&mut *work.tx)
        .await?;
    Ok(())
}
