//! Moves orders: takes the lease on one, does the next work of its document, step by step, and releases the lease.
//!
//! Calls, the sweeper and the sandbox all use [`Engine::advance`]. Within a process an order has at most one run;
//! between processes the lease ensures it. If a lease is lost, a second run does no harm, since every write is a
//! compare-and-set and every outside call is idempotent.

pub(crate) mod cancel;
pub(crate) mod checkout;
pub(crate) mod followers;
pub(crate) mod fulfill;
pub(crate) mod outbox;
pub(crate) mod refund;
pub(crate) mod requests;
pub(crate) mod run;
pub(crate) mod sweeper;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use comptoir_mesh::{Env, Error, ErrorReason, channel::Channel, context};
use comptoir_proto::{
    catalog::v1::inventory_service_client::InventoryServiceClient, orders::v1::order_event::Payload,
};
use jiff::Timestamp;
use tokio::sync::watch;

use self::{followers::Followers, run::Run};
use crate::{
    domain::order::{Lease, Order, Work},
    fail_points,
    keys::Keys,
    payment::Providers,
    quote::Pricer,
    store::{CartStore, DiscountStore, orders::OrderStore},
};

/// How long a run may be silent before another process takes over: twice the time-out of a call, and no longer than a
/// buyer may wait if the process with the order dies.
pub(crate) const LEASE: Duration = Duration::from_secs(5);
/// The time-out of a run, whatever its caller's deadline.
const RUN_DEADLINE: Duration = Duration::from_secs(60);
/// Order numbers reserved from the store at once; unused ones at the end of a process leave a gap.
const NUMBERS: u32 = 20;

/// Moves orders. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Engine(Arc<Shared>);

/// What clones of the engine share.
pub(crate) struct Shared {
    pub(crate) stores: EngineStores,
    pub(crate) peers: EnginePeers,
    pub(crate) keys: Keys,
    pub(crate) followers: Followers,
    pub(crate) env: Env,
    pub(crate) holds: Holds,
    in_flight: Mutex<HashMap<String, InFlight>>,
    numbers: tokio::sync::Mutex<std::ops::Range<u64>>,
}

/// The stores that steps write.
pub(crate) struct EngineStores {
    pub(crate) orders: Arc<dyn OrderStore>,
    pub(crate) carts: Arc<dyn CartStore>,
    pub(crate) discounts: Arc<dyn DiscountStore>,
}

/// What steps call.
pub(crate) struct EnginePeers {
    pub(crate) pricer: Pricer,
    pub(crate) inventory: InventoryServiceClient<Channel>,
    pub(crate) providers: Providers,
}

/// The limit of open holds.
pub(crate) struct Holds {
    /// Most open holds of one client address that await a bank's action; 0 is no limit.
    pub(crate) per_address: u64,
    /// Held while a hold is counted and written, so that parallel calls do not all see the last free place.
    pub(crate) gate: tokio::sync::Mutex<()>,
}

impl Deref for Engine {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// A run in this process.
#[derive(Clone)]
struct InFlight {
    fingerprint: Option<String>,
    progress: watch::Receiver<Progress>,
}

/// The progress of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// The answer for the buyer; the run may continue after it.
    answer: Option<RunResult>,
    /// The result.
    ended: Option<RunResult>,
}

/// The result of a run: the present order, or why it cannot continue now.
pub(crate) type RunResult = Result<Arc<Order>, Arc<Error>>;

