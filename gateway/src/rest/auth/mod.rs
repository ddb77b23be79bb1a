//! `/auth`: accounts, tokens and passwords, and the signed-in user's own data.

pub(crate) mod account;
pub(crate) mod me;
pub(crate) mod tokens;
