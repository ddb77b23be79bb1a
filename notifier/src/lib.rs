#![doc = include_str!("../README.md")]

use std::sync::Arc;

use comptoir_events::Broker;
use comptoir_mesh::config::Profile;
use comptoir_mesh::{Access, Channel, Env, Service};
use comptoir_proto::auth::v1::auth_service_client::AuthServiceClient;
use comptoir_proto::notifier::v1::notifier_service_server::NotifierServiceServer;
use tokio::sync::Notify;

use self::backend::Backends;
use self::pacer::Pacer;
use self::render::Renderer;
use self::service::Handler;
use self::webhooks::Webhooks;

pub use self::config::{Config, Sender, SesSettings, TwilioSettings};
pub use self::inbox::Inbox;
pub use self::worker::{Round, Worker};

pub mod domain;
pub mod store;

mod backend;
mod config;
mod http;
mod inbox;
mod pacer;
mod plan;
mod render;
mod service;
mod webhooks;
mod worker;

/// What each method asks of its caller.
pub const POLICY: &[(&str, Access)] = &[
    (
        "/comptoir.notifier.v1.NotifierService/ListDeliveries",
        Access::Staff,
    ),
    ("/comptoir.notifier.v1.NotifierService/GetDelivery", Access::Staff),
    (
        "/comptoir.notifier.v1.NotifierService/RetryDelivery",
        Access::Staff,
    ),
    (
        "/comptoir.notifier.v1.NotifierService/HandleWebhook",
        Access::Services(&["gateway"]),
    ),
    (
        "/comptoir.notifier.v1.NotifierService/ListMailbox",
        Access::Services(&["gateway"]),
    ),
];

/// The crash points of this service, in the order an event passes them.
pub const FAIL_POINTS: &[&str] = &[
    "notifier.record.before",
    "notifier.record.after",
    "notifier.bury.before",
    "notifier.bury.after",
    "notifier.claim.before",
    "notifier.claim.after",
    "notifier.send.before",
    "notifier.send.after",
    "notifier.sent.before",
    "notifier.sent.after",
];

/// The services it calls.
#[derive(Clone)]
pub struct Peers {
    /// Makes the tokens of links.
    pub auth: Channel,
}

/// The notifier's parts, not yet running.
pub struct Notifier {
    /// What sockets and in-process channels serve.
    pub service: Service,
    /// What events are handed to.
    pub inbox: Arc<Inbox>,
    /// What sends.
    pub worker: Arc<Worker>,
}

/// Opens the store and puts the parts together. [`start`] also sets them going; tests drive them by themselves.
pub async fn build(config: &Config, env: &Env, peers: Peers) -> anyhow::Result<Notifier> {
    let store = store::open(config.notifier_store.as_deref(), env).await?;
    let wake = Arc::new(Notify::new());
    let renderer = Renderer::new(
        env.shop.clone(),
        config.notifier_storefront_url.clone(),
        &config.notifier_mail_from,
    )?;
    let worker = Worker {
        store: store.clone(),
        renderer,
        backends: Backends::new(config, env, &store).await?,
        auth: AuthServiceClient::new(peers.auth),
        env: env.clone(),
        patience: config.patience(),
        pacer: Pacer::new(config.notifier_send_rate),
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

/// Opens the store, takes events from `broker` from now on, and sends what they ask for until the process drains. Gives the
/// service to be served.
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
