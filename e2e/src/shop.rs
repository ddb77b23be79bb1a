//! A shop: the real binary, its folder, and calls to it.

use std::{ops::Deref, path::Path, sync::Arc, time::Duration};

use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::{
    calls::{ADMIN_EMAIL, ADMIN_PASSWORD, Calls},
    process::{self, START, free_port},
};

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
    fn free() -> Self {
        Self {
            http: free_port(),
            grpc: std::array::from_fn(|_| free_port()),
            admin: free_port(),
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

    /// Waits until the process has died; returns whether it did in time.
    pub async fn died(&mut self, within: Duration) -> bool {
        timeout(within, self.child.wait()).await.is_ok()
    }

    /// Ends the process by SIGTERM; returns its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let _ = Command::new("kill").arg(self.pid().to_string()).status().await;
        timeout(START, self.child.wait())
            .await
            .expect("it drains")
            .expect("it ends")
            .code()
    }

    /// Starts it again on its folder and ports, with more settings.
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

/// Polls until `look` returns a value; panics with `what` if it does not within `limit`.
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
    let mut command = process::command("comptoir");
    command
        .args(["up", "--no-demo"])
        .env("COMPTOIR_DATA", folder.join("data"))
        .env("COMPTOIR_HTTP_ADDR", address(ports.http))
        .env("COMPTOIR_ADMIN_ADDR", address(ports.admin))
        .env("COMPTOIR_ADMIN_EMAIL", ADMIN_EMAIL)
        .env("COMPTOIR_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .env("COMPTOIR_LIMIT_REQUESTS_ADDRESS", "0")
        .env("COMPTOIR_LIMIT_REQUESTS_USER", "0")
        .env("COMPTOIR_LIMIT_MAILS_UNCONFIRMED", "0")
        .env("COMPTOIR_DRAIN_DELAY", "0")
        // Machines that run tests stall for seconds. Tests of this limit set it.
        .env("COMPTOIR_LIMIT_REQUEST", "40")
        .envs(settings.iter().map(|(name, value)| (name, value)));
    for (service, port) in ["AUTH", "CATALOG", "ORDERS", "NOTIFIER"]
        .into_iter()
        .zip(ports.grpc)
    {
        command.env(format!("COMPTOIR_{service}_ADDR"), address(port));
    }
    // The log of a shop stays in its folder: a failing test prints the tail.
    process::launch(command, &folder.join("log")).await
}
