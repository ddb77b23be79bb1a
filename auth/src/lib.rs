#![doc = include_str!("../README.md")]
//! ## The modules, in reading order
//!
//! [`config`] → `domain` (types and decisions) → `store` (the port, an adapter for SQLite and one for MongoDB, its contract) →
//! `hasher` and `auth` (what the handlers share) → `service` (a handler file for each noun) → `policy`.

mod auth;
pub mod config;
mod convert;
mod domain;
mod hasher;
mod policy;
mod service;
mod store;

pub use self::{auth::Auth, config::Config, policy::POLICY};

use std::sync::Arc;

use comptoir_events::{Broker, relay};
use comptoir_mesh::env::{Server, Store};
use comptoir_mesh::{Env, fail_points};

/// The crash points of this crate, for tests that make a process die at them.
pub const FAIL_POINTS: &[&str] = &[
    "auth.mail.request.before",
    "auth.mail.request.after",
    "auth.mail.use.before",
    "auth.mail.use.after",
    "auth.session.rotate.before",
    "auth.session.rotate.after",
];

/// Opens the store, makes keys and the first administrator where they are missing, and spawns the relay to `broker` and the
/// upkeep in `env.tasks`. [`Auth::service`] is then ready to be served.
///
/// Without a broker events wait in the outbox.
pub async fn start(config: Config, env: Env, broker: Option<Broker>) -> anyhow::Result<Auth> {
    config.check()?;
    let store: Arc<dyn store::Store> = match env.store("auth", config.auth_store.as_deref(), Server::Mongo)? {
        Store::Sqlite(file) => Arc::new(store::sqlite::Sqlite::open(&file).await?),
        Store::Server(server) => Arc::new(store::mongo::Mongo::open(&server, &env).await?),
    };
    let auth = Auth::open(&config, &env, store.clone()).await?;
    auth.configured_admin(&config).await?;
    match broker {
        Some(broker) => relay(&env, store, broker),
        None => tracing::warn!("no broker is configured: events wait in the outbox"),
    }
    env.tasks.spawn("auth-upkeep", auth.clone().upkeep());
    Ok(auth)
}

/// Passes the crash point `auth.<step>.<side>`.
fn point(name: &'static str) {
    debug_assert!(FAIL_POINTS.contains(&name), "{name} is not listed");
    fail_points::hit(name);
}
