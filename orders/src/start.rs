//! From settings to a service.

use std::sync::Arc;

use comptoir_events as events;
use comptoir_events::Broker;
use comptoir_mesh::{Channel, Env, Service, env::Server};
use comptoir_proto::catalog::v1::inventory_service_client::InventoryServiceClient;
use comptoir_proto::orders::v1::{
    cart_service_server::CartServiceServer, discount_service_server::DiscountServiceServer,
    order_service_server::OrderServiceServer, payment_service_server::PaymentServiceServer,
    sandbox_service_server::SandboxServiceServer,
};

use crate::{
    Config, POLICY,
    accounts::Accounts,
    carts::Carts,
    engine::{Engine, EnginePeers, EngineStores, checkout::Checkout, outbox::OrderOutbox, sweeper},
    payment::{Providers, Sandbox, Stripe, sandbox, stripe},
    quote::Pricer,
    service::{CartHandler, DiscountHandler, OrderHandler, PaymentHandler, SandboxHandler},
    store,
    webhooks::Webhooks,
};

/// The services that this one calls.
#[derive(Clone)]
pub struct Peers {
    /// Prices, and stock.
    pub catalog: Channel,
    /// Accounts of customers.
    pub auth: Channel,
}

/// Opens the store, begins the work beside the calls and gives the service. Without a broker the events wait.
pub async fn start(
    config: Config,
    env: Env,
    peers: Peers,
    broker: Option<Broker>,
) -> anyhow::Result<Service> {
    let location = env.store("orders", config.orders_store.as_deref(), Server::Mongo)?;
    let stores = store::open(&location).await?;
    let pricer = Pricer::new(peers.catalog.clone(), stores.discounts.clone(), env.clone());
    let carts = Carts::new(
        stores.carts.clone(),
        pricer.clone(),
        Accounts::new(peers.auth),
        env.clone(),
        config.cart_limits(),
    );
    let sandbox = if env.sandbox_payments {
        Some(Sandbox::open(&env)?)
    } else {
        None
    };
    let mut providers = Providers::default();
    if let Some(sandbox) = &sandbox {
        providers = providers.with(sandbox::NAME, sandbox.clone());
    }
    if let Some(stripe) = Stripe::new(&config.stripe, &env)? {
        providers = providers.with(stripe::NAME, stripe);
    }
    let engine = Engine::new(
        EngineStores {
            orders: stores.orders.clone(),
            carts: stores.carts,
            discounts: stores.discounts.clone(),
        },
        EnginePeers {
            pricer,
            inventory: InventoryServiceClient::new(peers.catalog),
            providers,
        },
        config.orders_limit_holds_address,
        env.clone(),
    )
    .await?;
    if let Some(broker) = broker {
        engine.followers.listen(&env, &broker);
        events::relay(&env, Arc::new(OrderOutbox(stores.orders)), broker);
    }
    sweeper::spawn(engine.clone(), &env);
    let webhooks = Webhooks::new(&config.stripe, stores.webhooks, engine.clone());
    webhooks.spawn(&env);
    let checkout = Checkout::new(engine.clone(), carts.clone());
    let service = Service::new("orders", POLICY, &env)
        .add(CartServiceServer::new(CartHandler {
            carts,
            checkout,
            env: env.clone(),
        }))
        .add(DiscountServiceServer::new(DiscountHandler {
            store: stores.discounts,
            env: env.clone(),
        }))
        .add(OrderServiceServer::new(OrderHandler {
            engine: engine.clone(),
        }))
        .add(PaymentServiceServer::new(PaymentHandler { webhooks }));
    Ok(match sandbox {
        Some(sandbox) => service.add(SandboxServiceServer::new(SandboxHandler { sandbox, engine })),
        None => service,
    })
}
