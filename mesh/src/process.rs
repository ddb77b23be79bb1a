//! The life of a process: settings → telemetry → ports → serve → drain. The first signal drains, the second one ends it
//! at once.

use std::{error::Error as _, future::Future, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{CommandFactory, Parser, error::ContextKind};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, Ready},
    config::{self, Common, Profile},
    env::Env,
    service::Service,
    telemetry,
};

/// The C library's allocator took a seventh of the processor time of a list of products, and held more memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// EX_CONFIG of sysexits.h: a setting is wrong, and a restart will not help.
pub const CONFIGURATION: u8 = 78;

/// The backlog of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// A bound port, which refuses connections until it listens.
pub struct Port {
    socket: TcpSocket,
    setting: &'static str,
}

impl Port {
    /// Accepts connections from now on.
    pub fn listen(self) -> anyhow::Result<TcpListener> {
        let Self { socket, setting } = self;
        let address = socket.local_addr()?;
        let listener = socket
            .listen(BACKLOG)
            .with_context(|| format!("{setting}: cannot listen on {address}"))?;
        tracing::info!(%address, setting, "listening");
        Ok(listener)
    }
}

/// A process that serves.
pub struct Process {
    /// The environment of its services.
    pub env: Env,
    /// The answer of `/readyz`.
    pub ready: Ready,
    common: Common,
    serving: JoinSet<anyhow::Result<()>>,
    /// Where it serves, for the `ready` line.
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
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let command = built(A::command());
    match wrong_value(&command, error) {
        Some(wrong) => eprintln!("{}: {wrong}", command.get_name()),
        None => {
            let _ = error.print();
        }
    }
    ExitCode::from(CONFIGURATION)
}

/// One line that begins with the variable, where it is a setting's value that is wrong. clap itself would name the flag alone,
/// and show the value though it may be a secret.
fn wrong_value(command: &clap::Command, error: &clap::Error) -> Option<String> {
    let setting = setting_of(command, &error.get(ContextKind::InvalidArg)?.to_string())?;
    let variable = setting.get_env()?.to_string_lossy();
    let flag = setting.get_long()?;
    let value = match error.get(ContextKind::InvalidValue)? {
        _ if setting.is_hide_env_values_set() => String::new(),
        value => format!(" {:?}", value.to_string()),
    };
    let reason = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(valid)) => format!("it is one of {valid}"),
        (None, None) => "a value is needed".to_owned(),
    };
    Some(format!("{variable} (--{flag}): invalid value{value}: {reason}"))
}

/// Flags know their spelling only after that.
fn built(mut command: clap::Command) -> clap::Command {
    command.build();
    command
}

/// The setting that has a flag, of the command or of one below it.
fn setting_of<'a>(command: &'a clap::Command, flag: &str) -> Option<&'a clap::Arg> {
    let own = command
        .get_arguments()
        .find(|argument| argument.to_string() == flag);
    own.or_else(|| {
        command
            .get_subcommands()
            .find_map(|command| setting_of(command, flag))
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
            eprintln!("{}: cannot start: {error}", program(service));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let found = config::unknown_settings(variables);
        if let Some((name, meant)) = found.misspelt {
            anyhow::bail!("{name}: there is no such setting; {meant} may be meant");
        }
        let env = Env::new(&common)?;
        let _telemetry = telemetry::start(service, &common)?;
        if !found.unknown.is_empty() {
            tracing::warn!(
                variables = found.unknown.join(" "),
                "no setting has these names"
            );
        }
        if common.profile == Profile::Production && service != STANDALONE {
            tracing::warn!(
                setting = "COMPTOIR_PROFILE",
                "in the production profile services apart refuse each other's calls, as certificates between them are not there yet"
            );
        }
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
            eprintln!("{}: {error:#}", program(service));
            if error.chain().any(|cause| names_setting(&cause.to_string())) {
                ExitCode::from(CONFIGURATION)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// The name of the process that runs all services.
pub const STANDALONE: &str = "standalone";

/// The name of the binary that runs a service, or all of them.
fn program(service: &str) -> String {
    match service {
        STANDALONE => "comptoir".to_owned(),
        service => format!("comptoir-{service}"),
    }
}

/// Whether an error's text begins with a setting, as all errors about settings do.
fn names_setting(text: &str) -> bool {
    let name = text.split([':', ' ']).next().unwrap_or_default();
    let prefixes = ["COMPTOIR_", "AWS_", "TWILIO_", "STRIPE_", "OTEL_"];
    let servers = ["DATABASE_URL", "MONGODB_URI", "KAFKA_BROKERS", "REDIS_URL"];
    prefixes.iter().any(|prefix| name.starts_with(prefix)) || servers.contains(&name)
}

impl Process {
    /// Binds a port and listens on it; an error names the setting.
    pub fn bind(&self, address: SocketAddr, setting: &'static str) -> anyhow::Result<TcpListener> {
        self.take(address, setting)?.listen()
    }

    /// Binds a port whose service is not ready: clients are refused rather than left waiting.
    pub fn take(&self, address: SocketAddr, setting: &'static str) -> anyhow::Result<Port> {
        let bound = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            // The port is free as soon as the previous process has ended.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok::<_, std::io::Error>(socket)
        };
        let socket = bound().with_context(|| format!("{setting}: cannot listen on {address}"))?;
        Ok(Port { socket, setting })
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
        self.env.admin = listener.local_addr().ok();
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
                anyhow::bail!("a server ended unexpectedly");
            }
        }
        tracing::info!("draining; a second signal ends the process at once");
        self.ready.set(false);
        self.env.draining.cancel();
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
    #[command(name = "comptoir")]
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
            #[arg(long, env = "COMPTOIR_TEST_NUMBER", hide_env_values = true)]
            number: Option<u64>,
            #[arg(long, env = "COMPTOIR_TEST_PROFILE", value_enum)]
            profile: Option<Profile>,
        },
    }

    fn told(arguments: &[&str]) -> Option<String> {
        let all = ["comptoir", "up"].iter().chain(arguments);
        let error = Settings::try_parse_from(all).err().expect("a refusal");
        wrong_value(&built(Settings::command()), &error)
    }

    #[test]
    fn a_wrong_value_is_told_in_a_line_that_names_the_variable() {
        assert_eq!(
            told(&["--limit", "x"]).as_deref(),
            Some(r#"COMPTOIR_TEST_LIMIT (--limit): invalid value "x": invalid digit found in string"#)
        );
        assert_eq!(
            told(&["--number", "hunter2"]).as_deref(),
            Some("COMPTOIR_TEST_NUMBER (--number): invalid value: invalid digit found in string")
        );
        assert_eq!(
            told(&["--profile", "staging"]).as_deref(),
            Some(
                r#"COMPTOIR_TEST_PROFILE (--profile): invalid value "staging": it is one of development, production"#
            )
        );
        assert_eq!(told(&["--unheard-of"]), None);
        let right = Settings::try_parse_from(["comptoir", "up", "--limit", "5"]).ok();
        assert!(matches!(
            right,
            Some(Settings {
                command: Command::Up { limit: Some(5), .. }
            })
        ));
    }
}
