//! One run of an order under its lease: the loop over its work, the writes, and the calls to the catalogue and the
//! provider, each with a time-out and a few retries.

use std::{sync::Arc, time::Duration};

use comptoir_mesh::{Error, ErrorReason, channel::Channel, context};
use comptoir_proto::{
    catalog::v1::inventory_service_client::InventoryServiceClient, orders::v1::order_event::Payload,
};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    domain::order::{Lease, Order, State, Work},
    engine::{Engine, Halt, LEASE, Reply, RunResult, not_found, work_name},
    fail_points::{self, Point},
    payment::{self, Failure, Outcome, PaymentProvider},
};

/// The time-out of one call to a peer.
const CALL: Duration = Duration::from_millis(2_500);
/// The backoff between attempts at a call; there is one attempt more than pauses.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];
/// The first backoff of an order that cannot continue; it doubles from there.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest backoff of an order that is not placed yet.
const LONGEST_UNPLACED: Duration = Duration::from_secs(5);
/// The longest backoff of other orders.
const LONGEST: Duration = Duration::from_secs(30);
/// Failed attempts in a row before an alarm: for a placed order, after about three minutes.
pub(crate) const TRIES: u32 = 10;
/// The longest backoffs from then on.
const LONGEST_STUCK_UNPLACED: Duration = Duration::from_secs(20);
const LONGEST_STUCK: Duration = Duration::from_secs(300);

/// A run: the order as it was last written or read, and its lease.
pub(crate) struct Run {
    pub(crate) engine: Engine,
    pub(crate) order: Order,
    holder: String,
    /// Whether this run created the order, so that no peer was called before.
    pub(crate) fresh: bool,
    /// Whether this run called the provider.
    pub(crate) asked: bool,
}

/// Whether a write keeps the lease.
pub(crate) enum Then {
    /// Keep it, unless there is no work left.
    Go,
    /// Release it; work is due from then on.
    Rest(Timestamp),
}

impl Run {
    pub(crate) fn new(engine: Engine, order: Order, holder: String, fresh: bool) -> Self {
        Self {
            engine,
            order,
            holder,
            fresh,
            asked: false,
        }
    }

    /// Works until there is nothing to do now.
    pub(crate) async fn run(mut self, reply: &Reply) -> RunResult {
        loop {
            if self.order.was_placed() || self.order.state.is_final() {
                reply.tell(&self.order);
            }
            let step = match self.order.work() {
                None => return Ok(Arc::new(self.order)),
                Some(Work::Pay) => self.pay().await,
                Some(Work::Fail) => self.unwind().await,
                Some(Work::Capture) => self.capture().await,
                Some(Work::Refund(refund)) => self.refund(refund).await,
                Some(Work::Cancel(cancel)) => self.cancel(cancel).await,
            };
            let halt = match step {
                Ok(()) | Err(Halt::ChangedCourse) => continue,
                Err(halt) => halt,
            };
            match self.stop(halt).await {
                Ok(None) => {}
                Ok(Some(result)) => return result,
                Err(error) => return Err(Arc::new(error)),
            }
        }
    }

    /// Ends the run after a step without success; `None` means to continue with the new document.
    async fn stop(&mut self, halt: Halt) -> Result<Option<RunResult>, Error> {
        let (at, failure) = match halt {
            Halt::ChangedCourse => return Ok(None),
            Halt::Rested => return Ok(Some(Ok(Arc::new(self.order.clone())))),
            Halt::Stale => return self.reload().await,
            Halt::Failed(error) => return Err(error),
            Halt::Wait(at) => (at, None),
            Halt::Rest(error) => {
                let work = work_name(&self.order);
                tracing::warn!(
                    order.id = self.order.id,
                    order.work = work,
                    order.attempts = self.order.attempts + 1,
                    error.reason = ?error.reason(),
                    error.cause = ?error.cause(),
                    "an order cannot continue for now",
                );
                if self.order.attempts + 1 == TRIES {
                    tracing::error!(
                        order.id = self.order.id,
                        order.work = work,
                        "an order makes no progress after many retries; staff have to look at it"
                    );
                    metrics::counter!("orders_stuck_total", "work" => work).increment(1);
                }
                (self.engine.now() + self.backoff(), Some(error))
            }
        };
        let failed = failure.is_some();
        let rested = self
            .commit(fail_points::REST, Then::Rest(at), |order, _| {
                order.attempts = if failed { order.attempts + 1 } else { 0 };
                Ok(Vec::new())
            })
            .await;
        match rested {
            Ok(()) => Ok(Some(match failure {
                Some(error) => Err(Arc::new(error)),
                None => Ok(Arc::new(self.order.clone())),
            })),
            Err(Halt::Failed(error)) => Err(error),
            Err(_) => self.reload().await,
        }
    }

    fn backoff(&self) -> Duration {
        let unplaced = self.order.state == State::PendingPayment;
        let longest = match (unplaced, self.order.attempts + 1 >= TRIES) {
            (true, false) => LONGEST_UNPLACED,
            (true, true) => LONGEST_STUCK_UNPLACED,
            (false, false) => LONGEST,
            (false, true) => LONGEST_STUCK,
        };
        FIRST_REST
            .saturating_mul(1 << self.order.attempts.min(16))
            .min(longest)
    }

