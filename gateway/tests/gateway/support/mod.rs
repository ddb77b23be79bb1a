//! What the tests share.

#[expect(dead_code, reason = "the tests of the schema use the rest")]
pub(crate) mod fakes;
