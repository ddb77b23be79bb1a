#![doc = include_str!("../README.md")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use comptoir_mesh::process;

mod audit;
mod demo;
mod events;
mod import;
mod up;

/// A commerce backend: products, search, carts, checkout, customers and mails, by GraphQL, REST and gRPC.
#[derive(Parser, Debug)]
#[command(
    name = "comptoir",
    version,
    after_help = "\
Start with `comptoir up`, then open /graphql, /docs and /mailbox at the printed address. Every setting is a flag and a variable; `comptoir up --help` lists them."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run everything in this process, on embedded stores
    Up(Box<up::Arguments>),
    /// Import a product CSV in Shopify's format into a running shop
    Import(import::Arguments),
    /// Check what the stores hold against what is promised of it
    Audit(audit::Arguments),
    /// Look after events on Kafka
    Events(events::Arguments),
    /// Print the default settings file of a shop, to start one's own from
    ShopFile,
    /// List the crash points of a test build
    #[command(hide = true)]
    FailPoints,
}

fn main() -> ExitCode {
    // The first TLS client would otherwise not know which cryptography to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    match Arguments::try_parse() {
        Err(error) => process::refuse::<Arguments>(&error),
        Ok(Arguments {
            command: Command::Up(arguments),
        }) => up::run(*arguments),
        Ok(Arguments {
            command: Command::Import(arguments),
        }) => import::run(&arguments),
        Ok(Arguments {
            command: Command::Audit(arguments),
        }) => audit::run(&arguments),
        Ok(Arguments {
            command: Command::Events(arguments),
        }) => events::run(arguments),
        Ok(Arguments {
            command: Command::ShopFile,
        }) => {
            print!("{}", comptoir_mesh::shop::DEFAULT);
            ExitCode::SUCCESS
        }
        Ok(Arguments {
            command: Command::FailPoints,
        }) => {
            for point in up::fail_points() {
                println!("{point}");
            }
            ExitCode::SUCCESS
        }
    }
}
