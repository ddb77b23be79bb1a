//! Reading products: one statement for any number of them, so that what is read is of one moment.

use comptoir_mesh::{Error, sqlite::timestamp};
use sqlx::PgExecutor;

use super::size;
use crate::{
    domain::{Content, Product, Variant},
    store::drafts::parse_status,
};

/// A product joined with one of its variants. Its content is in the row of the first variant alone.
#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    slug: String,
    status: String,
    currency: String,
    content: Option<String>,
    created_at: i64,
    updated_at: i64,
    version: i64,
    variant_id: String,
    sku: Option<String>,
    option_values: String,
    price: i64,
    compare_at_price: Option<i64>,
    weight_grams: Option<i32>,
    image: Option<String>,
    on_hand: i32,
    reserved: i32,
}

/// The columns of [`Row`]; `$chosen` names the products by a subquery or value.
macro_rules! select {
    ($chosen:literal) => {
        concat!(
            "SELECT p.id, p.slug, p.status, p.currency, CASE v.position WHEN 0 THEN p.content::text END AS content,
                    p.created_at, p.updated_at, p.version, v.id AS variant_id, v.sku,
                    v.option_values::text AS option_values, v.price, v.compare_at_price, v.weight_grams,
                    v.image::text AS image, s.on_hand, s.reserved
             FROM products p
             JOIN variants v ON v.product_id = p.id
             JOIN stock s ON s.variant_id = v.id
             WHERE p.id ",
            $chosen,
            " ORDER BY p.id, v.position"
        )
    };
}

pub(super) async fn products(db: impl PgExecutor<'_>, ids: &[String]) -> Result<Vec<Product>, Error> {
    let rows = sqlx::query_as(select!("= ANY($1)"))
        .bind(ids)
        .fetch_all(db)
        .await?;
    assemble(rows)
}

pub(super) async fn product(db: impl PgExecutor<'_>, id: &str) -> Result<Option<Product>, Error> {
    let rows = sqlx::query_as(select!("= $1")).bind(id).fetch_all(db).await?;
    Ok(assemble(rows)?.pop())
}

pub(super) async fn product_by_slug(db: impl PgExecutor<'_>, slug: &str) -> Result<Option<Product>, Error> {
    let rows = sqlx::query_as(select!("= (SELECT id FROM products WHERE slug = $1)"))
        .bind(slug)
        .fetch_all(db)
        .await?;
    Ok(assemble(rows)?.pop())
}

pub(super) async fn all_products(
    db: impl PgExecutor<'_>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Product>, Error> {
    let rows = sqlx::query_as(select!(
        "IN (SELECT id FROM products WHERE id > $1 ORDER BY id LIMIT $2)"
    ))
    .bind(after.unwrap_or_default())
    .bind(size(limit))
    .fetch_all(db)
    .await?;
    assemble(rows)
}

pub(super) async fn products_of_variants(
    db: impl PgExecutor<'_>,
    variant_ids: &[String],
) -> Result<Vec<(String, String)>, Error> {
    Ok(
        sqlx::query_as("SELECT id, product_id FROM variants WHERE id = ANY($1)")
            .bind(variant_ids)
            .fetch_all(db)
            .await?,
    )
}

fn assemble(rows: Vec<Row>) -> Result<Vec<Product>, Error> {
    let mut products: Vec<Product> = Vec::new();
    for mut row in rows {
        let content = row.content.take();
        if products.last().is_none_or(|product| product.id != row.id) {
            let content =
                content.ok_or_else(|| Error::internal(anyhow::anyhow!("{} has no first variant", row.id)))?;
            products.push(Product {
                id: std::mem::take(&mut row.id),
                slug: std::mem::take(&mut row.slug),
                content: serde_json::from_str::<Content>(&content).map_err(Error::internal)?,
                currency: std::mem::take(&mut row.currency),
                status: parse_status(&row.status)?,
                variants: Vec::new(),
                created_at: timestamp(row.created_at),
                updated_at: timestamp(row.updated_at),
                version: row.version,
            });
        }
        if let Some(product) = products.last_mut() {
            product.variants.push(variant(row)?);
        }
    }
    Ok(products)
}

fn variant(row: Row) -> Result<Variant, Error> {
    let image = row
        .image
        .map(|image| serde_json::from_str(&image))
        .transpose()
        .map_err(Error::internal)?;
    Ok(Variant {
        id: row.variant_id,
        sku: row.sku,
        option_values: serde_json::from_str(&row.option_values).map_err(Error::internal)?,
        price: row.price,
        compare_at_price: row.compare_at_price,
        weight_grams: row.weight_grams,
        image,
        on_hand: row.on_hand,
        reserved: row.reserved,
    })
}
