//! What the tests of this crate share: a fake catalogue, and MongoDB databases of their own. Behind the feature `testing`.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

pub mod catalog;
pub mod mongo;
