//! The gateway as a process of its own.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use comptoir_events::Broker;
use comptoir_gateway::{Config, Peers};
use comptoir_mesh::config::{Common, PeerUrls, address};
use comptoir_mesh::keys;
use comptoir_mesh::process::{self, Process};

/// Comptoir's gateway: the public API, GraphQL and REST
#[derive(Parser)]
#[command(name = "comptoir-gateway", version)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    gateway: Config,
    #[command(flatten)]
    peers: PeerUrls,
    /// Where /livez, /readyz and /metrics are
    #[arg(long, env = "COMPTOIR_ADMIN_ADDR", default_value = "127.0.0.1:9100", value_parser = address, value_name = "ADDR")]
    admin_addr: SocketAddr,
}

fn main() -> ExitCode {
    process::run("gateway", |arguments: &Arguments| &arguments.common, serve)
}

async fn serve(mut process: Process, arguments: Arguments) -> anyhow::Result<Process> {
    let Arguments {
        common: _,
        gateway,
        peers,
        admin_addr,
    } = arguments;
    gateway.validate()?;
    let address = gateway.http_addr;
    let peers = Peers {
        auth: peers.auth()?,
        catalog: peers.catalog()?,
        orders: peers.orders()?,
        notifier: peers.notifier()?,
    };
    let auth = peers.auth.clone();
    let broker = Broker::configured(&process.env)?;
    // Alive, and not ready: a server that is away is waited for. The port is opened once there is something behind it.
    let admin = process.bind(admin_addr, "COMPTOIR_ADMIN_ADDR")?;
    process.serve_admin(admin);
    let gateway = comptoir_gateway::start(gateway, process.env.clone(), peers, broker).await?;
    keys::keep_fresh(&process.env, auth).await;
    let listener = process.bind(address, "COMPTOIR_HTTP_ADDR")?;
    process.announce(&listener);
    process.serve(async move { gateway.serve(listener).await });
    Ok(process)
}
