//! What every SQL adapter's rows become: the columns have the same names and types in all of them.

use comptoir_mesh::Error;
use comptoir_stores::sqlite::timestamp;

use super::{LowStock, Page, drafts::parse_status};
use crate::domain::{Content, Movement, Product, Stock, Variant};

comptoir_stores::from_row! {
    /// A product joined with one of its variants. Its content is in the row of the first variant alone.
    pub(super) struct ProductRow {
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
}

comptoir_stores::from_row! {
    /// An entry of the ledger.
    pub(super) struct MovementRow {
        id: String,
        position: i64,
        delta: i32,
        reason: String,
        actor: String,
        order_id: Option<String>,
        created_at: i64,
    }
}

/// A count for the database; never negative.
pub(super) fn size(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The products of these rows, which stand in the order of products, and of variants within one.
pub(super) fn assemble(rows: Vec<ProductRow>) -> Result<Vec<Product>, Error> {
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

fn variant(row: ProductRow) -> Result<Variant, Error> {
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

/// The page of these rows, of which one more than it holds was read.
pub(super) fn page<R, T: From<R>>(mut rows: Vec<R>, limit: usize, total: i64) -> Page<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    Page {
        items: rows.into_iter().map(T::from).collect(),
        more,
        total,
    }
}

impl From<MovementRow> for Movement {
    fn from(row: MovementRow) -> Self {
        Self {
            id: row.id,
            position: row.position,
            delta: row.delta,
            reason: row.reason,
            actor: row.actor,
            order_id: row.order_id,
            created_at: timestamp(row.created_at),
        }
    }
}

impl From<(String, String, i32)> for LowStock {
    fn from((variant_id, product_id, available): (String, String, i32)) -> Self {
        Self {
            variant_id,
            product_id,
            available,
        }
    }
}

impl From<(String, i32, i32)> for Stock {
    fn from((variant_id, on_hand, reserved): (String, i32, i32)) -> Self {
        Self {
            variant_id,
            on_hand,
            reserved,
        }
    }
}
