//! Lists, a page at a time: each goes on behind a key that its index is sorted by.

use comptoir_mesh::Error;
use sqlx::{PgPool, Postgres, QueryBuilder};

use crate::{
    domain::{Movement, ProductQuery, ProductSort, text},
    store::{
        LowStock, Page, ProductPage,
        counts::Counts,
        drafts::status_name,
        rows::{MovementRow, page, size},
    },
};

pub(super) async fn products(
    db: &PgPool,
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
    // A name of its own: by the column's, the text would be what is sorted.
    page.push(column)
        .push(" AS text) AS key FROM products WHERE true");
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
async fn count(db: &PgPool, counts: &Counts, query: &ProductQuery) -> Result<i64, Error> {
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

fn filter(sql: &mut QueryBuilder<Postgres>, query: &ProductQuery) {
    if let Some(status) = query.status {
        sql.push(" AND status = ").push_bind(status_name(status));
    }
    if !query.categories.is_empty() {
        sql.push(" AND category_id = ANY(")
            .push_bind(query.categories.clone())
            .push(")");
    }
    if let Some(text) = &query.text {
        // strpos, not LIKE: what was typed is taken literally.
        sql.push(" AND (strpos(words, ")
            .push_bind(text.clone())
            .push(") > 0");
        if let Some(before) = text::folded_before(text) {
            sql.push(" OR strpos(words, ").push_bind(before).push(") > 0");
        }
        sql.push(")");
    }
}

pub(super) async fn movements(
    db: &PgPool,
    variant_id: &str,
    before: Option<i64>,
    limit: usize,
) -> Result<Page<Movement>, Error> {
    let rows: Vec<MovementRow> = sqlx::query_as(
        "SELECT id, position, delta, reason, actor, order_id, created_at FROM stock_movements
         WHERE variant_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3",
    )
    .bind(variant_id)
    .bind(before.unwrap_or(i64::MAX))
    .bind(size(limit + 1))
    .fetch_all(db)
    .await?;
    let total = sqlx::query_scalar("SELECT count(*) FROM stock_movements WHERE variant_id = $1")
        .bind(variant_id)
        .fetch_one(db)
        .await?;
    Ok(page(rows, limit, total))
}

pub(super) async fn low_stock(
    db: &PgPool,
    threshold: i32,
    after: Option<(i32, String)>,
    limit: usize,
) -> Result<Page<LowStock>, Error> {
    let (units, variant_id) = after.unwrap_or((i32::MIN, String::new()));
    let rows: Vec<(String, String, i32)> = sqlx::query_as(
        "SELECT variant_id, product_id, on_hand - reserved FROM stock
         WHERE NOT removed AND (on_hand - reserved) <= $1 AND ((on_hand - reserved), variant_id) > ($2, $3)
         ORDER BY (on_hand - reserved), variant_id LIMIT $4",
    )
    .bind(threshold)
    .bind(units)
    .bind(variant_id)
    .bind(size(limit + 1))
    .fetch_all(db)
    .await?;
    let total =
        sqlx::query_scalar("SELECT count(*) FROM stock WHERE NOT removed AND (on_hand - reserved) <= $1")
            .bind(threshold)
            .fetch_one(db)
            .await?;
    Ok(page(rows, limit, total))
}
