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
    work: &mut Work,
    draft: ProductDraft,
    stock_reason: &str,
    actor: &str,
) -> Result<Product, Error> {
    check_category(work, &draft).await?;
    let slug = free_slug(work, &draft.slug).await?;
    let product = drafts::first(&work.ids, draft, slug, work.now);
    write_product(work, &product).await?;
    write_variants(work, &product).await?;
    let variants: Vec<&Variant> = product.variants.iter().collect();
    stock::open(work, &product.id, &variants, stock_reason, actor).await?;
    tell_changed(work, &product, None);
    Ok(product)
}

pub(super) async fn update(
    work: &mut Work,
    id: &str,
    mut draft: ProductDraft,
    version: i64,
    actor: &str,
) -> Result<Product, Error> {
    let stored = locked(work, id).await?.ok_or_else(|| not_found("product"))?;
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

pub(super) async fn delete(work: &mut Work, id: &str, actor: &str) -> Result<Product, Error> {
    let mut stored = locked(work, id).await?.ok_or_else(|| not_found("product"))?;
    let all: Vec<&Variant> = stored.variants.iter().collect();
    let left = stock::remove(work, &all, REMOVED, actor).await?;
    for variant in &mut stored.variants {
        if let Some((on_hand, reserved)) = left.get(&variant.id) {
            (variant.on_hand, variant.reserved) = (*on_hand, *reserved);
        }
    }
    sqlx::query("DELETE FROM products WHERE id = $1")
        .bind(id)
        .execute(&mut *work.tx)
        .await?;
    work.announce(Announcement::product_deleted(id, &stored.slug));
    work.changes.push(Change::ProductDeleted(id.to_owned()));
    Ok(stored)
}

pub(super) async fn import(work: &mut Work, named: &ImportedProduct, actor: &str) -> Result<Imported, Error> {
    const REASON: &str = "import";
    let id: Option<String> = sqlx::query_scalar("SELECT id FROM products WHERE slug = $1 FOR UPDATE")
        .bind(&named.slug)
        .fetch_optional(&mut *work.tx)
        .await?;
    let stored = match id {
        Some(id) => reading::product(&mut *work.tx, &id).await?,
        None => None,
    };
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

/// The product, locked until the commit.
async fn locked(work: &mut Work, id: &str) -> Result<Option<Product>, Error> {
    let found: Option<i32> = sqlx::query_scalar("SELECT 1 FROM products WHERE id = $1 FOR UPDATE")
        .bind(id)
        .fetch_optional(&mut *work.tx)
        .await?;
    match found {
        // In a statement of its own, which sees what was committed while this one waited.
        Some(_) => reading::product(&mut *work.tx, id).await,
        None => Ok(None),
    }
}

/// Writes the draft over the locked product. Nothing is written when nothing differs.
async fn replace(
    work: &mut Work,
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
    let gone = drafts::gone(&stored, &draft);
    if !gone.is_empty() {
        stock::remove(work, &gone, REMOVED, actor).await?;
        let ids: Vec<&str> = gone.iter().map(|variant| variant.id.as_str()).collect();
        sqlx::query("DELETE FROM variants WHERE id = ANY($1)")
            .bind(ids)
            .execute(&mut *work.tx)
            .await?;
    }
    let known: HashSet<String> = stored.variants.iter().map(|variant| variant.id.clone()).collect();
    let previous_slug = (slug != stored.slug).then(|| stored.slug.clone());
    let product = drafts::next(&work.ids, stored, draft, slug, work.now);
    write_product(work, &product).await?;
    write_variants(work, &product).await?;
    let variants = product.variants.iter();
    let new: Vec<&Variant> = variants.filter(|variant| !known.contains(&variant.id)).collect();
    stock::open(work, &product.id, &new, stock_reason, actor).await?;
    tell_changed(work, &product, previous_slug);
    Ok(product)
}

fn tell_changed(work: &mut Work, product: &Product, previous_slug: Option<String>) {
    let changed = Announcement::product_changed(&product.id, &product.slug, previous_slug, product.version);
    work.announce(changed);
    work.changes.push(Change::Product(product.id.clone()));
}

async fn check_category(work: &mut Work, draft: &ProductDraft) -> Result<(), Error> {
    let Some(id) = &draft.content.category_id else {
        return Ok(());
    };
    let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM categories WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *work.tx)
        .await?;
    known
        .map(|_| ())
        .ok_or_else(|| invalid("category_id", "There is no such category."))
}

async fn free_slug(work: &mut Work, choice: &SlugChoice) -> Result<String, Error> {
    let (SlugChoice::Exact(slug) | SlugChoice::Derived(slug)) = choice;
    if matches!(choice, SlugChoice::Derived(_)) {
        // Products of one title that are created at once get their numbers one after the other.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(slug)
            .execute(&mut *work.tx)
            .await?;
    }
    // A range instead of a pattern, because the index serves it: '.' follows '-'.
    let taken: Vec<String> = sqlx::query_scalar(
        "SELECT slug FROM products WHERE slug = $1 OR (slug > $1 || '-' AND slug < $1 || '.')",
    )
    .bind(slug)
    .fetch_all(&mut *work.tx)
    .await?;
    drafts::choose_slug(choice, &taken)
}

async fn write_product(work: &mut Work, product: &Product) -> Result<(), Error> {
    let content = serde_json::to_string(&product.content).map_err(Error::internal)?;
    sqlx::query(
        "INSERT INTO products (id, slug, status, category_id, currency, content, title_key, lowest_price, words,
                               created_at, updated_at, version)
         VALUES ($1, $2, $3, $4, $5, $6::json, $7, $8, $9, $10, $11, $12)
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

/// All variants in one statement, whatever their number.
async fn write_variants(work: &mut Work, product: &Product) -> Result<(), Error> {
    let variants = &product.variants;
    let json = |values: &Vec<String>| serde_json::to_string(values).map_err(Error::internal);
    let values = variants.iter().map(|variant| json(&variant.option_values));
    let image = |variant: &Variant| variant.image.as_ref().map(serde_json::to_string).transpose();
    let images = variants
        .iter()
        .map(|variant| image(variant).map_err(Error::internal));
    sqlx::query(
        "INSERT INTO variants (product_id, id, position, sku, option_values, price, compare_at_price, weight_grams,
                               image)
         SELECT $1, id, position, sku, option_values::json, price, compare_at_price, weight_grams, image::json
         FROM UNNEST($2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::integer[],
                     $9::text[])
              AS wanted (id, position, sku, option_values, price, compare_at_price, weight_grams, image)
         ON CONFLICT (id) DO UPDATE SET
             position = excluded.position, sku = excluded.sku, option_values = excluded.option_values,
             price = excluded.price, compare_at_price = excluded.compare_at_price,
             weight_grams = excluded.weight_grams, image = excluded.image",
    )
    .bind(&product.id)
    .bind(column(variants, |variant| variant.id.as_str()))
    .bind((0..variants.len()).map(size).collect::<Vec<_>>())
    .bind(column(variants, |variant| variant.sku.as_deref()))
    .bind(values.collect::<Result<Vec<String>, _>>()?)
    .bind(column(variants, |variant| variant.price))
    .bind(column(variants, |variant| variant.compare_at_price))
    .bind(column(variants, |variant| variant.weight_grams))
    .bind(images.collect::<Result<Vec<Option<String>>, _>>()?)
    .execute(&mut *work.tx)
    .await?;
    Ok(())
}

fn column<'v, T>(variants: &'v [Variant], value: impl Fn(&'v Variant) -> T) -> Vec<T> {
    variants.iter().map(value).collect()
}
