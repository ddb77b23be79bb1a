//! Whole public answers, by the request that they answer. A hit parses nothing.
//!
//! Equal requests at one time are loaded once (single flight). A load that began before an invalidation gets no new waiters
//! after it.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_mesh::context;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use super::{Age, MemoryCache, SharedCache, SharedMark};
use crate::problem::Problem;

/// A load in flight.
type Load = Shared<BoxFuture<'static, Result<Bytes, Problem>>>;

/// Public answers, in memory and in the cache that gateways share.
pub(crate) struct Responses {
    memory: Arc<MemoryCache>,
    shared: Option<Arc<SharedCache>>,
    in_flight: Arc<Mutex<InFlight>>,
}

/// The loads in flight, by key. The number distinguishes a load from an earlier one of the same key.
#[derive(Default)]
struct InFlight {
    last: u64,
    loads: HashMap<Bytes, (u64, Load)>,
}

/// An answer that was loaded.
pub(crate) struct Loaded {
    pub(crate) body: Bytes,
    /// The tags to store it under; `None` where it must not be stored.
    pub(crate) tags: Option<BTreeSet<String>>,
}

impl Responses {
    pub(crate) fn new(memory: Arc<MemoryCache>, shared: Option<Arc<SharedCache>>) -> Self {
        Self {
            memory,
            shared,
            in_flight: Arc::default(),
        }
    }

    /// Returns the stored answer, and whether this caller has to load it again. Of the callers that get an old answer, only
    /// one has to.
    pub(crate) fn find(&self, key: &[u8]) -> Option<(Bytes, bool)> {
        let (answer, age) = self.memory.get(key)?;
        let outcome = if age == Age::Fresh { "hit" } else { "stale" };
        metrics::counter!("cache_requests_total", "cache" => "response", "outcome" => outcome).increment(1);
        Some((answer, age == Age::Due))
    }

    /// Waits for the load in flight for `key`, or starts `load`. The load continues if its caller is dropped. The answer is
    /// stored unless one of its tags was invalidated meanwhile.
    pub(crate) async fn load<F>(self: &Arc<Self>, key: &Bytes, load: F) -> Result<Bytes, Problem>
    where
        F: Future<Output = Result<Loaded, Problem>> + Send + 'static,
    {
        self.single_flight(key, self.clone().load_and_store(key.clone(), load))
            .await
    }

    async fn load_and_store<F>(self: Arc<Self>, key: Bytes, load: F) -> Result<Bytes, Problem>
    where
        F: Future<Output = Result<Loaded, Problem>> + Send + 'static,
    {
        let mark = self.memory.mark();
        let shared_mark = match self.find_shared(&key).await {
            Ok(found) => return Ok(found),
            Err(mark) => mark,
        };
        let Loaded { body, tags } = load.await?;
        if let Some(tags) = tags {
            self.store(mark, shared_mark, key, &body, tags);
        }
        Ok(body)
    }

    /// Returns an answer that another gateway stored, and stores it here too. Otherwise returns the mark to store the answer
    /// with.
    async fn find_shared(&self, key: &Bytes) -> Result<Bytes, Option<SharedMark>> {
        let Some(shared) = &self.shared else {
            return Err(None);
        };
        let Some((found, mark)) = shared.get(&[key]).await else {
            return Err(None);
        };
        let Some(entry) = found.into_iter().next().flatten() else {
            return Err(Some(mark));
        };
        metrics::counter!("cache_requests_total", "cache" => "shared", "outcome" => "hit").increment(1);
        let mark = self.memory.mark_of(entry.age);
        self.memory.put(mark, key, entry.value.clone(), &entry.tags);
        Ok(entry.value)
    }

    /// Stores an answer that was read after both marks were taken. The write to Redis runs in the background.
    fn store(
        &self,
        mark: u64,
        shared_mark: Option<SharedMark>,
        key: Bytes,
        answer: &Bytes,
        tags: BTreeSet<String>,
    ) {
        self.memory.put(mark, &key, answer.clone(), &tags);
        if let (Some(shared), Some(mark)) = (self.shared.clone(), shared_mark) {
            let answer = answer.clone();
            tokio::spawn(async move { shared.put(&mark, &key, &answer, &tags).await });
        }
    }

    async fn single_flight<F>(&self, key: &Bytes, load: F) -> Result<Bytes, Problem>
    where
        F: Future<Output = Result<Bytes, Problem>> + Send + 'static,
    {
        let load = {
            let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
            match in_flight.loads.get(key) {
                Some((_, load)) => load.clone(),
                None => self.start(&mut in_flight, key, load),
            }
        };
        load.await
    }

    fn start<F>(&self, in_flight: &mut InFlight, key: &Bytes, load: F) -> Load
    where
        F: Future<Output = Result<Bytes, Problem>> + Send + 'static,
    {
        in_flight.last += 1;
        let number = in_flight.last;
        let key = Bytes::copy_from_slice(key);
        let (shared, finished) = (self.in_flight.clone(), key.clone());
        let task = context::spawn(async move {
            let answer = std::panic::AssertUnwindSafe(load).catch_unwind().await;
            let mut in_flight = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if in_flight
                .loads
                .get(&finished)
                .is_some_and(|(running, _)| *running == number)
            {
                in_flight.loads.remove(&finished);
            }
            answer
        });
        let failed = || {
            Problem::from(Error::internal(anyhow::anyhow!(
                "the load of a shared answer panicked"
            )))
        };
        let load = async move {
            task.await
                .ok()
                .and_then(Result::ok)
                .unwrap_or_else(|| Err(failed()))
        }
        .boxed()
        .shared();
        in_flight.loads.insert(key, (number, load.clone()));
        load
    }

    /// Removes answers with one of the tags. Loads in flight get no new waiters, and are not stored under these tags.
    pub(crate) fn invalidate(&self, tags: &BTreeSet<String>) {
        self.memory.invalidate(tags);
        self.detach();
    }

    /// Removes all answers. Loads in flight get no new waiters, and are not stored.
    pub(crate) fn clear(&self) {
        self.memory.clear();
        self.detach();
    }

    /// Removes expired answers.
    pub(crate) fn sweep(&self) {
        self.memory.sweep();
    }

    fn detach(&self) {
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .loads
            .clear();
    }
}
