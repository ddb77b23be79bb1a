//! Converts between messages and domain types. It checks a request and names all its errors at once.

mod category;
mod check;
mod fields;
mod page;
mod product;
mod to_proto;

pub(crate) use category::category_draft;
pub(crate) use check::{Checks, idempotency_key, media_id_of, media_type, picture_url};
pub(crate) use fields::{Field, Fields};
pub(crate) use page::Cursor;
pub(crate) use product::{
    DESCRIPTION_LIMIT, LINE_LIMIT, LIST_LIMIT, PRICE_LIMIT, VARIANT_LIMIT, product_draft, sanitised,
};
pub(crate) use to_proto::{category, movement, product, product_sort, product_status, timestamp, variant};
