//! What a process gives to each service in it.

use std::{future::Future, path::PathBuf, sync::Arc};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::{Clock, SystemClock},
    config::{Common, Profile},
    context::{self, Context},
    identity::Verifier,
    ids::Ids,
    shop::Shop,
};

/// Time, randomness, settings and life cycle, passed in rather than global.
#[derive(Clone)]
pub struct Env {
    /// Development or production.
    pub profile: Profile,
    /// The folder of the embedded stores.
    pub data: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and secrets.
    pub ids: Ids,
    /// Cancelled when the process begins to drain: background loops end, calls go on.
    pub shutdown: CancellationToken,
    /// What runs beside the calls.
    pub tasks: Tasks,
    /// Verifies access tokens.
    pub verifier: Arc<Verifier>,
    /// The shop's settings.
    pub shop: Arc<Shop>,
}

impl Env {
    /// The environment of a process with these settings.
    pub fn new(common: &Common) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Self {
            profile: common.profile,
            data: common.data.clone(),
            ids: Ids::new(clock.clone()),
            shutdown: CancellationToken::new(),
            tasks: Tasks::default(),
            verifier: Arc::new(Verifier::new(clock.clone())),
            shop: Arc::new(Shop::load(common.shop_file.as_deref())?),
            clock,
        })
    }

    /// Where a service keeps its store: what its own setting says, else a SQLite file under the data folder. A kind of store
    /// that this build does not have is an error that names the setting.
    pub fn store(&self, service: &str, setting: Option<&str>) -> anyhow::Result<String> {
        let variable = format!("COMPTOIR_{}_STORE", service.to_uppercase());
        match setting {
            None => Ok(self
                .data
                .join(format!("{service}.db"))
                .to_string_lossy()
                .into_owned()),
            Some(url) if url.starts_with("sqlite://") => Ok(url.to_owned()),
            Some(url) => {
                let kind = url.split("://").next().unwrap_or_default();
                anyhow::bail!("{variable}: this build keeps its data in sqlite://PATH, not in {kind}://")
            }
        }
    }
}

/// Tasks that outlive the call that began them.
#[derive(Clone, Default, Debug)]
pub struct Tasks {
    tracked: TaskTracker,
}

impl Tasks {
    /// Spawns a loop that ends by itself when `Env::shutdown` is cancelled. Should it panic, the log says so.
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

    /// Spawns a multi-step write: it runs to its end though its caller goes away, keeps the caller's trace, and has no
    /// deadline but its own. The drain waits for it.
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
