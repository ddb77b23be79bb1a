//! The services as processes of their own on the real servers, one of each or several.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod chaos;
mod doubles;
mod poison;
mod replicas;
mod tour;

/// Every test here holds it: a cluster has up to nine processes, and some tests restart the servers.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
