//! The auth service in a process of its own.

use std::{net::SocketAddr, process::ExitCode};

use clap::Parser;
use comptoir_auth::Config;
use comptoir_events::Broker;
use comptoir_mesh::{
    config::{Common, address},
    process::{Process, run},
};

/// Users, sessions and the keys that sign access tokens.
#[derive(Parser)]
#[command(name = "comptoir-auth", version)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    auth: Config,
    /// Where /livez, /readyz and /metrics listen
    #[arg(long, env = "COMPTOIR_ADMIN_ADDR", default_value = "127.0.0.1:9101", value_parser = address, value_name = "ADDR")]
    admin_addr: SocketAddr,
}

fn main() -> ExitCode {
    run("auth", |arguments: &Arguments| &arguments.common, start)
}

async fn start(mut process: Process, arguments: Arguments) -> anyhow::Result<Process> {
    let address = arguments.auth.addr;
    let broker = Broker::configured(&process.env)?;
    // Alive but not ready while it waits for a server. The gRPC port opens once the service can answer.
    let admin = process.bind(arguments.admin_addr, "COMPTOIR_ADMIN_ADDR")?;
    process.serve_admin(admin);
    let auth = comptoir_auth::start(arguments.auth, process.env.clone(), broker).await?;
    let listener = process.bind(address, "COMPTOIR_AUTH_ADDR")?;
    process.serve_grpc(auth.service(), listener);
    Ok(process)
}