/// Why a step ended without success.
#[derive(Debug)]
pub(crate) enum Halt {
    /// A conflict: another process changed the order or took it over; read it again.
    Stale,
    /// The order changed course: re-evaluate `work()`.
    ChangedCourse,
    /// A peer does not answer now; the order waits, and the sweeper continues it.
    Rest(Error),
    /// It waits for an outside event until then.
    Wait(Timestamp),
    /// It waits, and the lease was released already.
    Rested,
    /// The store failed, or there is a defect; the lease expires, and the sweeper continues.
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Engine {
    /// An engine on these stores and peers.
    pub(crate) async fn new(
        stores: EngineStores,
        peers: EnginePeers,
        holds_per_address: u64,
        env: Env,
    ) -> Result<Self, Error> {
        let keys = Keys::open(&*stores.orders, &env).await?;
        Ok(Self(Arc::new(Shared {
            stores,
            peers,
            keys,
            followers: Followers::default(),
            env,
            holds: Holds {
                per_address: holds_per_address,
                gate: tokio::sync::Mutex::default(),
            },
            in_flight: Mutex::default(),
            numbers: tokio::sync::Mutex::new(0..0),
        })))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.env.clock.now()
    }

    /// The order, or NOT_FOUND.
    pub(crate) async fn order(&self, id: &str) -> Result<Order, Error> {
        self.stores.orders.order(id).await?.ok_or_else(not_found)
    }

    /// A unique order number.
    pub(crate) async fn number(&self) -> Result<String, Error> {
        let mut numbers = self.numbers.lock().await;
        if numbers.is_empty() {
            let first = self.stores.orders.take_numbers(NUMBERS).await?;
            *numbers = first..first + u64::from(NUMBERS);
        }
        let number = numbers.next().unwrap_or_default();
        Ok(number.to_string())
    }

    /// Whether this order has a run in this process, and the run's fingerprint.
    pub(crate) fn running(&self, order_id: &str) -> Option<Option<String>> {
        self.in_flight()
            .get(order_id)
            .map(|entry| entry.fingerprint.clone())
    }

    fn in_flight(&self) -> std::sync::MutexGuard<'_, HashMap<String, InFlight>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a run of the order in its own task, or joins the one that exists. The flag says whether this call started
    /// it.
    pub(crate) fn start_or_join<F, R>(
        &self,
        order_id: &str,
        fingerprint: Option<&str>,
        drive: F,
    ) -> (watch::Receiver<Progress>, bool)
    where
        F: FnOnce(Engine, Reply) -> R,
        R: Future<Output = RunResult> + Send + 'static,
    {
        let mut in_flight = self.in_flight();
        if let Some(entry) = in_flight.get(order_id) {
            return (entry.progress.clone(), false);
        }
        let (sender, progress) = watch::channel(Progress::default());
        let entry = InFlight {
            fingerprint: fingerprint.map(str::to_owned),
            progress: progress.clone(),
        };
        in_flight.insert(order_id.to_owned(), entry);
        drop(in_flight);
        let sender = Arc::new(sender);
        let guard = InFlightGuard {
            engine: self.clone(),
            order_id: order_id.to_owned(),
        };
        let work = drive(self.clone(), Reply(sender.clone()));
        // Steps need no token, and an expired one must not stop them half way.
        let context = context::Context {
            token: None,
            deadline: None,
            ..context::current()
        };
        self.env.tasks.spawn_tracked(context::scope(context, async move {
            let ended = tokio::time::timeout(RUN_DEADLINE, work).await;
            let answer = ended.unwrap_or_else(|_| Err(Arc::new(in_progress())));
            if let Err(error) = &answer
                && error.reason() == ErrorReason::Internal
            {
                // Logged here, since no caller may be waiting: the sweeper retries the order.
                tracing::error!(
                    order.id = guard.order_id,
                    error.cause = ?error.cause(),
                    "a run of an order failed"
                );
            }
            drop(guard);
            sender.send_modify(|progress| progress.ended = Some(answer));
        }));
        (progress, true)
    }

    /// Moves the order as far as it goes now, and returns it.
    pub(crate) async fn advance(&self, order_id: &str) -> RunResult {
        ended(self.begin_advance(order_id)).await
    }

    /// The same, without waiting.
    pub(crate) fn begin_advance(&self, order_id: &str) -> watch::Receiver<Progress> {
        let id = order_id.to_owned();
        let drive = |engine: Self, reply| async move { engine.resume(&id, &reply).await };
        self.start_or_join(order_id, None, drive).0
    }

    /// The number of runs in this process.
    pub(crate) fn runs(&self) -> usize {
        self.in_flight().len()
    }

    /// Runs an order if its lease is free.
    pub(crate) async fn resume(&self, order_id: &str, reply: &Reply) -> RunResult {
        let order = self.order(order_id).await.map_err(Arc::new)?;
        match self.lease(order).await.map_err(Arc::new)? {
            Ok(drive) => drive.run(reply).await,
            Err(order) => Ok(Arc::new(order)),
        }
    }

    /// Takes the lease; returns the order if there is no work or another holder has it.
    async fn lease(&self, mut order: Order) -> Result<Result<Run, Order>, Error> {
        loop {
            let now = self.now();
            if order.work().is_none() || order.is_leased_by_other("", now) {
                return Ok(Err(order));
            }
            let holder = self.env.ids.new_id("drv_");
            let mut taken = order.clone();
            taken.revision += 1;
            taken.lease = Some(Lease {
                holder: holder.clone(),
                until: now + LEASE,
            });
            taken.wake_at = None;
            if fail_points::LEASE
                .around(self.stores.orders.replace_order(&taken, &[]))
                .await?
            {
                return Ok(Ok(Run::new(self.clone(), taken, holder, false)));
            }
            order = self.order(&order.id).await?;
        }
    }

    /// Changes an order outside of a run, by compare-and-set: on a conflict `change` is applied to the new version. A
    /// change that leaves work makes it due at once.
    pub(crate) async fn change(
        &self,
        order_id: &str,
        change: impl Fn(&mut Order, Timestamp) -> Result<Vec<Payload>, Error> + Send + Sync,
    ) -> Result<Order, Error> {
        loop {
            let before = self.order(order_id).await?;
            let mut order = before.clone();
            let now = self.now();
            let payloads = change(&mut order, now)?;
            if order == before {
                return Ok(order);
            }
            order.revision += 1;
            if order.lease.is_none() {
                order.wake_at = order.work().map(|_| now);
            }
            if self.write(&mut order, payloads).await? {
                return Ok(order);
            }
        }
    }

    /// Writes the order with its events, and notifies followers.
    pub(crate) async fn write(&self, order: &mut Order, payloads: Vec<Payload>) -> Result<bool, Error> {
        let entries = outbox::entries(order, payloads, &self.env);
        let written = self.stores.orders.replace_order(order, &entries).await?;
        if written {
            self.followers.changed(&order.id);
        }
        Ok(written)
    }

    /// Moves the order until `settled`, for as long as the running call may wait.
    pub(crate) async fn settle(
        &self,
        order_id: &str,
        settled: impl Fn(&Order) -> bool + Send + Sync,
    ) -> Result<Order, Error> {
        let until = tokio::time::Instant::now() + patience();
        loop {
            let answer = tokio::time::timeout_at(until, self.advance(order_id)).await;
            let order = self.order(order_id).await?;
            if settled(&order) {
                return Ok(order);
            }
            match answer {
                Err(_) => return Err(in_progress()),
                Ok(Err(error)) => return Err(clone_error(&error)),
                // Another process runs it.
                Ok(Ok(_)) => {
                    let pause = tokio::time::Instant::now() + Duration::from_millis(20);
                    if pause >= until {
                        return Err(in_progress());
                    }
                    tokio::time::sleep_until(pause).await;
                }
            }
        }
    }
}

/// Answers the calls that wait.
pub(crate) struct Reply(Arc<watch::Sender<Progress>>);

impl Reply {
    /// Sets the answer for the buyer; the first one counts.
    pub(crate) fn tell(&self, order: &Order) {
        self.0.send_if_modified(|progress| {
            let first = progress.answer.is_none();
            if first {
                progress.answer = Some(Ok(Arc::new(order.clone())));
            }
            first
        });
    }
}

/// Removes the entry from the list, also if its task dies.
struct InFlightGuard {
    engine: Engine,
    order_id: String,
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.engine.in_flight().remove(&self.order_id);
    }
}

