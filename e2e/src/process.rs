//! Processes of the binaries under test.

use std::{
    fs::OpenOptions,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Longer than any start takes on a busy machine.
pub const START: Duration = Duration::from_secs(120);

/// The servers that the environment names for other tests. A process under test gets those it needs by its settings.
const SERVERS: [&str; 7] = [
    "DATABASE_URL",
    "MONGODB_URI",
    "KAFKA_BROKERS",
    "REDIS_URL",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "STRIPE_MOCK_URL",
];

/// A command that runs the binary of this name, without the servers of the environment. Its process is killed when dropped.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    for server in SERVERS {
        command.env_remove(server);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Starts a process whose log goes to a file, and waits for its `ready` line.
pub async fn launch(mut command: Command, log: &Path) -> anyhow::Result<Child> {
    let output = OpenOptions::new().create(true).append(true).open(log)?;
    let mut child = command.stdout(Stdio::piped()).stderr(output).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    match timeout(START, lines.next_line()).await {
        Ok(Ok(Some(line))) if line.starts_with("ready http://") => Ok(child),
        other => {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            anyhow::bail!("no ready line but {other:?}; the log ends: {tail:#?}")
        }
    }
}

/// A binary: beside `COMPTOIR_BIN`, the path of `comptoir`, if it is set; otherwise from the build of these tests.
pub fn binary(name: &str) -> PathBuf {
    let path = match std::env::var_os("COMPTOIR_BIN") {
        Some(path) if name == "comptoir" => path.into(),
        Some(path) => PathBuf::from(path).with_file_name(name),
        None => {
            let test = std::env::current_exe().expect("a path");
            let build = test.parent().and_then(Path::parent);
            build.expect("target/PROFILE/deps").join(name)
        }
    };
    assert!(
        path.exists(),
        "{} is not there; run `make test`, or cargo build --workspace --bins --features comptoir-standalone/failpoints",
        path.display()
    );
    path
}

/// A free port, which no other call of this process returns. It is below the range that the system takes the ports of
/// connections from: a connection could otherwise take it before the process under test does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    // Each test process begins at another port.
    let offset = u16::try_from(std::process::id() % u32::from(COUNT)).expect("less than COUNT");
    (0..COUNT)
        .map(|_| FIRST + (offset.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
