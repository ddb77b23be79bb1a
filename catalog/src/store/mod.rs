//! The store's port: one method for each atomic business step. What a method promises is stated by the suite of
//! `contract`, which every adapter passes.

mod changes;
#[cfg(test)]
mod contract;
mod counts;
mod drafts;
mod postgres;
mod refusals;
mod rows;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use comptoir_events::Outbox;
use comptoir_mesh::Error;
use jiff::Timestamp;

pub use changes::{Change, Changes};
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

use crate::domain::{
    Adjustment, Category, CategoryDraft, Imported, ImportedProduct, Media, Movement, Product, ProductDraft,
    ProductQuery, Reservation, Stock,
};

/// A page of product ids, each with the value it was sorted by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductPage {
    /// (id, sort value): what [`ProductQuery::after`] takes the other way round.
    pub keys: Vec<(String, String)>,
    /// Whether more follow.
    pub more: bool,
    /// How many there are on all pages.
    pub total: i64,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Whether more follow.
    pub more: bool,
    /// How many there are on all pages.
    pub total: i64,
}

/// A variant with few units left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowStock {
    /// Which.
    pub variant_id: String,
    /// Of which product.
    pub product_id: String,
    /// Units that can be bought.
    pub available: i32,
}

/// Products, categories, pictures and stock, with the events that announce their changes written in the same step.
///
/// An [`Error`] of a method other than INTERNAL and DEPENDENCY_UNAVAILABLE is a refusal: nothing was changed. Every step
/// that changed something is made known to [`Changes`] before its method returns, also when the caller went away; those of
/// other processes within a second, where the store [is shared](Store::is_shared).
pub trait Store: ProductStore + CategoryStore + MediaStore + StockStore + Outbox + Send + Sync {
    /// The commits as they happen.
    fn changes(&self) -> &Changes;
    /// Whether other processes write here too. Their commits become known within a second, and not before their answers.
    fn is_shared(&self) -> bool;
}

/// Products and their variants.
#[async_trait]
pub trait ProductStore: Send + Sync {
    /// Those of the products there are, in no certain order.
    async fn products(&self, ids: &[String]) -> Result<Vec<Product>, Error>;
    /// The product with the slug.
    async fn product_by_slug(&self, slug: &str) -> Result<Option<Product>, Error>;
    /// (variant id, product id) of those variants there are.
    async fn products_of_variants(&self, variant_ids: &[String]) -> Result<Vec<(String, String)>, Error>;
    /// Every product in the order of ids, those behind `after`: for reading the whole catalogue.
    async fn all_products(&self, after: Option<&str>, limit: usize) -> Result<Vec<Product>, Error>;
    /// A page of the list.
    async fn list_products(&self, query: &ProductQuery) -> Result<ProductPage, Error>;
    /// Adds a product; first stock goes into the ledger as "initial".
    ///
    /// VALIDATION_FAILED on `slug` when it is taken, on `category_id` when there is no such category.
    async fn create_product(&self, draft: ProductDraft, actor: &str) -> Result<Product, Error>;
    /// Replaces the content of the product that still has the version.
    ///
    /// NOT_FOUND · VERSION_CONFLICT · VALIDATION_FAILED on `slug`, `category_id`, `variants.N.id` (not one of the
    /// product) and `variants.N.quantity` (not the present stock).
    async fn update_product(
        &self,
        id: &str,
        draft: ProductDraft,
        version: i64,
        actor: &str,
    ) -> Result<Product, Error>;
    /// Removes a product; what is held of it can still be sold. Gives it as it was. NOT_FOUND.
    async fn delete_product(&self, id: &str, actor: &str) -> Result<Product, Error>;
    /// Lays what a file names over the product with its slug, or adds it; a new variant's stock goes into the ledger as
    /// "import". Nothing is written when nothing changed.
    ///
    /// VALIDATION_FAILED when the result is no product: its message is for the report.
    async fn import_product(&self, imported: ImportedProduct, actor: &str) -> Result<Imported, Error>;
}

/// The tree of categories.
#[async_trait]
pub trait CategoryStore: Send + Sync {
    /// All of them, in no certain order.
    async fn categories(&self) -> Result<Vec<Category>, Error>;
    /// Adds a category. VALIDATION_FAILED on `slug` when taken, on `parent_id` when there is none.
    async fn create_category(&self, draft: CategoryDraft) -> Result<Category, Error>;
    /// Renames or moves a category. NOT_FOUND · VALIDATION_FAILED on `slug`, and on `parent_id` when it is itself or
    /// below it.
    async fn update_category(&self, id: &str, draft: CategoryDraft) -> Result<Category, Error>;
    /// Removes a category; its children and products move to its parent. Gives it as it was. NOT_FOUND.
    async fn delete_category(&self, id: &str) -> Result<Category, Error>;
}

/// Pictures that staff uploaded.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Stores a picture, once.
    async fn put_media(&self, media: Media) -> Result<(), Error>;
    /// The picture with the id.
    async fn media(&self, id: &str) -> Result<Option<Media>, Error>;
    /// (id, width, height) of those pictures there are.
    async fn media_sizes(&self, ids: &[String]) -> Result<Vec<(String, u32, u32)>, Error>;
}

/// Stock, reservations and the ledger.
#[async_trait]
pub trait StockStore: Send + Sync {
    /// Those of the variants there are, in no certain order.
    async fn stock(&self, variant_ids: &[String]) -> Result<Vec<Stock>, Error>;
    /// Adds or takes units; once for each (variant, actor, request id), also when it was refused. Gives the product's id.
    ///
    /// NOT_FOUND · IDEMPOTENCY_KEY_REUSED · INSUFFICIENT_STOCK below what is held · QUANTITY_OUT_OF_RANGE.
    async fn adjust_stock(&self, adjustment: Adjustment) -> Result<String, Error>;
    /// Holds all lines or none, once for each reservation id; repeated, gives the same answer, also when the hold has
    /// ended or was sold. Gives when the hold ends by the store's own clock: a hold that ended is in nobody's way, also
    /// before [`StockStore::expire_reservations`] was called.
    ///
    /// INSUFFICIENT_STOCK and PRODUCT_UNAVAILABLE on `lines.N.quantity` · IDEMPOTENCY_KEY_REUSED with other lines ·
    /// INVALID_STATE when it was released.
    async fn reserve_stock(&self, reservation: Reservation) -> Result<Timestamp, Error>;
    /// Sells what is held; what is no longer held is taken again, all or none; what is sold stays so.
    ///
    /// NOT_FOUND · INSUFFICIENT_STOCK · INVALID_STATE when it was released.
    async fn confirm_reservation(&self, reservation_id: &str) -> Result<(), Error>;
    /// Lets held units go and puts sold ones back; what is not known is noted as released.
    async fn release_reservation(&self, reservation_id: &str, reason: &str) -> Result<(), Error>;
    /// Ends at most `limit` holds whose time is over by the store's clock. Gives how many.
    async fn expire_reservations(&self, limit: usize) -> Result<usize, Error>;
    /// A variant's ledger, newest first, those before the position `before`; also of a variant that was removed.
    async fn movements(
        &self,
        variant_id: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<Movement>, Error>;
    /// Variants with at most `threshold` units available, fewest first, those behind (available, variant id).
    async fn low_stock(
        &self,
        threshold: i32,
        after: Option<(i32, String)>,
        limit: usize,
    ) -> Result<Page<LowStock>, Error>;
}

/// How long units are held for an order that is being paid.
pub const HOLD: Duration = Duration::from_secs(15 * 60);
