//! The domain types of the catalogue, which are always valid. They know no stores, messages or async code.

mod category;
mod import;
mod media;
mod product;
mod stock;
pub(crate) mod text;

pub use category::{Category, CategoryDraft, Tree};
pub use import::{ImportOutcome, Imported, ImportedProduct, ImportedVariant};
pub use media::{Media, MediaType};
pub use product::{
    Content, Image, Product, ProductDraft, ProductOption, ProductQuery, ProductSort, SlugChoice, Status,
    Variant, VariantDraft,
};
pub use stock::{Adjustment, Movement, Reservation, ReservationLine, Stock};
