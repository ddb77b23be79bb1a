//! Writing products: what is stored is compared with what is wanted, and only differences are written and announced.

use comptoir_mesh::{Error, error::ErrorReason, sqlite::micros};

use super::{Work, reading, stock};
use crate::{
    domain::{
        ImportOutcome, Imported, ImportedProduct, Product, ProductDraft, SlugChoice, Variant, VariantDraft,
        text,
    },
    error::{invalid, not_found},
    events::Announcement,
    store::Change,
};

/// The reason in the ledger when a variant goes.
const REMOVED: &str = "removed";

pub(super) async fn create(
    work: &mut Work<'_>,
    draft: ProductDraft,
    stock_reason: &str,
    actor: &str,
) -> Result<Product, Error> {
    check_category(work, &draft).await?;
    let slug = free_slug(work, &draft.slug).await?;
    let product = Product {
        id: work.ids.new_id("prod_"),
        slug,
        currency: draft.currency,
        status: draft.status.unwrap_or_default(),
        variants: draft
            .variants
            .into_iter()
            .map(|variant| fresh(work, variant))
            .collect(),
        content: draft.content,
        created_at: work.now,
        updated_at: work.now,
        version: 1,
    };
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
    draft: ProductDraft,
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
    check_variants(&stored, &draft)?;
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

/// Writes the draft over the product. Nothing is written when it says what is stored.
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
    for gone in stored
        .variants
        .iter()
        .filter(|variant| draft.variants.iter().all(|kept| !is(kept, variant)))
    {
        remove_variant(work, gone, actor).await?;
    }
    let mut variants = Vec::with_capacity(draft.variants.len());
    for (position, wanted) in draft.variants.into_iter().enumerate() {
        let known = stored.variants.iter().find(|variant| is(&wanted, variant));
        let variant = match known {
            Some(known) => Variant {
                on_hand: known.on_hand,
                reserved: known.reserved,
                ..fresh(work, wanted)
            },
            None => fresh(work, wanted),
        };
        write_variant(work, &stored.id, position, &variant).await?;
        if known.is_none() {
            stock::open(work, &stored.id, &variant, stock_reason, actor).await?;
        }
        variants.push(variant);
    }
    let previous_slug = (slug != stored.slug).then(|| stored.slug.clone());
    let product = Product {
        slug,
        content: draft.content,
        currency: draft.currency,
        status: draft.status.unwrap_or(stored.status),
        variants,
        // A clock that was set back does not make the change older than the one before.
        updated_at: work.now.max(stored.updated_at),
        version: stored.version + 1,
        id: stored.id,
        created_at: stored.created_at,
    };
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

fn is(draft: &VariantDraft, variant: &Variant) -> bool {
    draft.id.as_deref() == Some(variant.id.as_str())
}

/// The variant with its first stock; with the id of the stored one it continues.
fn fresh(work: &Work<'_>, draft: VariantDraft) -> Variant {
    Variant {
        id: draft.id.unwrap_or_else(|| work.ids.new_id("var_")),
        sku: draft.sku,
        option_values: draft.option_values,
        price: draft.price,
        compare_at_price: draft.compare_at_price,
        weight_grams: draft.weight_grams,
        image: draft.image,
        on_hand: draft.quantity.unwrap_or_default(),
        reserved: 0,
    }
}

/// Whether the variants with ids are the product's, and named with the stock they have.
fn check_variants(stored: &Product, draft: &ProductDraft) -> Result<(), Error> {
    for (place, wanted) in draft.variants.iter().enumerate() {
        let Some(id) = &wanted.id else { continue };
        let Some(known) = stored.variant(id) else {
            return Err(invalid(
                format!("variants.{place}.id"),
                "The product has no such variant.",
            ));
        };
        if wanted.quantity.is_some_and(|quantity| quantity != known.on_hand) {
            return Err(invalid(
                format!("variants.{place}.quantity"),
                format!(
                    "{} units are on hand; that is changed by adjusting the stock.",
                    known.on_hand
                ),
            ));
        }
    }
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
    // A range, and no pattern, because the index serves it: '.' follows '-'.
    let taken = "SELECT slug FROM products WHERE slug = ?1 OR (slug > ?1 || '-' AND slug < ?1 || '.')";
    let (SlugChoice::Exact(slug) | SlugChoice::Derived(slug)) = choice;
    let taken: Vec<String> = sqlx::query_scalar(taken)
        .bind(slug)
        .fetch_all(&mut *work.tx)
        .await?;
    choose_slug(choice, &taken)
}

/// The chosen slug, or, of a derived one, the first that is free: shirt, shirt-2, shirt-3 …
pub(super) fn choose_slug(choice: &SlugChoice, taken: &[String]) -> Result<String, Error> {
    match choice {
        SlugChoice::Exact(slug) if taken.contains(slug) => Err(invalid("slug", "The slug is taken.")),
        SlugChoice::Exact(slug) => Ok(slug.clone()),
        SlugChoice::Derived(slug) if !taken.contains(slug) => Ok(slug.clone()),
        SlugChoice::Derived(slug) => {
            let numbered = (2..)
                .map(|number: u64| format!("{slug}-{number}"))
                .find(|next| !taken.contains(next));
            Ok(numbered.unwrap_or_else(|| slug.clone()))
        }
    }
}

async fn write_product(work: &mut Work<'_>, product: &Product) -> Result<(), Error> {
    let content = serde_json::to_string(&product.content).map_err(Error::internal)?;
    let mut words = format!("{}\n{}", product.content.title_key(), product.slug);
    for sku in product
        .variants
        .iter()
        .filter_map(|variant| variant.sku.as_deref())
    {
        words.push('\n');
        words.push_str(&text::fold(sku));
    }
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
    .bind(reading::status_name(product.status))
    .bind(&product.content.category_id)
    .bind(&product.currency)
    .bind(content)
    .bind(product.content.title_key())
    .bind(product.lowest_price())
    .bind(words)
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
    .bind(super::size(position))
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

/// Takes the variant away; its stock row stays for what is held of it.
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
