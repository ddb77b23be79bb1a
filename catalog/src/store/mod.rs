//! The store's port: one method for each atomic business step. The suite in `contract` states what each method promises;
//! every adapter passes it.

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
    /// (id, sort value), the reverse order of [`ProductQuery::after`].
    pub keys: Vec<(String, String)>,
    /// Whether more items follow.
    pub more: bool,
    /// The number of items on all pages.
    pub total: i64,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Whether more items follow.
    pub more: bool,
    /// The number of items on all pages.
    pub total: i64,
}

/// A variant with few units left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowStock {
    /// The variant.
    pub variant_id: String,
    /// The product it belongs to.
    pub product_id: String,
    /// The units that can be bought.
    pub available: i32,
}

/// Products, categories, pictures and stock. Each step also writes the events that announce its changes.
///
/// An [`Error`] other than INTERNAL and DEPENDENCY_UNAVAILABLE is a refusal: nothing was changed. A step that changed
/// something reports it to [`Changes`] before its method returns, even if the caller has gone away. Where the store
/// [is shared](Store::is_shared), changes of other processes are reported within a second.
pub trait Store: ProductStore + CategoryStore + MediaStore + StockStore + Outbox + Send + Sync {
    /// Reports each commit.
    fn changes(&self) -> &Changes;
    /// Whether other processes write to this store. Their commits are reported within a second, perhaps after their callers
    /// have the answer.
    fn is_shared(&self) -> bool;
}

/// Products and their variants.
#[async_trait]
pub trait ProductStore: Send + Sync {
    /// The products with these ids that exist, in no particular order.
    async fn products(&self, ids: &[String]) -> Result<Vec<Product>, Error>;
    /// The product with the slug.
    async fn product_by_slug(&self, slug: &str) -> Result<Option<Product>, Error>;
    /// (variant id, product id) of each variant that exists.
    async fn products_of_variants(&self, variant_ids: &[String]) -> Result<Vec<(String, String)>, Error>;
    /// Up to `limit` products in the order of their ids, starting after `after`: for reading the whole catalogue.
    async fn all_products(&self, after: Option<&str>, limit: usize) -> Result<Vec<Product>, Error>;
    /// A page of the products that match the query.
    async fn list_products(&self, query: &ProductQuery) -> Result<ProductPage, Error>;
    /// Creates a product. The ledger records its first stock as "initial".
    ///
    /// VALIDATION_FAILED on `slug` when another product has it, on `category_id` when the category does not exist.
    async fn create_product(&self, draft: ProductDraft, actor: &str) -> Result<Product, Error>;
    /// Replaces the content of the product if it still has this version.
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
    /// Deletes a product and returns it as it was. Its reserved units can still be sold. NOT_FOUND.
    async fn delete_product(&self, id: &str, actor: &str) -> Result<Product, Error>;
    /// Updates the product with this slug by the fields that the file contains, or creates it. The ledger records a new
    /// variant's stock as "import". Writes nothing when nothing changed.
    ///
    /// VALIDATION_FAILED when the result is not a valid product: the message goes into the report.
    async fn import_product(&self, imported: ImportedProduct, actor: &str) -> Result<Imported, Error>;
}

/// The tree of categories.
#[async_trait]
pub trait CategoryStore: Send + Sync {
    /// All categories, in no particular order.
    async fn categories(&self) -> Result<Vec<Category>, Error>;
    /// Creates a category. VALIDATION_FAILED on `slug` when another category has it, on `parent_id` when it does not exist.
    async fn create_category(&self, draft: CategoryDraft) -> Result<Category, Error>;
    /// Renames or moves a category. NOT_FOUND · VALIDATION_FAILED on `slug`, and on `parent_id` when it is the category
    /// itself or below it.
    async fn update_category(&self, id: &str, draft: CategoryDraft) -> Result<Category, Error>;
    /// Deletes a category and returns it as it was. Its children and products move to its parent. NOT_FOUND.
    async fn delete_category(&self, id: &str) -> Result<Category, Error>;
}

/// Pictures that staff uploaded.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Stores a picture. Storing it a second time changes nothing.
    async fn put_media(&self, media: Media) -> Result<(), Error>;
    /// The picture with the id.
    async fn media(&self, id: &str) -> Result<Option<Media>, Error>;
    /// (id, width, height) of each picture that exists.
    async fn media_sizes(&self, ids: &[String]) -> Result<Vec<(String, u32, u32)>, Error>;
}

/// Stock, reservations and the ledger.
#[async_trait]
pub trait StockStore: Send + Sync {
    /// The stock of each variant that exists, in no particular order.
    async fn stock(&self, variant_ids: &[String]) -> Result<Vec<Stock>, Error>;
    /// Adds or removes units and returns the product's id. Happens once for each (variant, actor, request id): a repeated
    /// call returns the same answer, also a refusal.
    ///
    /// NOT_FOUND · IDEMPOTENCY_KEY_REUSED · INSUFFICIENT_STOCK below the reserved units · QUANTITY_OUT_OF_RANGE.
    async fn adjust_stock(&self, adjustment: Adjustment) -> Result<String, Error>;
    /// Reserves all lines or none and returns when the reservation expires, by the store's own clock. Happens once for each
    /// reservation id: a repeated call returns the same answer, also when the reservation has expired or was confirmed.
    /// The units of an expired reservation are available even before [`StockStore::expire_reservations`] is called.
    ///
    /// INSUFFICIENT_STOCK and PRODUCT_UNAVAILABLE on `lines.N.quantity` · IDEMPOTENCY_KEY_REUSED with other lines ·
    /// INVALID_STATE when it was released.
    async fn reserve_stock(&self, reservation: Reservation) -> Result<Timestamp, Error>;
    /// Sells the reserved units. If the reservation has expired, reserves all its units again or none. A confirmed
    /// reservation stays confirmed.
    ///
    /// NOT_FOUND · INSUFFICIENT_STOCK · INVALID_STATE when it was released.
    async fn confirm_reservation(&self, reservation_id: &str) -> Result<(), Error>;
    /// Frees reserved units and puts sold units back on hand. An unknown reservation is stored as released.
    async fn release_reservation(&self, reservation_id: &str, reason: &str) -> Result<(), Error>;
    /// Expires at most `limit` reservations whose time is over by the store's clock. Returns how many.
    async fn expire_reservations(&self, limit: usize) -> Result<usize, Error>;
    /// A variant's ledger before the position `before`, newest first. Also for a variant that was deleted.
    async fn movements(
        &self,
        variant_id: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<Movement>, Error>;
    /// Variants with at most `threshold` units available, fewest first, starting after (available, variant id).
    async fn low_stock(
        &self,
        threshold: i32,
        after: Option<(i32, String)>,
        limit: usize,
    ) -> Result<Page<LowStock>, Error>;
}

/// How long units are reserved for an order that is being paid.
pub const HOLD: Duration = Duration::from_secs(15 * 60);
