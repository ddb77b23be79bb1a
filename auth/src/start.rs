//! Puts the service together.

use std::sync::Arc;

use comptoir_events::{Broker, relay};
use comptoir_mesh::Env;
use comptoir_mesh::env::{Server, Store};

use crate::auth::Auth;
use crate::config::Config;
use crate::store::{self, mongo::Mongo, sqlite::Sqlite};

/// Opens the store, creates keys and the first administrator where they are missing, and begins the relay to `broker` and the
/// upkeep in `env.tasks`. [`Auth::service`] is then ready to be served. Without a broker events wait in the outbox.
pub async fn start(config: Config, env: Env, broker: Option<Broker>) -> anyhow::Result<Auth> {
    config.check()?;
    let store: Arc<dyn store::Store> = match env.store("auth", config.store.as_deref(), Server::Mongo)? {
        Store::Sqlite(file) => Arc::new(Sqlite::open(&file).await?),
        Store::Server(server) => Arc::new(Mongo::open(&server, &env).await?),
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
