//! Keeping up with the store: everything once, then what changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use comptoir_mesh::{Env, Error};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::Index;
use super::document::Document;
use super::state::State;
use crate::domain::Product;
use crate::store::{Change, Store};

/// Products read from the store at once.
const PAGE: usize = 200;
/// Changes taken in one go: those of one product that come close together are one read.
const BATCH: usize = 400;
/// Between two goes: a product that sells well changes many times a second, and is read once for all of them.
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait when the store could not be read.
const RETRY: Duration = Duration::from_millis(500);

impl Index {
    /// The index of what the store holds, which from now on follows it. `at_once` callers search it while `queue` wait.
    pub async fn start(
        store: Arc<dyn Store>,
        env: &Env,
        at_once: usize,
        queue: usize,
    ) -> Result<Self, Error> {
        // Listening begins before reading, so that nothing falls between.
        let mut changes = store.changes().subscribe();
        let index = Self::new(at_once, queue);
        index.rebuild(&*store).await?;
        let (follower, shutdown) = (index.clone(), env.shutdown.clone());
        env.tasks.spawn("search", async move {
            let following = follower.follow(&*store, &mut changes);
            shutdown.run_until_cancelled(following).await;
        });
        Ok(index)
    }

    /// Reads the whole store beside what is being searched, then takes its place.
    async fn rebuild(&self, store: &dyn Store) -> Result<(), Error> {
        let started = std::time::Instant::now();
        let mut state = State::default();
        state.set_categories(&store.categories().await?);
        let mut after: Option<String> = None;
        loop {
            let products = store.all_products(after.as_deref(), PAGE).await?;
            let Some(last) = products.last() else { break };
            after = Some(last.id.clone());
            state = prepare(move || {
                products
                    .iter()
                    .filter(|product| product.is_active())
                    .for_each(|product| state.put(&product.into()));
                state
            })
            .await?;
        }
        let index = self.clone();
        let products = prepare(move || {
            let products = state.len();
            index.swap(state);
            products
        })
        .await?;
        let milliseconds = started.elapsed().as_millis() as u64;
        tracing::debug!(
            search.products = products,
            search.milliseconds = milliseconds,
            "search index built"
        );
        Ok(())
    }

    async fn follow(&self, store: &dyn Store, changes: &mut Receiver<Change>) {
        while let Some(batch) = Batch::next(changes).await {
            while let Err(error) = self.take(store, &batch).await {
                tracing::warn!(error.cause = %error, "the search index waits for the store");
                tokio::time::sleep(RETRY).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Reads what changed and takes it in. Repeating it does no harm.
    async fn take(&self, store: &dyn Store, batch: &Batch) -> Result<(), Error> {
        if batch.missed {
            return self.rebuild(store).await;
        }
        if batch.categories {
            let (index, categories) = (self.clone(), store.categories().await?);
            prepare(move || index.set_categories(&categories)).await?;
        }
        let ids: Vec<String> = batch.products.iter().cloned().collect();
        for ids in ids.chunks(PAGE) {
            let found = store.products(ids).await?;
            let active: BTreeSet<String> = found
                .iter()
                .filter(|product| product.is_active())
                .map(|product| product.id.clone())
                .collect();
            let gone: Vec<String> = ids.iter().filter(|id| !active.contains(*id)).cloned().collect();
            let index = self.clone();
            prepare(move || {
                let active = found.iter().filter(|product| product.is_active());
                let documents: Vec<Document> = active.map(|product: &Product| product.into()).collect();
                index.apply(&documents, &gone);
            })
            .await?;
        }
        Ok(())
    }
}

/// Changes to take in together.
#[derive(Debug, Default)]
struct Batch {
    products: BTreeSet<String>,
    categories: bool,
    /// Some were missed: only the whole store will do.
    missed: bool,
}

impl Batch {
    /// Waits for a change, and takes those that have come meanwhile along. None when there will be no more.
    async fn next(changes: &mut Receiver<Change>) -> Option<Self> {
        let mut batch = Self::default();
        match changes.recv().await {
            Ok(change) => batch.add(change),
            Err(RecvError::Lagged(_)) => batch.missed = true,
            Err(RecvError::Closed) => return None,
        }
        while batch.products.len() < BATCH {
            match changes.try_recv() {
                Ok(change) => batch.add(change),
                Err(TryRecvError::Lagged(_)) => batch.missed = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        Some(batch)
    }

    fn add(&mut self, change: Change) {
        match change {
            Change::Product(id) | Change::ProductDeleted(id) | Change::Stock(id) => {
                self.products.insert(id);
            }
            Change::Categories => self.categories = true,
            Change::Everything => self.missed = true,
        }
    }
}

/// Runs work of many milliseconds, or that waits for searches to end, where it does not keep calls waiting.
async fn prepare<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}
