//! The faults, and their repair.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use comptoir_e2e::{
    cluster::{Cluster, Name},
    databases::ask_redis,
    skip,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::Command,
    time::sleep,
};

/// How long a process is down before it is restarted, as by a supervisor.
const AWAY: Duration = Duration::from_secs(2);
/// How long Redis swallows everything.
const HOLE: Duration = Duration::from_secs(10);

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A process is killed by SIGKILL, and started again.
    Kill(Name),
    /// A server ends and is started again after this time.
    Restart(&'static str, Duration),
    /// Redis forgets everything.
    Flush,
    /// Redis accepts requests and does not answer.
    BlackHole,
}

impl Fault {
    /// How many processes died that may have sent a mail without recording it.
    pub(crate) fn crashes_of_notifier(self) -> usize {
        usize::from(self == Self::Kill(Name::Notifier))
    }

    /// Causes the fault, and repairs it.
    pub(crate) async fn happen(self, cluster: &mut Cluster, servers: Option<&Control>, redis: &Proxy) {
        match self {
            Self::Kill(name) => {
                cluster.kill(name, 0).await;
                sleep(AWAY).await;
                cluster.revive(name, 0).await;
            }
            Self::Restart(server, away) => {
                let control = servers.expect("it was asked for before");
                control.call(server, "stop").await;
                sleep(away).await;
                control.call(server, "start").await;
            }
            Self::Flush => ask_redis(&redis.url, "FLUSHALL").await.expect("Redis answers"),
            Self::BlackHole => {
                redis.swallows.store(true, Ordering::Relaxed);
                sleep(HOLE).await;
                redis.swallows.store(false, Ordering::Relaxed);
            }
        }
    }
}

/// Starts and stops the servers: a folder with a program for each, which takes `start` or `stop`.
pub(crate) struct Control(PathBuf);

impl Control {
    /// The folder that `COMPTOIR_TEST_SERVERS` names; `None`, with a note on the test's output, without it.
    pub(crate) fn of_environment(test: &str) -> Option<Self> {
        let folder = std::env::var_os("COMPTOIR_TEST_SERVERS");
        if folder.is_none() {
            skip(
                test,
                "COMPTOIR_TEST_SERVERS is not set, a folder of programs that start and stop a server",
            );
        }
        folder.map(|folder| Self(folder.into()))
    }

    async fn call(&self, server: &str, what: &str) {
        let output = Command::new(self.0.join(server))
            .arg(what)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{server} {what}: {output:?}");
    }
}

/// A proxy of Redis that can swallow everything.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// The address of this end.
    pub(crate) url: String,
    server: String,
    swallows: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens in front of `redis://HOST:PORT`.
    pub(crate) async fn start(url: &str) -> Self {
        let server = url
            .trim_start_matches("redis://")
            .trim_end_matches('/')
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            url: format!("redis://{}", listener.local_addr().unwrap()),
            server,
            swallows: Arc::default(),
        };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let proxy = serving.clone();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(&proxy.server).await else {
                        return;
                    };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::select! {
                        () = proxy.clone().pass(from_client, to_server) => {}
                        () = proxy.pass(from_server, to_client) => {}
                    }
                });
            }
        });
        proxy
    }

    async fn pass(self, mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            // Swallowed bytes are not sent later either.
            if !self.swallows.load(Ordering::Relaxed) && to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }
}
