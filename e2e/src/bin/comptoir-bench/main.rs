//! Measures a running shop beside a constant answer, by the same client in the same run. `e2e/bench/run` starts the servers,
//! each pinned to a core, and calls this.

mod floor;
mod grpc;
mod http;
mod load;
mod place;
mod scenario;
mod slow;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a constant answer by axum: the body of FILE
    HttpFloor {
        address: SocketAddr,
        file: std::path::PathBuf,
    },
    /// Serve a constant product by tonic
    GrpcFloor { address: SocketAddr },
    /// Forward connections to TARGET, and delay its responses
    Slow {
        address: SocketAddr,
        target: String,
        milliseconds: u64,
    },
    /// Create a PostgreSQL database of this name on the server of DATABASE_URL, and print the settings of a shop that uses it
    Place { id: String },
    /// Drop what a shop with these settings left on the servers
    Clear { id: String },
    /// Write a product CSV of this many products to standard output
    Catalogue { products: usize },
    /// Run scenarios against servers that are up
    Run(scenario::Plan),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One thread on either side: each has one core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        runtime.block_on(async {
            match arguments.command {
                Command::HttpFloor { address, file } => floor::http(address, std::fs::read(file)?).await,
                Command::GrpcFloor { address } => floor::grpc(address).await,
                Command::Slow {
                    address,
                    target,
                    milliseconds,
                } => slow::serve(address, &target, Duration::from_millis(milliseconds)).await,
                Command::Place { id } => place::make(&id).await,
                Command::Clear { id } => place::clear(&id).await,
                Command::Catalogue { products } => {
                    print!("{}", scenario::catalogue(products));
                    Ok(())
                }
                Command::Run(plan) => scenario::run(&plan).await,
            }
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("comptoir-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How long each measurement takes, after a fifth of it to warm up.
fn span() -> Duration {
    let seconds = std::env::var("SECONDS_EACH")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5.0);
    Duration::from_secs_f64(seconds)
}
