//! Reports commits within the process: to the caches before the step's caller has its answer, to the search index right
//! after. A commit of another process is reported as soon as this process learns of it.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::broadcast;

/// How many changes a slow listener may be behind before it has to read the store again.
const BACKLOG: usize = 16 * 1024;

/// A committed change. A listener reads the present state from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A product was created or its content changed.
    Product(String),
    /// A product was deleted.
    ProductDeleted(String),
    /// The units on hand or reserved of a product's variants changed.
    Stock(String),
    /// The tree of categories changed.
    Categories,
    /// Anything may have changed: this process learned nothing of the others for too long.
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
    /// Without listeners.
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
            hooks: Arc::default(),
        }
    }

    /// Receives the changes from now on. A listener that lags behind reads the whole store.
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

    /// Reports the changes of a commit.
    pub(crate) fn report(&self, changes: Vec<Change>) {
        let hooks = self.hooks.read().unwrap_or_else(PoisonError::into_inner).clone();
        for change in changes {
            for hook in &hooks {
                hook(&change);
            }
            // It is no failure when there is no listener.
            let _ = self.sender.send(change);
        }
    }
}
