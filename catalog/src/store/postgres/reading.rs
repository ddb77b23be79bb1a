//! Reading products: one statement for any number of them, so that what is read is of one moment.

use comptoir_mesh::Error;
use sqlx::PgExecutor;

use crate::{
    domain::Product,
    store::rows::{assemble, size},
};

/// The columns of [`ProductRow`](crate::store::rows::ProductRow); `$chosen` names the products by a subquery or value.
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
