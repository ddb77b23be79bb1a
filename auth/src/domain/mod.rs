//! Types that are valid by construction, and decisions over them. No async, no gRPC, no SQL.

pub(crate) mod address;
pub(crate) mod attempt;
pub(crate) mod key;
pub(crate) mod mail;
pub(crate) mod password;
pub(crate) mod refresh;
pub(crate) mod session;
pub(crate) mod user;
