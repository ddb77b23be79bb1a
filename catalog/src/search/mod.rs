//! Search over the ACTIVE products, in memory, rebuilt from the store at start and kept up by its changes.
//!
//! # Reading order
//!
//! [`request`] (what is asked, checked) → [`query`] (one search) → [`filters`] and [`facets`] (who fails what, and what that
//! counts) → [`state`] (what there is: a [`dictionary`] of words, an [`entry`] of numbers from an [`interner`] for each
//! product, the tree of [`categories`], [`suggestions`]) ← [`document`] (a product made ready) ← [`follow`] (rebuild, then
//! change by change).
//!
//! A search runs in the [`pool`], beside the threads that serve calls, unless there are few products and no lock to wait for.
//!
//! Facets are exact because a search looks at every product its words find: one pass over small records of numbers, some
//! nanoseconds each. That is also why the inverted index is our own: it has to give products by those same numbers, and a
//! typo, a prefix and a field their worth.

mod categories;
mod cursor;
mod dictionary;
mod document;
mod entry;
mod facets;
mod filters;
mod follow;
mod interner;
mod pool;
mod query;
pub(crate) mod request;
mod sku;
mod state;
mod stem;
mod suggestions;
#[cfg(test)]
mod tests;
mod text;

use std::sync::{Arc, PoisonError, RwLock};

use comptoir_mesh::Error;
use document::Document;
use pool::Pool;
use query::{Found, Query};
use state::State;

use crate::domain::Category;

/// So many products are searched sooner than another thread takes over.
const FEW: usize = 1_000;

/// The index of one process. Cheap to clone; reads do not wait for a rebuild.
#[derive(Debug, Clone)]
pub struct Index {
    state: Arc<RwLock<State>>,
    pool: Arc<Pool>,
}

impl Index {
    /// An empty index that is searched by `at_once` callers while `queue` wait.
    fn new(at_once: usize, queue: usize) -> Self {
        Self {
            state: Arc::default(),
            pool: Arc::new(Pool::new(at_once, queue)),
        }
    }

    /// OVERLOADED when too many search already.
    pub(crate) async fn search(&self, query: Query) -> Result<Found, Error> {
        self.ask(move |state| state.search(&query)).await
    }

    /// Completions of what was typed: what begins with it, then the titles that a search for it finds. OVERLOADED when too many
    /// search already.
    pub(crate) async fn suggest(&self, typed: &str, limit: usize) -> Result<Vec<String>, Error> {
        let folded = text::fold(typed.trim_start());
        if folded.trim().is_empty() {
            return Ok(Vec::new());
        }
        self.ask(move |state| state.suggest(&folded, limit)).await
    }

    /// What `look` finds: at once in few products, else in the pool.
    async fn ask<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Error> {
        match self.look_at_few(look) {
            Ok(found) => Ok(found),
            Err(look) => {
                let index = self.clone();
                self.pool.run(move || index.read(look)).await
            }
        }
    }

    /// What `look` finds, or `look` itself where that would take long.
    fn look_at_few<T, L: FnOnce(&State) -> T>(&self, look: L) -> Result<T, L> {
        match self.state.try_read() {
            Ok(state) if state.len() <= FEW => Ok(look(&state)),
            _ => Err(look),
        }
    }

    /// Takes products in, and out those that are gone.
    fn apply(&self, documents: &[Document], gone: &[String]) {
        // Few at a time, so that no search waits for long.
        for documents in documents.chunks(16) {
            let mut state = self.write();
            documents.iter().for_each(|document| state.put(document));
        }
        for gone in gone.chunks(64) {
            let mut state = self.write();
            gone.iter().for_each(|id| state.remove(id));
        }
    }

    fn set_categories(&self, categories: &[Category]) {
        self.write().set_categories(categories);
    }

    /// Puts a state that was built beside in the place of this one.
    fn swap(&self, fresh: State) {
        let old = std::mem::replace(&mut *self.write(), fresh);
        // Outside the lock: it is large.
        drop(old);
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
