//! The environment of the services in a process.

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use comptoir_shop::Shop;

use crate::{
    clock::{Clock, SystemClock},
    config::{Common, Profile, Secret, Servers},
    context::{self, Context},
    identity::Verifier,
    ids::Ids,
};

/// Time, randomness, settings and life cycle: passed in, not global.
#[derive(Clone)]
pub struct Env {
    /// Development or production.
    pub profile: Profile,
    /// Whether sandbox payments are taken.
    pub sandbox_payments: bool,
    /// Most entries of a page of any list; 0 is no limit.
    pub limit_list: u32,
    /// The time that calls to the services may take.
    pub calls: CallLimits,
    /// The folder of the embedded stores.
    pub data: PathBuf,
    /// The address of metrics and probes, once that port is open.
    pub admin: Option<SocketAddr>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and secrets.
    pub ids: Ids,
    /// Cancelled when the process begins to drain: calls are still served, but it reports that it is not ready.
    pub draining: CancellationToken,
    /// Cancelled a while later: background loops end, new calls are refused, running ones continue.
    pub shutdown: CancellationToken,
    /// Background tasks.
    pub tasks: Tasks,
    /// Verifies access tokens.
    pub verifier: Arc<Verifier>,
    /// The shop's settings.
    pub shop: Arc<Shop>,
    /// The servers that services share.
    pub servers: Servers,
}

impl Env {
    /// The environment of a process with these settings.
    pub fn new(common: &Common) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let shutdown = CancellationToken::new();
        Ok(Self {
            profile: common.profile,
            sandbox_payments: common.profile == Profile::Development || common.sandbox_payments,
            limit_list: common.limit_list,
            calls: CallLimits {
                longest: common.limit_call,
                idle: common.limit_call_idle,
            },
            data: common.data.clone(),
            admin: None,
            ids: Ids::new(clock.clone()),
            draining: shutdown.child_token(),
            shutdown,
            tasks: Tasks::default(),
            verifier: Arc::new(Verifier::new(clock.clone())),
            shop: Arc::new(Shop::load(common.shop_file.as_deref())?),
            servers: common.servers.clone(),
            clock,
        })
    }

    /// Where a service's store is: in its own setting, else on the shared server of its kind, else in a SQLite file in
    /// the data folder. A URL of another kind is an error that names the setting.
    pub fn store(&self, service: &str, setting: Option<&str>, server: Server) -> anyhow::Result<Store> {
        let own = format!("COMPTOIR_{}_STORE", service.to_uppercase());
        let (variable, shared) = match server {
            Server::Postgres => ("DATABASE_URL", &self.servers.database_url),
            Server::Mongo => ("MONGODB_URI", &self.servers.mongodb_uri),
        };
        let (setting, url) = match (setting, shared) {
            (Some(url), _) => (own, url),
            (None, Some(url)) => (variable.to_owned(), url.reveal()),
            (None, None) => {
                let file = self.data.join(format!("{service}.db"));
                return Ok(Store::Sqlite(file.to_string_lossy().into_owned()));
            }
        };
        let database = format!("comptoir_{service}");
        // Without a scheme the rest may be a user and password.
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        match (scheme, server) {
            ("sqlite", _) if setting != variable => Ok(Store::Sqlite(url.to_owned())),
            ("postgres" | "postgresql", Server::Postgres) | ("mongodb" | "mongodb+srv", Server::Mongo) => {
                Ok(Store::Server(ServerUrl {
                    url: Secret::new(url),
                    // The shared variable's database, if it names one, is where its user logs in.
                    database: (setting == variable).then_some(database.clone()),
                    default_database: database,
                    setting,
                }))
            }
            _ => {
                let wanted = match server {
                    Server::Postgres => "postgres://HOST/DATABASE",
                    Server::Mongo => "mongodb://HOST",
                };
                let file = if setting == variable {
                    ""
                } else {
                    "sqlite://PATH or "
                };
                anyhow::bail!("{setting}: {file}{wanted} is needed, not {scheme:?}")
            }
        }
    }
}

/// The time that calls to the services may take; zero is no limit.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// Until a call is answered, however long its caller would wait.
    pub longest: Duration,
    /// Between two messages of a stream that a caller sends, and until a connection that is silent is looked after.
    pub idle: Duration,
}

impl Default for CallLimits {
    /// The defaults of the settings.
    fn default() -> Self {
        Self {
            longest: Duration::from_secs(60),
            idle: Duration::from_secs(30),
        }
    }
}

/// The kind of server that a service's store can be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// PostgreSQL.
    Postgres,
    /// MongoDB.
    Mongo,
}

/// Where a store is.
#[derive(Debug, Clone)]
pub enum Store {
    /// A file, as a path or `sqlite://PATH`.
    Sqlite(String),
    /// A server of the kind that was asked for.
    Server(ServerUrl),
}

/// A server's URL, with the setting that it comes from.
#[derive(Debug, Clone)]
pub struct ServerUrl {
    /// It may hold a password.
    pub url: Secret,
    /// The setting to name when something is wrong with it.
    pub setting: String,
    /// MongoDB: the database, whatever the URL says.
    pub database: Option<String>,
    /// MongoDB: the database where the URL names none.
    pub default_database: String,
}

/// Tasks that outlive the call that began them.
#[derive(Clone, Default, Debug)]
pub struct Tasks {
    tracked: TaskTracker,
}

impl Tasks {
    /// Spawns a loop that ends when `Env::shutdown` is cancelled. A panic is logged.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let task = self
            .tracked
            .spawn(context::scope(Context::background(name), task));
        tokio::spawn(async move {
            if let Err(error) = task.await
                && error.is_panic()
            {
                tracing::error!(task = name, "a background task panicked and is gone");
            }
        });
    }

    /// Spawns a multi-step write: it runs to its end even if its caller disconnects, keeps the caller's trace, and has
    /// no deadline of the caller. The drain waits for it.
    pub fn spawn_tracked<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let context = Context {
            deadline: None,
            ..context::current()
        };
        self.tracked.spawn(context::scope(context, task))
    }

    /// Waits until every task has ended.
    pub async fn finished(&self) {
        self.tracked.close();
        self.tracked.wait().await;
    }
}
