//! Gathers single reads of one request into batches.
//!
//! The resolvers of a request run in one task. The first read opens a batch. The other reads of the same level join it while
//! the task is polled once more. The call is made when a poll added no read. A list of 100 therefore makes as many calls as
//! a list of 1, and no timer is involved. The waiting tasks drive the call, so the deadline, trace and token of the request
//! apply to it, and it is cancelled when no task waits for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, try_join_all};

use super::Failure;

/// The most ids that one call takes.
const CALL_LIMIT: usize = 100;

type Found<V> = Result<Arc<HashMap<String, V>>, Failure>;
type Load<V> =
    Arc<dyn Fn(Vec<String>) -> BoxFuture<'static, Result<Vec<(String, V)>, Failure>> + Send + Sync>;

/// Reads values by id, many at a time.
pub(crate) struct Batcher<V> {
    load: Load<V>,
    open: Mutex<Option<Batch<V>>>,
}

struct Batch<V> {
    requested: Arc<Mutex<Requested>>,
    found: Shared<BoxFuture<'static, Found<V>>>,
}

#[derive(Default)]
struct Requested {
    ids: BTreeSet<String>,
    joined: usize,
    closed: bool,
}

impl<V: Clone + Send + Sync + 'static> Batcher<V> {
    /// Creates a batcher over a call that takes up to 100 ids and leaves out unknown ones.
    pub(crate) fn new<F>(load: impl Fn(Vec<String>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Vec<(String, V)>, Failure>> + Send + 'static,
    {
        Self {
            load: Arc::new(move |ids| load(ids).boxed()),
            open: Mutex::default(),
        }
    }

    /// Returns the value of an id, or `None` if there is none.
    pub(crate) async fn one(&self, id: &str) -> Result<Option<V>, Failure> {
        let found = self.join(id).await?;
        Ok(found.get(id).cloned())
    }

    fn join(&self, id: &str) -> Shared<BoxFuture<'static, Found<V>>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = open.as_ref()
            && lock(&batch.requested).join(id)
        {
            return batch.found.clone();
        }
        let requested = Arc::new(Mutex::new(Requested::default()));
        lock(&requested).join(id);
        let found = run(self.load.clone(), requested.clone()).boxed().shared();
        *open = Some(Batch {
            requested,
            found: found.clone(),
        });
        found
    }
}

impl Requested {
    /// Adds an id to the batch. Returns false if the call was already made.
    fn join(&mut self, id: &str) -> bool {
        if !self.closed {
            self.ids.insert(id.to_owned());
            self.joined += 1;
        }
        !self.closed
    }
}

async fn run<V>(load: Load<V>, requested: Arc<Mutex<Requested>>) -> Found<V> {
    let mut joined = 0;
    loop {
        let now = lock(&requested).joined;
        if now == joined {
            break;
        }
        joined = now;
        tokio::task::yield_now().await;
    }
    let ids: Vec<String> = {
        let mut requested = lock(&requested);
        requested.closed = true;
        std::mem::take(&mut requested.ids).into_iter().collect()
    };
    let calls = ids.chunks(CALL_LIMIT).map(|ids| load(ids.to_vec()));
    let found = try_join_all(calls).await?;
    Ok(Arc::new(found.into_iter().flatten().collect()))
}

fn lock(requested: &Mutex<Requested>) -> std::sync::MutexGuard<'_, Requested> {
    requested.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn counting() -> (Batcher<usize>, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = calls.clone();
        let batcher = Batcher::new(move |ids: Vec<String>| {
            counter.fetch_add(1, Ordering::SeqCst);
            async move {
                Ok(ids
                    .into_iter()
                    .filter(|id| id != "none")
                    .map(|id| (id.clone(), id.len()))
                    .collect())
            }
        });
        (batcher, calls)
    }

    #[tokio::test]
    async fn a_level_makes_one_call() {
        let (batcher, calls) = counting();
        let ids: Vec<String> = (0..90).map(|id| "x".repeat(id % 30)).collect();
        let lengths = try_join_all(ids.iter().map(|id| batcher.one(id))).await.unwrap();
        assert_eq!(lengths[7], Some(7));
        assert_eq!(batcher.one("none").await.unwrap(), None);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn more_than_a_call_takes_is_split() {
        let (batcher, calls) = counting();
        let ids: Vec<String> = (0..250).map(|id| id.to_string()).collect();
        try_join_all(ids.iter().map(|id| batcher.one(id))).await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn one_that_stops_waiting_leaves_the_others_their_answer() {
        let (batcher, _) = counting();
        let mut first = Box::pin(batcher.one("first"));
        assert!(futures::poll!(&mut first).is_pending());
        let second = batcher.one("second");
        drop(first);
        assert_eq!(second.await.unwrap(), Some(6));
    }
}
