//! Puts the service together.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use comptoir_events as events;
use comptoir_events::Broker;
use comptoir_mesh::{
    Env, Service,
    env::{self, Server},
};
use comptoir_proto::catalog::v1::{
    catalog_service_server::CatalogServiceServer, inventory_service_server::InventoryServiceServer,
};

use crate::{
    POLICY,
    config::Config,
    search::Index,
    service::Catalog,
    store::{PostgresStore, SqliteStore, Store},
};

/// How often reservations whose time is over are expired, so that the units shown as available are right.
const SWEEP: Duration = Duration::from_secs(1);
/// The method whose duration depends on the size of its file.
const IMPORT: &str = "/comptoir.catalog.v1.CatalogService/ImportProducts";
/// The most reservations that one step expires.
const SWEEP_BATCH: usize = 100;

/// Opens the store, builds the index, and returns the service. `broker` receives its events; without one they stay in
/// the store.
pub async fn start(config: Config, env: Env, broker: Option<Broker>) -> anyhow::Result<Service> {
    let (clock, ids) = (env.clock.clone(), env.ids.clone());
    match env.store("catalog", config.store.as_deref(), Server::Postgres)? {
        env::Store::Sqlite(file) => {
            let store = SqliteStore::open(&file, clock, ids).await?;
            serve(Arc::new(store), config, env, broker).await
        }
        env::Store::Server(server) => {
            let store = PostgresStore::open(&server, config.database_pool, clock, ids).await?;
            store.follow(&env);
            serve(Arc::new(store), config, env, broker).await
        }
    }
}

async fn serve<S: Store>(
    store: Arc<S>,
    config: Config,
    env: Env,
    broker: Option<Broker>,
) -> anyhow::Result<Service> {
    if let Some(broker) = broker {
        events::relay(&env, store.clone(), broker);
    }
    let store: Arc<dyn Store> = store;
    let index = Index::start(
        Arc::clone(&store),
        &env,
        config.searches(),
        config.limit_waiting_searches,
    )
    .await
    .context("cannot build the search index")?;
    sweep(&env, Arc::clone(&store));
    let import_limit = config.limit_request_import;
    let catalog = Catalog::new(store, index, env.clone(), config);
    Ok(Service::new("catalog", POLICY, &env)
        .with_limit(IMPORT, import_limit)
        .add(CatalogServiceServer::new(catalog.clone()))
        .add(InventoryServiceServer::new(catalog)))
}

/// Expires reservations whose time is over, until the process shuts down.
fn sweep(env: &Env, store: Arc<dyn Store>) {
    let shutdown = env.shutdown.clone();
    env.tasks.spawn("sweeper", async move {
        loop {
            let wait = match store.expire_reservations(SWEEP_BATCH).await {
                Ok(SWEEP_BATCH) => Duration::ZERO,
                Ok(_) => SWEEP,
                Err(error) => {
                    tracing::warn!(error.cause = ?error, "holds could not be ended");
                    SWEEP
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
        }
    });
}