    /// Evaluates an outcome: done, or permanently refused. A failure is retried with backoff, a limited number of
    /// times, and then counts as refused. A call without an answer is retried until there is one.
    pub(crate) fn evaluate(
        &self,
        operation: &'static str,
        outcome: Outcome,
    ) -> Result<Result<(), String>, Halt> {
        match outcome {
            Outcome::Done => Ok(Ok(())),
            Outcome::Failed(message) if self.order.attempts < TRIES => Err(Halt::Rest(Error::unavailable(
                anyhow::anyhow!("a {operation} was not done: {message}"),
            ))),
            Outcome::Failed(message) | Outcome::Refused(message) => {
                tracing::error!(
                    order.id = self.order.id,
                    payment.operation = operation,
                    payment.refusal = message,
                    "the provider refuses to give money back for good: staff have to act"
                );
                metrics::counter!(format!("payments_{operation}_refused_total")).increment(1);
                Ok(Err(message))
            }
        }
    }

    /// Reads the order again. If another holder has the lease, this run ends with what it read.
    async fn reload(&mut self) -> Result<Option<RunResult>, Error> {
        let order = self
            .engine
            .stores
            .orders
            .order(&self.order.id)
            .await?
            .ok_or_else(not_found)?;
        let mine = order
            .lease
            .as_ref()
            .is_some_and(|lease| lease.holder == self.holder);
        self.order = order;
        Ok((!mine).then(|| Ok(Arc::new(self.order.clone()))))
    }

    /// Writes a change by compare-and-set. A conflict is [`Halt::Stale`].
    pub(crate) async fn commit(
        &mut self,
        point: Point,
        then: Then,
        change: impl FnOnce(&mut Order, Timestamp) -> Result<Vec<Payload>, Halt>,
    ) -> Result<(), Halt> {
        let now = self.engine.now();
        let mut order = self.order.clone();
        let payloads = change(&mut order, now)?;
        order.revision += 1;
        (order.lease, order.wake_at) = match then {
            _ if order.work().is_none() => (None, None),
            Then::Go => (
                Some(Lease {
                    holder: self.holder.clone(),
                    until: now + LEASE,
                }),
                None,
            ),
            Then::Rest(at) => (None, Some(at)),
        };
        if !point.around(self.engine.write(&mut order, payloads)).await? {
            return Err(Halt::Stale);
        }
        self.order = order;
        Ok(())
    }

    /// Makes sure that the lease outlasts the next call.
    async fn renew(&mut self) -> Result<(), Halt> {
        let short = self.engine.now() + LEASE / 2;
        if self.order.lease.as_ref().is_some_and(|lease| lease.until < short) {
            self.commit(fail_points::RENEW, Then::Go, |_, _| Ok(Vec::new()))
                .await?;
        }
        Ok(())
    }

    /// Calls the catalogue. The inner error is a permanent refusal; a transient one is retried, and then the order
    /// waits.
    pub(crate) async fn inventory<T, F>(
        &mut self,
        point: Point,
        call: impl Fn(InventoryServiceClient<Channel>) -> F,
    ) -> Result<Result<T, Error>, Halt>
    where
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let mut pauses = PAUSES.into_iter();
        loop {
            self.renew().await?;
            let context = context::Context {
                deadline: Some(Instant::now() + CALL),
                ..context::current()
            };
            let called = context::scope(context, call(self.engine.peers.inventory.clone()));
            let error = match point.around(called).await {
                Ok(answer) => return Ok(Ok(answer.into_inner())),
                Err(status) => Error::from_status(&status),
            };
            if !may_pass(error.reason()) {
                return Ok(Err(error));
            }
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    let cause = anyhow::anyhow!("the catalogue: {error:?}");
                    return Err(Halt::Rest(Error::unavailable(cause)));
                }
            }
        }
    }

    /// Calls the payment provider. An unknown outcome is asked for again with the same key.
    pub(crate) async fn provider<T, F>(
        &mut self,
        point: Point,
        call: impl Fn(Arc<dyn PaymentProvider>) -> F,
    ) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let name = &self.order.payment.provider;
        let Some(provider) = self.engine.peers.providers.get(name).cloned() else {
            let cause = anyhow::anyhow!("the payment provider {name} is not configured");
            return Err(Halt::Rest(Error::unavailable(cause)));
        };
        self.asked = true;
        let mut pauses = PAUSES.into_iter();
        loop {
            self.renew().await?;
            let failure = match point.around(payment::bounded(call(provider.clone()))).await {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    let cause = anyhow::anyhow!("the payment provider: {failure:?}");
                    return Err(Halt::Rest(Error::unavailable(cause)));
                }
            }
        }
    }

    /// A new id for an entry of the order.
    pub(crate) fn new_id(&self, prefix: &str) -> String {
        self.engine.env.ids.new_id(prefix)
    }
}

/// Whether a peer's error says nothing about the request itself.
fn may_pass(reason: ErrorReason) -> bool {
    matches!(
        reason,
        ErrorReason::DependencyUnavailable
            | ErrorReason::DeadlineExceeded
            | ErrorReason::Overloaded
            | ErrorReason::RateLimited
            | ErrorReason::Internal
            | ErrorReason::Unauthenticated
            | ErrorReason::TokenExpired
            | ErrorReason::TokenInvalid
            | ErrorReason::TokenRevoked
            | ErrorReason::Forbidden
    )
}
