//! The service through its generated client, in process, on a real SQLite file: a module for each behaviour. The tests
//! run on MongoDB too.

#![expect(clippy::unwrap_used, reason = "tests")]

mod addresses;
mod enumeration;
mod keys;
mod mail_links;
mod mongodb;
mod refresh;
mod registration;
mod revocation;
mod roles;
mod sessions;
mod support;
mod throttling;
