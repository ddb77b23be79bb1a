//! `/admin`: the back office, for STAFF and ADMIN.

pub(crate) mod import;
pub(crate) mod inventory;
pub(crate) mod media;
pub(crate) mod orders;
pub(crate) mod product_input;
pub(crate) mod products;