/// Waits until the run has an answer. The flag says that the run itself gave it: without it, the run found the order as
/// another run had left it.
pub(crate) async fn first_answer(mut progress: watch::Receiver<Progress>) -> (RunResult, bool) {
    let reached = progress
        .wait_for(|progress| progress.answer.is_some() || progress.ended.is_some())
        .await;
    let reached = reached.map(|progress| progress.clone());
    let own = reached.as_ref().is_ok_and(|progress| progress.answer.is_some());
    (
        outcome(reached.map(|progress| progress.answer.or(progress.ended))),
        own,
    )
}

/// Waits until the run has ended.
pub(crate) async fn ended(mut progress: watch::Receiver<Progress>) -> RunResult {
    let reached = progress.wait_for(|progress| progress.ended.is_some()).await;
    outcome(reached.map(|progress| progress.ended.clone()))
}

fn outcome(reached: Result<Option<RunResult>, watch::error::RecvError>) -> RunResult {
    // Without a result the task died; the lease expires, and the sweeper continues.
    reached
        .ok()
        .flatten()
        .unwrap_or_else(|| Err(Arc::new(in_progress())))
}

/// How long the running call may wait for a run.
pub(crate) fn patience() -> Duration {
    let left = context::current().left().unwrap_or(Duration::from_secs(9));
    left.saturating_sub(Duration::from_millis(300))
}

/// A call with this key is still running.
pub(crate) fn in_progress() -> Error {
    let message = "A call with this idempotency key is still running; try again with the same key.";
    Error::new(ErrorReason::IdempotencyInProgress, message).with_retry_after(Duration::from_secs(1))
}

/// No such order, or not the caller's.
pub(crate) fn not_found() -> Error {
    Error::new(ErrorReason::NotFound, "There is no such order.")
}

/// A copy of an error for another caller, without its cause.
pub(crate) fn clone_error(error: &Error) -> Error {
    let copy = if error.field_violations().is_empty() {
        Error::new(error.reason(), error.message())
    } else {
        Error::violations(error.field_violations().to_vec())
    };
    match error.retry_after() {
        Some(wait) => copy.with_retry_after(wait),
        None => copy,
    }
}

/// The name of an order's work, for logs.
pub(crate) fn work_name(order: &Order) -> &'static str {
    match order.work() {
        Some(Work::Pay) => "pay",
        Some(Work::Fail) => "fail",
        Some(Work::Capture) => "capture",
        Some(Work::Refund(_)) => "refund",
        Some(Work::Cancel(_)) => "cancel",
        None => "rest",
    }
}
