//! Whole public answers, by the exact bytes of the request's body: a hit parses nothing.
//!
//! Loads of one key at a time: whoever asks meanwhile waits for the same answer. A load that began before an invalidation
//! gets no new waiters after it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_mesh::context;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use super::Tagged;
use crate::problem::Problem;

type Flight = Shared<BoxFuture<'static, Result<Bytes, Problem>>>;

pub(crate) struct Responses {
    pub(crate) kept: Arc<Tagged>,
    flights: Arc<Mutex<Flights>>,
}

#[derive(Default)]
struct Flights {
    next: u64,
    running: HashMap<Bytes, (u64, Flight)>,
}

impl Responses {
    pub(crate) fn new(kept: Arc<Tagged>) -> Self {
        Self {
            kept,
            flights: Arc::default(),
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
