//! The catalog as a process of its own.

use std::process::ExitCode;

use clap::Parser;
use comptoir_catalog::Config;
use comptoir_events::Broker;
use comptoir_mesh::{
    config::{Common, PeerUrls, address},
    keys,
    process::{self, Process},
};

/// Products, categories, search and stock of a shop, over gRPC.
#[derive(Parser)]
#[command(name = "comptoir-catalog", version)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    catalog: Config,
    #[command(flatten)]
    peers: PeerUrls,
    /// Where health, readiness and metrics listen
    #[arg(long, env = "COMPTOIR_ADMIN_ADDR", default_value = "127.0.0.1:9102", value_parser = address, value_name = "ADDR")]
    admin_addr: std::net::SocketAddr,
}

fn main() -> ExitCode {
    process::run("catalog", |arguments: &Arguments| &arguments.common, serve)
}

async fn serve(mut process: Process, arguments: Arguments) -> anyhow::Result<Process> {
    let address = arguments.catalog.addr;
    let auth = arguments.peers.auth()?;
    let broker = Broker::configured(&process.env)?;
    // Alive, and not ready: a server that is away is waited for. The port is opened once there is something behind it.
    let admin = process.bind(arguments.admin_addr, "COMPTOIR_ADMIN_ADDR")?;
    process.serve_admin(admin);
    let service = comptoir_catalog::start(arguments.catalog, process.env.clone(), broker).await?;
    keys::keep_fresh(&process.env, auth).await;
    let listener = process.bind(address, "COMPTOIR_CATALOG_ADDR")?;
    process.serve_grpc(service, listener);
    Ok(process)
}
