//! Reading products: one statement for any number of them, so that what is read is of one moment.

use comptoir_mesh::Error;
use sqlx::{QueryBuilder, Sqlite, SqliteExecutor, SqlitePool};

use super::json;
use crate::{
    domain::{Product, ProductQuery, ProductSort, text},
    store::{
        ProductPage,
        counts::Counts,
        drafts::status_name,
        rows::{assemble, size},
    },
};

/// The columns of [`ProductRow`](crate::store::rows::ProductRow); `$chosen` names the products by a subquery or value.
macro_rules! select {
    ($chosen:literal) => {
        concat!(
            "SELECT p.id, p.slug, p.status, p.currency, CASE v.position WHEN 0 THEN p.content END AS content,
                    p.created_at, p.updated_at, p.version, v.id AS variant_id, v.sku, v.option_values, v.price,
                    v.compare_at_price, v.weight_grams, v.image, s.on_hand, s.reserved
             FROM products p
             JOIN variants v ON v.product_id = p.id
             JOIN stock s ON s.variant_id = v.id
             WHERE p.id ",
            $chosen,
            " ORDER BY p.id, v.position"
        )
    };
}

pub(super) async fn products(db: impl SqliteExecutor<'_>, ids: &[String]) -> Result<Vec<Product>, Error> {
    let rows = sqlx::query_as(select!("IN (SELECT value FROM json_each(?1))"))
        .bind(json(ids))
        .fetch_all(db)
        .await?;
    assemble(rows)
}

pub(super) async fn product(db: impl SqliteExecutor<'_>, id: &str) -> Result<Option<Product>, Error> {
    let rows = sqlx::query_as(select!("= ?1")).bind(id).fetch_all(db).await?;
    Ok(assemble(rows)?.pop())
}

pub(super) async fn product_by_slug(
    db: impl SqliteExecutor<'_>,
    slug: &str,
) -> Result<Option<Product>, Error> {
    let rows = sqlx::query_as(select!("= (SELECT id FROM products WHERE slug = ?1)"))
        .bind(slug)
        .fetch_all(db)
        .await?;
    Ok(assemble(rows)?.pop())
}

pub(super) async fn all_products(
    db: impl SqliteExecutor<'_>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Product>, Error> {
    let rows = sqlx::query_as(select!(
        "IN (SELECT id FROM products WHERE id > ?1 ORDER BY id LIMIT ?2)"
    ))
    .bind(after.unwrap_or_default())
    .bind(size(limit))
    .fetch_all(db)
    .await?;
    assemble(rows)
}

pub(super) async fn products_of_variants(
    db: impl SqliteExecutor<'_>,
    variant_ids: &[String],
) -> Result<Vec<(String, String)>, Error> {
    Ok(
        sqlx::query_as("SELECT id, product_id FROM variants WHERE id IN (SELECT value FROM json_each(?1))")
            .bind(json(variant_ids))
            .fetch_all(db)
            .await?,
    )
}

pub(super) async fn list_products(
    db: &SqlitePool,
    counts: &Counts,
    query: &ProductQuery,
) -> Result<ProductPage, Error> {
    let (column, direction) = match query.sort {
        ProductSort::Newest => ("created_at", "DESC"),
        ProductSort::PriceAsc => ("lowest_price", "ASC"),
        ProductSort::PriceDesc => ("lowest_price", "DESC"),
        ProductSort::TitleAsc => ("title_key", "ASC"),
    };
    let mut page = QueryBuilder::new("SELECT id, CAST(");
    page.push(column).push(" AS TEXT) FROM products WHERE true");
    filter(&mut page, query);
    if let Some((value, id)) = &query.after {
        let beyond = if direction == "DESC" { " < (" } else { " > (" };
        page.push(" AND (").push(column).push(", id)").push(beyond);
        match query.sort {
            ProductSort::TitleAsc => page.push_bind(value.clone()),
            // A number in the database; the service checked its cursor.
            _ => page.push_bind(value.parse::<i64>().unwrap_or_default()),
        };
        page.push(", ").push_bind(id.clone()).push(")");
    }
    page.push(" ORDER BY ")
        .push(column)
        .push(" ")
        .push(direction)
        .push(", id ")
        .push(direction);
    page.push(" LIMIT ").push_bind(size(query.limit + 1));
    let mut keys: Vec<(String, String)> = page.build_query_as().fetch_all(db).await?;
    let total = count(db, counts, query).await?;
    let more = keys.len() > query.limit;
    keys.truncate(query.limit);
    Ok(ProductPage { keys, more, total })
}

/// How many products the whole list has.
async fn count(db: &SqlitePool, counts: &Counts, query: &ProductQuery) -> Result<i64, Error> {
    let filters = format!("{:?} {:?} {:?}", query.status, query.categories, query.text);
    let generation = match counts.get(&filters) {
        Ok(count) => return Ok(count),
        Err(generation) => generation,
    };
    let mut sql = QueryBuilder::new("SELECT count(*) FROM products WHERE true");
    filter(&mut sql, query);
    let count = sql.build_query_scalar().fetch_one(db).await?;
    counts.put(generation, filters, count);
    Ok(count)
}

fn filter(sql: &mut QueryBuilder<Sqlite>, query: &ProductQuery) {
    if let Some(status) = query.status {
        sql.push(" AND status = ").push_bind(status_name(status));
    }
    if !query.categories.is_empty() {
        sql.push(" AND category_id IN (SELECT value FROM json_each(")
            .push_bind(json(&query.categories))
            .push("))");
    }
    if let Some(text) = &query.text {
        // instr, not LIKE: what was typed is taken literally.
        sql.push(" AND (instr(words, ")
            .push_bind(text.clone())
            .push(") > 0");
        if let Some(before) = text::folded_before(text) {
            sql.push(" OR instr(words, ").push_bind(before).push(") > 0");
        }
        sql.push(")");
    }
}
