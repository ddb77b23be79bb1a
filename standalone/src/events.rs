//! `comptoir events`: commands for operators about events on Kafka.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use comptoir_events as events;
use comptoir_mesh::config::KafkaSettings;

/// What `comptoir events` takes.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Publish the dead letters of a topic again, once their cause is fixed
    Redrive(Redrive),
}

#[derive(Args, Debug)]
struct Redrive {
    /// comptoir.auth.v1, comptoir.catalog.v1 or comptoir.orders.v1
    topic: String,
    /// Kafka: HOST:PORT, several separated by commas
    #[arg(long, env = "KAFKA_BROKERS", value_name = "ADDRS")]
    kafka_brokers: String,
    #[command(flatten)]
    kafka: KafkaSettings,
}

pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let Command::Redrive(Redrive {
        topic,
        kafka_brokers,
        kafka,
    }) = arguments.command;
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(events::redrive(&kafka_brokers, kafka, &topic)));
    match outcome {
        Ok(1) => println!("1 record was published again"),
        Ok(count) => println!("{count} records were published again"),
        Err(error) => {
            eprintln!("comptoir events redrive: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
