//! Puts the service together.

use std::sync::Arc;

use comptoir_events::Broker;
use comptoir_mesh::config::Profile;
use comptoir_mesh::{Channel, Env, Service};
use comptoir_proto::auth::v1::auth_service_client::AuthServiceClient;
use comptoir_proto::notifier::v1::notifier_service_server::NotifierServiceServer;
use tokio::sync::Notify;

use crate::backend::Backends;
use crate::config::Config;
use crate::inbox::Inbox;
use crate::pacer::Pacer;
use crate::policy::POLICY;
use crate::render::Renderer;
use crate::service::Handler;
use crate::store;
use crate::webhooks::Webhooks;
use crate::worker::Worker;

/// The services that this one calls.
#[derive(Clone)]
pub struct Peers {
    /// Issues the tokens of links.
    pub auth: Channel,
}

/// The notifier's parts, before they run.
pub struct Notifier {
    /// The gRPC service.
    pub service: Service,
    /// Consumes events.
    pub inbox: Arc<Inbox>,
    /// Sends deliveries.
    pub worker: Arc<Worker>,
}

/// Opens the store and puts the parts together. [`start`] also runs them; tests drive them step by step.
pub async fn build(config: &Config, env: &Env, peers: Peers) -> anyhow::Result<Notifier> {
    let store = store::open(config.store.as_deref(), env).await?;
    let wake = Arc::new(Notify::new());
    let renderer = Renderer::new(env.shop.clone(), config.storefront_url.clone(), &config.mail_from)?;
    let worker = Worker {
        store: store.clone(),
        renderer,
        backends: Backends::new(config, env, &store).await?,
        auth: AuthServiceClient::new(peers.auth),
        env: env.clone(),
        patience: config.patience(),
        pacer: Pacer::new(config.send_rate),
        unconfirmed_limit: config.limit_mails_unconfirmed,
        wake: wake.clone(),
    };
    let handler = Handler {
        webhooks: Webhooks::new(config, env, &store)?,
        store: store.clone(),
        env: env.clone(),
        wake: wake.clone(),
    };
    Ok(Notifier {
        service: Service::new("notifier", POLICY, env).add(NotifierServiceServer::new(handler)),
        inbox: Arc::new(Inbox::new(store, env.clock.clone(), wake)),
        worker: Arc::new(worker),
    })
}

/// Opens the store, consumes events from `broker`, and sends deliveries until the process drains. Returns the gRPC
/// service.
pub async fn start(
    config: Config,
    env: Env,
    peers: Peers,
    broker: Option<Broker>,
) -> anyhow::Result<Service> {
    let notifier = build(&config, &env, peers).await?;
    match broker {
        Some(broker) => broker.register(&env, notifier.inbox),
        None => tracing::warn!(
            "there is no event broker: deliveries that are there are sent, new ones do not come"
        ),
    }
    if env.profile == Profile::Production {
        for messages in notifier.worker.backends.without_provider() {
            tracing::warn!("no provider of {messages} is configured: they stay in the notifier's store");
        }
    }
    env.tasks.spawn("notifier", notifier.worker.run());
    Ok(notifier.service)
}
