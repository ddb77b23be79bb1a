#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! Lowest first: a module uses only modules above it in this table.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `config` | settings |
//! | `problem` | errors as answers |
//! | `feed` | streams that many readers share |
//! | `redis` | the connection that gateways share |
//! | `request` | checks of requests, and what handlers read from them |
//! | `json` | bodies in JSON |
//! | `cache` | public answers and entities, invalidated by events |
//! | `revalidate` | notifies the storefront of changes |
//! | `backend` | the services, as both REST and GraphQL see them |
//! | `health` | liveness and readiness |
//! | `executor` | GraphQL documents: what relies on the internals of async-graphql |
//! | `graphql` | the schema and its resolvers |
//! | `app` | the state of all handlers |
//! | `jwks`, `rest`, `pages`, `endpoint` | handlers: keys, REST, pages, `/graphql` |
//! | `router` | the routes |
//! | `edge` | the steps that every request passes |
//! | `server` | connections |

pub mod graphql;

mod app;
mod backend;
mod cache;
mod config;
mod edge;
mod endpoint;
mod executor;
mod feed;
mod health;
mod json;
mod jwks;
mod pages;
mod problem;
mod redis;
mod request;
mod rest;
mod revalidate;
mod router;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::response::Response;
use axum::{BoxError, Router};
use bytes::Bytes;
use comptoir_events::Broker;
use comptoir_mesh::Env;
use http::Request;
use tokio::net::TcpListener;

use self::app::App;
use self::redis::Redis;

pub use backend::Peers;
pub use config::{CacheConfig, Config, HostName, Limits, Network, Origin};
pub use rest::openapi;

/// A gateway that is ready to serve. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    app: Arc<App>,
    router: Router,
}

/// Creates a gateway. `broker` delivers the catalogue's events. Without one, cached data only expires.
pub async fn start(
    config: Config,
    env: Env,
    peers: Peers,
    broker: Option<Broker>,
) -> anyhow::Result<Gateway> {
    let redis = match &config.cache.redis_url {
        Some(url) => Some(Arc::new(Redis::connect(url).await?)),
        None => None,
    };
    let app = Arc::new(App::new(config, env, peers, broker.as_ref(), redis)?);
    let router = router::router(&app);
    Ok(Gateway { app, router })
}

impl Gateway {
    /// Serves until `env.shutdown` is cancelled and the running requests are answered.
    pub async fn serve(self, listener: TcpListener) -> anyhow::Result<()> {
        server::serve(self, listener).await
    }

    /// Answers one request of `peer`, with all checks of the edge.
    pub async fn handle<B>(&self, peer: SocketAddr, request: Request<B>) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        edge::handle(&self.app, &self.router, peer, request).await
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }
}
