//! The orders service in a process of its own.

use std::process::ExitCode;

use clap::Parser;
use comptoir_events::Broker;
use comptoir_mesh::{
    config::{Common, PeerUrls, address},
    keys,
    process::{self, Process},
};

/// Comptoir's orders service: carts, discounts, orders and payments
#[derive(Parser)]
#[command(name = "comptoir-orders", version)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    orders: comptoir_orders::Config,
    #[command(flatten)]
    peers: PeerUrls,
    /// Where /livez, /readyz and /metrics are
    #[arg(long, env = "COMPTOIR_ADMIN_ADDR", default_value = "127.0.0.1:9103", value_parser = address, value_name = "ADDR")]
    admin_addr: std::net::SocketAddr,
}

fn main() -> ExitCode {
    process::run("orders", |arguments: &Arguments| &arguments.common, serve)
}

async fn serve(mut process: Process, arguments: Arguments) -> anyhow::Result<Process> {
    let Arguments {
        common: _,
        orders,
        peers,
        admin_addr,
    } = arguments;
    let address = orders.orders_addr;
    let auth = peers.auth()?;
    let called = comptoir_orders::Peers {
        catalog: peers.catalog()?,
        auth: auth.clone(),
    };
    let broker = Broker::configured(&process.env)?;
    // Alive but not ready while it waits for a server. The gRPC port opens once the service can answer.
    let admin = process.bind(admin_addr, "COMPTOIR_ADMIN_ADDR")?;
    process.serve_admin(admin);
    let service = comptoir_orders::start(orders, process.env.clone(), called, broker).await?;
    keys::keep_fresh(&process.env, auth).await;
    let listener = process.bind(address, "COMPTOIR_ORDERS_ADDR")?;
    process.serve_grpc(service, listener);
    Ok(process)
}
