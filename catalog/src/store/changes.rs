//! What was committed, told within the process: to the caches before the step's caller hears of it, to the search index
//! right after. What another process committed is told as soon as it is heard of.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::broadcast;

/// How many changes a slow listener may be behind before it has to read the store again.
const BACKLOG: usize = 16 * 1024;

/// A committed change. A listener reads the store for what it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A product was made or its content changed.
    Product(String),
    /// A product is gone.
    ProductDeleted(String),
    /// Units of a product's variants came, went, or are held otherwise.
    Stock(String),
    /// The tree changed.
    Categories,
    /// Anything may have changed: what other processes did was not heard of for too long.
    Everything,
}

type Hook = Arc<dyn Fn(&Change) + Send + Sync>;

/// The commits of this process, and of those that share its store.
#[derive(Clone)]
pub struct Changes {
    sender: broadcast::Sender<Change>,
    hooks: Arc<RwLock<Vec<Hook>>>,
}

impl Changes {
    /// Nobody listens yet.
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
            hooks: Arc::default(),
        }
    }

    /// Changes from now on. One who lags behind reads the store again.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }

    /// Calls `hook` after each commit, before the step's caller gets its answer; it must be quick.
    pub fn before_answer(&self, hook: impl Fn(&Change) + Send + Sync + 'static) {
        self.hooks
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(hook));
    }

    /// Tells the changes of a commit.
    pub(crate) fn tell(&self, changes: Vec<Change>) {
        let hooks = self.hooks.read().unwrap_or_else(PoisonError::into_inner).clone();
        for change in changes {
            for hook in &hooks {
                hook(&change);
            }
            // Nobody listening is no failure.
            let _ = self.sender.send(change);
        }
    }
}
