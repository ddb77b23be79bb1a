//! A process's life: settings → telemetry → ports → serve → drain. The first signal drains, the second one cuts.

use std::{future::Future, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{CommandFactory, Parser, error::ContextKind};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, Ready},
    config::Common,
    env::Env,
    service::Service,
    telemetry,
};

/// The C library's allocator took a seventh of the processor in a list of products, and kept more memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// EX_CONFIG of sysexits.h: a setting is wrong, and another start will not help.
const CONFIGURATION: u8 = 78;

/// A process that serves.
pub struct Process {
    /// What its services are given.
    pub env: Env,
    /// Told to `/readyz`.
    pub ready: Ready,
    common: Common,
    serving: JoinSet<anyhow::Result<()>>,
    /// Where it serves, for the line that says so.
    address: Option<SocketAddr>,
    admin_stop: CancellationToken,
}

/// Runs a process: reads its settings from flags and variables, then hands over to `start`, which serves ports and returns;
/// then waits for a signal and drains. The exit code is 0 after a drain, 78 for a wrong setting, 1 for any other failure.
pub fn run<A, F>(
    service: &'static str,
    common: fn(&A) -> &Common,
    start: impl FnOnce(Process, A) -> F,
) -> ExitCode
where
    A: Parser,
    F: Future<Output = anyhow::Result<Process>>,
{
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse::<A>(&error),
    };
    run_with(service, common(&arguments).clone(), |process| {
        start(process, arguments)
    })
}

/// Prints help and versions to standard output, and what is wrong with a setting, its variable named, to standard error.
pub fn refuse<A: CommandFactory>(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() {
        if let Some(variable) = error
            .get(ContextKind::InvalidArg)
            .and_then(|flag| variable_of(&built(A::command()), &flag.to_string()))
        {
            eprintln!("The flag's variable is {variable}.");
        }
        ExitCode::from(CONFIGURATION)
    } else {
        ExitCode::SUCCESS
    }
}

/// Only then do its flags know how they are written.
fn built(mut command: clap::Command) -> clap::Command {
    command.build();
    command
}

/// The variable that sets a flag, which clap does not name where its value is wrong.
fn variable_of(command: &clap::Command, flag: &str) -> Option<String> {
    let own = command
        .get_arguments()
        .find(|argument| argument.to_string() == flag);
    own.and_then(|argument| argument.get_env())
        .map(|variable| variable.to_string_lossy().into_owned())
        .or_else(|| {
            command
                .get_subcommands()
                .find_map(|command| variable_of(command, flag))
        })
}

/// As [`run`], with settings that were read already.
pub fn run_with<F>(service: &'static str, common: Common, start: impl FnOnce(Process) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<Process>>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("comptoir-{service}: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        let env = Env::new(&common)?;
        let _telemetry = telemetry::start(service, &common)?;
        let process = Process {
            env,
            ready: Ready::default(),
            common,
            serving: JoinSet::new(),
            address: None,
            admin_stop: CancellationToken::new(),
        };
        start(process).await?.until_stopped().await
    });
    // Blocking work that is still running (hashing, decoding) does not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("comptoir-{service}: {error:#}");
            if error.chain().any(|cause| names_setting(&cause.to_string())) {
                ExitCode::from(CONFIGURATION)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Whether an error's text begins with a setting, as all do that a setting is to blame for.
fn names_setting(text: &str) -> bool {
    let name = text.split([':', ' ']).next().unwrap_or_default();
    let prefixes = ["COMPTOIR_", "AWS_", "TWILIO_", "STRIPE_", "OTEL_"];
    let servers = ["DATABASE_URL", "MONGODB_URI", "KAFKA_BROKERS", "REDIS_URL"];
    prefixes.iter().any(|prefix| name.starts_with(prefix)) || servers.contains(&name)
}

impl Process {
    /// Binds a port; an error names the setting it comes from.
    pub async fn bind(&self, address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("{setting}: cannot listen on {address}"))?;
        tracing::info!(address = %listener.local_addr()?, setting, "listening");
        Ok(listener)
    }

    /// Names the port that the `ready` line names; else it is that of the first service.
    pub fn announce(&mut self, listener: &TcpListener) {
        self.address = listener.local_addr().ok();
    }

    /// Serves a service's gRPC port.
    pub fn serve_grpc(&mut self, service: Service, listener: TcpListener) {
        if self.address.is_none() {
            self.announce(&listener);
        }
        let env = self.env.clone();
        self.serving
            .spawn(async move { service.serve(listener, &env).await });
    }

    /// Serves the admin port.
    pub fn serve_admin(&mut self, listener: TcpListener) {
        let (ready, stop) = (self.ready.clone(), self.admin_stop.clone());
        self.serving
            .spawn(async move { Ok(admin::serve(listener, ready, stop).await?) });
    }

    /// Serves something else, until `env.shutdown` is cancelled and its calls have ended.
    pub fn serve(&mut self, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.serving.spawn(task);
    }

    /// Waits for a signal, then drains: not ready → a while for balancers to notice → no new calls → the running ones end,
    /// within a limit → background work ends.
    async fn until_stopped(mut self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        self.ready.set(true);
        if let Some(address) = self.address {
            println!("ready http://{address}");
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            ended = self.serving.join_next() => {
                if let Some(ended) = ended {
                    ended.context("a server panicked")??;
                }
                anyhow::bail!("a server ended by itself");
            }
        }
        tracing::info!("draining; a second signal ends the process at once");
        self.ready.set(false);
        let drain = async {
            tokio::time::sleep(self.common.drain_delay).await;
            self.env.shutdown.cancel();
            let ended = tokio::time::timeout(self.common.drain_limit, async {
                self.env.tasks.finished().await;
                self.admin_stop.cancel();
                while self.serving.join_next().await.is_some() {}
            });
            if ended.await.is_err() {
                tracing::warn!("calls were still running at the drain's limit and are cut");
            }
        };
        tokio::select! {
            () = drain => tracing::info!("drained"),
            _ = terminate.recv() => tracing::warn!("cut by a second signal"),
            _ = interrupt.recv() => tracing::warn!("cut by a second signal"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(subcommand)]
        command: Command,
    }

    #[derive(clap::Subcommand)]
    enum Command {
        Up {
            /// Bytes of a body
            #[arg(long, env = "COMPTOIR_TEST_LIMIT", value_name = "BYTES")]
            limit: Option<u64>,
        },
    }

    #[test]
    fn the_variable_of_a_wrong_value_is_named() {
        let wrong = Settings::try_parse_from(["comptoir", "up", "--limit", "x"])
            .err()
            .expect("a refusal");
        let flag = wrong.get(ContextKind::InvalidArg).expect("a flag").to_string();
        let variable = variable_of(&built(Settings::command()), &flag);
        assert_eq!(variable.as_deref(), Some("COMPTOIR_TEST_LIMIT"));
        let right = Settings::try_parse_from(["comptoir", "up", "--limit", "5"]).ok();
        assert!(matches!(
            right,
            Some(Settings {
                command: Command::Up { limit: Some(5) }
            })
        ));
    }
}
