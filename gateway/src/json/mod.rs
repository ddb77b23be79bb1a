//! JSON bodies, read strictly: one value, distinct keys, honest text, bounded nesting.

mod extract;

pub(crate) use comptoir_mesh::json::read;
pub(crate) use extract::{Json, read_body};
pub(crate) use extract::{body_error, is_json};
