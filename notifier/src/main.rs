//! The notifier in a process of its own.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use comptoir_events::Broker;
use comptoir_mesh::config::{Common, PeerUrls, address};
use comptoir_mesh::keys;
use comptoir_mesh::process::{self, Process};
use comptoir_notifier::{Config, Peers};

/// Turns events into mails and text messages, once each.
#[derive(Parser, Debug)]
#[command(name = "comptoir-notifier", version)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    peers: PeerUrls,
    #[command(flatten)]
    config: Config,
    /// Where /livez, /readyz and /metrics listen
    #[arg(long, env = "COMPTOIR_ADMIN_ADDR", default_value = "127.0.0.1:9104", value_parser = address, value_name = "ADDR")]
    admin_addr: SocketAddr,
}

fn main() -> ExitCode {
    process::run("notifier", |arguments: &Arguments| &arguments.common, serve)
}

async fn serve(mut process: Process, arguments: Arguments) -> anyhow::Result<Process> {
    let peers = Peers {
        auth: arguments.peers.auth()?,
    };
    let address = arguments.config.addr;
    let auth = peers.auth.clone();
    let broker = Broker::configured(&process.env)?;
    // Alive but not ready while it waits for a server. The gRPC port opens once the service can answer.
    let admin = process.bind(arguments.admin_addr, "COMPTOIR_ADMIN_ADDR")?;
    process.serve_admin(admin);
    let service = comptoir_notifier::start(arguments.config, process.env.clone(), peers, broker).await?;
    keys::keep_fresh(&process.env, auth).await;
    let listener = process.bind(address, "COMPTOIR_NOTIFIER_ADDR")?;
    process.serve_grpc(service, listener);
    Ok(process)
}
