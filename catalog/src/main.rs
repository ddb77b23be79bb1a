//! The catalog as a process of its own.

use std::process::ExitCode;

use clap::Parser;
use comptoir_catalog::{Config, start};
use comptoir_mesh::{
    config::{Common, PeerUrls, address},
    events::Broker,
    identity, process,
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
    process::run(
        "catalog",
        |arguments: &Arguments| &arguments.common,
        |mut process, arguments| async move {
            let listener = process
                .bind(arguments.catalog.addr, "COMPTOIR_CATALOG_ADDR")
                .await?;
            let admin = process.bind(arguments.admin_addr, "COMPTOIR_ADMIN_ADDR").await?;
            process.serve_admin(admin);
            identity::keep_fresh(&process.env, arguments.peers.auth()?).await;
            let broker = Broker::configured(&process.env)?;
            let service = start(arguments.catalog, process.env.clone(), broker).await?;
            process.serve_grpc(service, listener);
            Ok(process)
        },
    )
}
