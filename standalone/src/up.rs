//! `comptoir up`: all five services in one process, on embedded stores, joined by in-process channels and the embedded
//! broker. Their gRPC ports are open too.

use std::{fs::File, net::SocketAddr, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use comptoir_events as events;
use comptoir_events::{Broker, Bus};
use comptoir_mesh::{
    channel,
    config::{self, Common},
    identity, keys,
    process::{self, Process},
};

use crate::demo;

/// The first administrator where no address is set.
const DEFAULT_ADMIN: &str = "admin@shop.example";

/// What `comptoir up` takes.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The admin port of the process: /livez, /readyz, /metrics
    #[arg(long, env = "COMPTOIR_ADMIN_ADDR", default_value = "127.0.0.1:9100", value_parser = config::address, value_name = "ADDR")]
    admin_addr: SocketAddr,
    /// Leave an empty shop empty, rather than fill it with a demo catalogue
    #[arg(long, env = "COMPTOIR_NO_DEMO")]
    no_demo: bool,
    #[command(flatten)]
    auth: comptoir_auth::Config,
    #[command(flatten)]
    catalog: comptoir_catalog::Config,
    #[command(flatten)]
    orders: comptoir_orders::Config,
    #[command(flatten)]
    notifier: comptoir_notifier::Config,
    #[command(flatten)]
    gateway: comptoir_gateway::Config,
}

/// Every fail point of the process.
pub(crate) fn fail_points() -> impl Iterator<Item = &'static str> {
    [
        comptoir_auth::FAIL_POINTS,
        comptoir_catalog::FAIL_POINTS,
        comptoir_orders::FAIL_POINTS,
        comptoir_notifier::FAIL_POINTS,
        events::FAIL_POINTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let common = arguments.common.clone();
    process::run_with(process::STANDALONE, common, |process| start(process, arguments))
}

async fn start(mut process: Process, arguments: Arguments) -> anyhow::Result<Process> {
    let Arguments {
        admin_addr,
        no_demo,
        auth,
        catalog,
        orders,
        notifier,
        gateway,
        ..
    } = arguments;
    let env = process.env.clone();
    let lock = lock(&env.data)?;
    let broker = Broker::configured(&env)?.unwrap_or_else(|| Bus::new().into());

    // A port that another process has is found at once. All ports but the admin port are opened once the stores are open.
    let http_port = process.take(gateway.http_addr, "COMPTOIR_HTTP_ADDR")?;
    let auth_port = process.take(auth.addr, "COMPTOIR_AUTH_ADDR")?;
    let catalog_port = process.take(catalog.addr, "COMPTOIR_CATALOG_ADDR")?;
    let orders_port = process.take(orders.orders_addr, "COMPTOIR_ORDERS_ADDR")?;
    let notifier_port = process.take(notifier.addr, "COMPTOIR_NOTIFIER_ADDR")?;
    let admin_port = process.bind(admin_addr, "COMPTOIR_ADMIN_ADDR")?;
    process.serve_admin(admin_port);

    let (auth_slot, catalog_slot, orders_slot, notifier_slot) = (
        channel::in_process(),
        channel::in_process(),
        channel::in_process(),
        channel::in_process(),
    );

    // The notifier first: its consumer group must exist before an event is published.
    let peers = comptoir_notifier::Peers {
        auth: auth_slot.channel("notifier"),
    };
    let notifier = comptoir_notifier::start(notifier, env.clone(), peers, Some(broker.clone())).await?;
    notifier_slot.bind(&notifier);

    let (admin_email, admin_password) = (auth.admin_email.clone(), auth.admin_password.is_some());
    let auth = comptoir_auth::start(auth, env.clone(), Some(broker.clone())).await?;
    let auth_service = auth.service();
    auth_slot.bind(&auth_service);
    keys::keep_fresh(&env, auth_slot.channel("gateway")).await;

    let catalog = comptoir_catalog::start(catalog, env.clone(), Some(broker.clone())).await?;
    catalog_slot.bind(&catalog);

    let peers = comptoir_orders::Peers {
        catalog: catalog_slot.channel("orders"),
        auth: auth_slot.channel("orders"),
    };
    let orders = comptoir_orders::start(orders, env.clone(), peers, Some(broker.clone())).await?;
    orders_slot.bind(&orders);

    let peers = comptoir_gateway::Peers {
        auth: auth_slot.channel("gateway"),
        catalog: catalog_slot.channel("gateway"),
        orders: orders_slot.channel("gateway"),
        notifier: notifier_slot.channel("gateway"),
    };
    let gateway = comptoir_gateway::start(gateway, process.env.clone(), peers, Some(broker)).await?;

    if !admin_password {
        create_administrator(&auth, admin_email.as_deref().unwrap_or(DEFAULT_ADMIN)).await?;
    }
    if !no_demo {
        demo::fill(catalog_slot.channel(identity::OPERATOR))
            .await
            .context("filling the demo catalogue")?;
    }

    let http_port = http_port.listen()?;
    process.announce(&http_port);
    process.serve_grpc(auth_service, auth_port.listen()?);
    process.serve_grpc(catalog, catalog_port.listen()?);
    process.serve_grpc(orders, orders_port.listen()?);
    process.serve_grpc(notifier, notifier_port.listen()?);
    process.serve(async move {
        let served = gateway.serve(http_port).await;
        drop(lock);
        served
    });
    Ok(process)
}

/// Creates the first administrator if there is none, with a generated password that is shown once.
async fn create_administrator(auth: &comptoir_auth::Auth, email: &str) -> anyhow::Result<()> {
    if let Some(password) = auth.ensure_admin(email, None).await? {
        eprintln!(
            "the first administrator is {email}, password {password} (shown once; change it after signing in)"
        );
    }
    Ok(())
}

/// Creates the data folder, and locks it while this process runs.
fn lock(folder: &std::path::Path) -> anyhow::Result<File> {
    let unusable = || format!("COMPTOIR_DATA: the folder {} cannot be used", folder.display());
    std::fs::create_dir_all(folder).with_context(unusable)?;
    let file = File::create(folder.join("lock")).with_context(unusable)?;
    if file.try_lock().is_err() {
        bail!(
            "COMPTOIR_DATA: another process uses {}; stop it, or choose another folder",
            folder.display()
        );
    }
    Ok(file)
}
