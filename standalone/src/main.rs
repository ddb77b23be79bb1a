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
    /// Check the stores: stock, orders, money and events
    Audit(audit::Arguments),
    /// Manage events on Kafka
    Events(events::Arguments),
    /// Print the default shop file, as a start for your own
    ShopFile,
    /// List the fail points of a test build
    #[command(hide = true)]
    FailPoints,
}

fn main() -> ExitCode {
    // rustls needs a default before the first TLS client.
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
            print!("{}", comptoir_shop::DEFAULT);
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

#[cfg(test)]
mod tests {
    use std::any::TypeId;

    use clap::CommandFactory as _;

    use super::*;

    /// Each number becomes a bound, a buffer or a time: an impossible one would otherwise end the process later, during its work.
    #[test]
    fn every_number_has_a_bound() {
        let command = Arguments::command();
        let up = command.find_subcommand("up").expect("a command");
        let whole = [
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
            TypeId::of::<i32>(),
            TypeId::of::<i64>(),
        ];
        let duration = TypeId::of::<std::time::Duration>();
        let refused = |flag: &str, value: &str| {
            let error =
                Arguments::try_parse_from(["comptoir", "up", &format!("{flag}={value}")]).expect_err(flag);
            let named = error.get(clap::error::ContextKind::InvalidArg);
            let named = named.map(ToString::to_string).unwrap_or_default();
            assert!(named.starts_with(flag), "{flag} {value}: {error}");
        };
        let mut seen = 0;
        for setting in up.get_arguments() {
            let kind = setting.get_value_parser().type_id();
            let flag = format!("--{}", setting.get_long().unwrap_or_default());
            let values: &[&str] = if whole.iter().any(|whole| kind == *whole) {
                &["18446744073709551615", "18446744073709551616", "1e3", "-1"]
            } else if kind == duration {
                &["1e300", "inf", "NaN", "86401"]
            } else {
                continue;
            };
            seen += 1;
            for value in values {
                refused(&flag, value);
            }
        }
        assert!(seen > 35, "{seen}");
    }
}
