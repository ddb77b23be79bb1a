//! The schema.

mod schema;
