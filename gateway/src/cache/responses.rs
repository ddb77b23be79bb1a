//! Whole public answers, by the exact bytes of the request's body: a hit parses nothing.
//!
//! Loads of one key at a time: whoever asks meanwhile waits for the same answer. A load that began before an invalidation
//! gets no new waiters after it.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_mesh::context;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use super::{SharedCache, Tagged, Ticket};
use crate::problem::Problem;

type Flight = Shared<BoxFuture<'static, Result<Bytes, Problem>>>;

pub(crate) struct Responses {
    pub(crate) kept: Arc<Tagged>,
    /// What other gateways read.
    pub(crate) shared: Option<Arc<SharedCache>>,
    flights: Arc<Mutex<Flights>>,
}

#[derive(Default)]
struct Flights {
    next: u64,
    running: HashMap<Bytes, (u64, Flight)>,
}

impl Responses {
    pub(crate) fn new(kept: Arc<Tagged>, shared: Option<Arc<SharedCache>>) -> Self {
        Self {
            kept,
            shared,
            flights: Arc::default(),
        }
    }

    /// The answer that another gateway keeps, which then is kept here too; else the ticket to store the answer with.
    pub(crate) async fn find_at_others(&self, key: &Bytes) -> Result<Bytes, Option<Ticket>> {
        let Some(shared) = &self.shared else {
            return Err(None);
        };
        let Some((found, ticket)) = shared.get(&[key]).await else {
            return Err(None);
        };
        let Some(entry) = found.into_iter().next().flatten() else {
            return Err(Some(ticket));
        };
        metrics::counter!("cache_requests_total", "cache" => "shared", "outcome" => "hit").increment(1);
        let mark = self.kept.mark_of(entry.age);
        self.kept.put(mark, key, entry.value.clone(), &entry.tags);
        Ok(entry.value)
    }

    /// Keeps an answer that was read since `mark` and `ticket`. Nobody waits for Redis to have it.
    pub(crate) fn keep(
        &self,
        mark: u64,
        ticket: Option<Ticket>,
        key: &Bytes,
        answer: &Bytes,
        tags: &BTreeSet<String>,
    ) {
        self.kept.put(mark, key, answer.clone(), tags);
        if let (Some(shared), Some(ticket)) = (self.shared.clone(), ticket) {
            let (key, answer, tags) = (key.clone(), answer.clone(), tags.clone());
            tokio::spawn(async move { shared.put(&ticket, &key, &answer, &tags).await });
        }
    }

    /// The answer of the load that runs for `key`, or of `load`, which goes on though its caller goes away.
    pub(crate) async fn once<F>(&self, key: &Bytes, load: F) -> Result<Bytes, Problem>
    where
        F: Future<Output = Result<Bytes, Problem>> + Send + 'static,
    {
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            match flights.running.get(key) {
                Some((_, flight)) => flight.clone(),
                None => self.take_off(&mut flights, key, load),
            }
        };
        flight.await
    }

    fn take_off<F>(&self, flights: &mut Flights, key: &Bytes, load: F) -> Flight
    where
        F: Future<Output = Result<Bytes, Problem>> + Send + 'static,
    {
        flights.next += 1;
        let number = flights.next;
        let key = Bytes::copy_from_slice(key);
        let (shared, landed) = (self.flights.clone(), key.clone());
        let task = context::spawn(async move {
            let answer = std::panic::AssertUnwindSafe(load).catch_unwind().await;
            let mut flights = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if flights
                .running
                .get(&landed)
                .is_some_and(|(running, _)| *running == number)
            {
                flights.running.remove(&landed);
            }
            answer
        });
        let failed = || {
            Problem::from(Error::internal(anyhow::anyhow!(
                "the load of a shared answer panicked"
            )))
        };
        let flight = async move {
            task.await
                .ok()
                .and_then(Result::ok)
                .unwrap_or_else(|| Err(failed()))
        }
        .boxed()
        .shared();
        flights.running.insert(key, (number, flight.clone()));
        flight
    }

    /// Lets loads that run end without anybody joining them from now on.
    pub(crate) fn detach(&self) {
        self.flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .running
            .clear();
    }
}
