//! JSON bodies, read strictly: one value, distinct keys, honest text, bounded nesting.

mod extract;
mod read;

pub use extract::{Json, read_body};
pub(crate) use extract::{body_error, is_json};
pub use read::read;
