//! A shop: the real binary, its folder, and calls to it.

use std::{
    net::TcpListener,
    ops::Deref,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::calls::Calls;

/// The administrator of every shop of the tests.
pub const ADMIN_EMAIL: &str = "admin@shop.example";
/// The administrator's password.
pub const ADMIN_PASSWORD: &str = "correct horse battery staple";

/// The servers that the environment may name for other tests: `comptoir up` is tested on embedded stores.
pub const SERVERS: [&str; 7] = [
    "DATABASE_URL",
    "MONGODB_URI",
    "KAFKA_BROKERS",
    "REDIS_URL",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "STRIPE_MOCK_URL",
];

/// Longer than any start takes on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A running `comptoir up`; killed when dropped.
pub struct Shop {
    child: Child,
    folder: Arc<tempfile::TempDir>,
    settings: Vec<(String, String)>,
    ports: Ports,
    calls: Calls,
}

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// GraphQL and REST.
    pub http: u16,
    /// gRPC of auth, catalog, orders, notifier.
    pub grpc: [u16; 4],
    /// `/livez`, `/readyz`, `/metrics`.
    pub admin: u16,
}

impl Ports {
    /// Ports that were free a moment ago.
    fn free() -> Self {
        let listeners: Vec<TcpListener> = (0..6)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        let port = |n: usize| listeners[n].local_addr().expect("an address").port();
        Self {
            http: port(0),
            grpc: [port(1), port(2), port(3), port(4)],
            admin: port(5),
        }
    }
}

impl Shop {
    /// An empty shop without limits on the number of requests, on a new folder.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// As [`Self::start`], with further settings.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_on(Arc::new(tempfile::tempdir().expect("a folder")), settings).await
    }

    /// As [`Self::start_with`], on a folder that may have been used before.
    pub async fn start_on(folder: Arc<tempfile::TempDir>, settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let ports = Ports::free();
        let child = spawn(folder.path(), &settings, ports)
            .await
            .expect("the shop starts");
        Self {
            child,
            folder,
            settings,
            ports,
            calls: Calls::to(ports.http),
        }
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Its data folder.
    pub fn folder(&self) -> Arc<tempfile::TempDir> {
        self.folder.clone()
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the process was not waited for")
    }

    /// Kills the process as a power cut would.
    pub async fn kill(&mut self) {
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
    }

    /// Waits until the process has ended by itself; whether it did in time.
    pub async fn died(&mut self, within: Duration) -> bool {
        timeout(within, self.child.wait()).await.is_ok()
    }

    /// Ends the process by SIGTERM; gives its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let _ = Command::new("kill").arg(self.pid().to_string()).status().await;
        timeout(START, self.child.wait())
            .await
            .expect("it drains")
            .expect("it ends")
            .code()
    }

    /// Starts it again on its folder and ports, with other settings beside its own.
    pub async fn restart(&mut self, settings: &[(&str, &str)]) {
        self.kill().await;
        let mut all = self.settings.clone();
        all.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        self.child = spawn(self.folder.path(), &all, self.ports)
            .await
            .expect("the shop starts again");
    }
}

impl Deref for Shop {
    type Target = Calls;

    fn deref(&self) -> &Calls {
        &self.calls
    }
}

/// Polls until `look` gives something; panics with `what` when it does not within `limit`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn spawn(folder: &Path, settings: &[(String, String)], ports: Ports) -> anyhow::Result<Child> {
    let address = |port: u16| format!("127.0.0.1:{port}");
    let mut command = Command::new(binary());
    SERVERS.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
        .args(["up", "--no-demo"])
        .env("COMPTOIR_DATA", folder.join("data"))
        .env("COMPTOIR_HTTP_ADDR", address(ports.http))
        .env("COMPTOIR_ADMIN_ADDR", address(ports.admin))
        .env("COMPTOIR_ADMIN_EMAIL", ADMIN_EMAIL)
        .env("COMPTOIR_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .env("COMPTOIR_LIMIT_REQUESTS_ADDRESS", "0")
        .env("COMPTOIR_LIMIT_REQUESTS_USER", "0")
        .env("COMPTOIR_DRAIN_DELAY", "0")
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    for (service, port) in ["AUTH", "CATALOG", "ORDERS", "NOTIFIER"]
        .into_iter()
        .zip(ports.grpc)
    {
        command.env(format!("COMPTOIR_{service}_ADDR"), address(port));
    }
    // The log of a shop stays in its folder: a failing test prints the tail.
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"))?;
    let mut child = command.stderr(log).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let ready = timeout(START, lines.next_line()).await;
    match ready {
        Ok(Ok(Some(line))) if line.starts_with("ready http://") => Ok(child),
        other => {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            anyhow::bail!("no ready line but {other:?}; the log ends: {tail:#?}")
        }
    }
}

/// The binary under test: `COMPTOIR_BIN`, or what the same build put beside the tests.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("COMPTOIR_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a path");
    let path = test
        .parent()
        .and_then(Path::parent)
        .expect("target/PROFILE/deps")
        .join("comptoir");
    assert!(
        path.exists(),
        "{} is not there; run `make test`, or cargo build -p comptoir-standalone --features failpoints",
        path.display()
    );
    path
}
