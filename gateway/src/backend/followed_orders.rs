//! Orders that subscriptions and event streams follow. Followers that see the same view of an order share one stream of the
//! orders service, which decides for each of them whether it may follow the order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use comptoir_mesh::Error;
use comptoir_mesh::channel::Channel;
use comptoir_mesh::context::{self, Context};
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::orders::v1 as pb;
use futures::{Stream, stream};
use pb::order_service_client::OrderServiceClient;
use pb::watch_order_request::Key;
use tonic::{Status, Streaming};

use crate::feed::{Feeds, Reader, Update};

/// How many times in a row a broken stream is reopened before the follower gets the error.
const ATTEMPTS: u32 = 5;
/// The wait before the second attempt. Each further wait is twice as long.
const BACKOFF: Duration = Duration::from_millis(200);

/// The orders that are followed.
pub(crate) struct FollowedOrders {
    orders: OrderServiceClient<Channel>,
    feeds: Feeds<FeedKey, Arc<OrderSnapshot>, Result<(), Status>>,
    limit: FollowerLimit,
}

/// What followers share a stream by. The owner also sees the access token, so it is part of the key.
#[derive(Clone, PartialEq, Eq, Hash)]
struct FeedKey {
    order_id: String,
    access_token: Option<String>,
}

/// A state of an order.
pub(crate) struct OrderSnapshot {
    pub(crate) order: Arc<pb::Order>,
    /// Its JSON for REST, once it was needed.
    pub(crate) text: OnceLock<String>,
}

impl OrderSnapshot {
    fn new(order: pb::Order) -> Arc<Self> {
        Arc::new(Self {
            order: Arc::new(order),
            text: OnceLock::new(),
        })
    }
}

/// How many followers there may be, and how many there are.
#[derive(Clone)]
struct FollowerLimit {
    limit: Option<usize>,
    count: Arc<AtomicUsize>,
}

/// The permit of one follower. Dropping it returns it.
pub(crate) struct FollowerPermit(Arc<AtomicUsize>);

impl Drop for FollowerPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl FollowedOrders {
    pub(crate) fn new(orders: OrderServiceClient<Channel>, limit: Option<usize>) -> Self {
        Self {
            orders,
            feeds: Feeds::default(),
            limit: FollowerLimit {
                limit,
                count: Arc::default(),
            },
        }
    }

    /// Takes a permit for a follower, or returns OVERLOADED.
    pub(crate) fn permit(&self) -> Result<FollowerPermit, Error> {
        let FollowerLimit { limit, count } = &self.limit;
        let permit = FollowerPermit(count.clone());
        if count.fetch_add(1, Ordering::Relaxed) >= limit.unwrap_or(usize::MAX) {
            let message = "Too many orders are followed at once. Try again shortly.";
            return Err(Error::new(ErrorReason::Overloaded, message).with_retry_after(Duration::from_secs(5)));
        }
        Ok(permit)
    }

    /// Follows an order from its current state, with the rights of the current call.
    pub(crate) async fn follow(self: &Arc<Self>, key: Key) -> Result<Follower, Error> {
        let (first, reader) = self
            .open(&key)
            .await
            .map_err(|status| Error::from_status(&status))?;
        Ok(Follower {
            followed_orders: self.clone(),
            key,
            first: Some(first),
            reader,
            version: i64::MIN,
            context: Context {
                deadline: None,
                ..context::current()
            },
        })
    }

    /// Opens a stream, by which the service checks that the caller may follow the order, and reads the current state. Then
    /// joins the feed of equal followers, or starts it with this stream.
    async fn open(&self, key: &Key) -> Result<(Arc<OrderSnapshot>, OrderReader), Status> {
        let request = pb::WatchOrderRequest {
            key: Some(key.clone()),
        };
        let mut orders = self.orders.clone().watch_order(request).await?.into_inner();
        let first = orders.message().await?.and_then(|answer| answer.order);
        let Some(first) = first else {
            let defect = anyhow::anyhow!("the orders service left out the order that is followed");
            return Err(Error::internal(defect).into());
        };
        let feed_key = FeedKey {
            order_id: first.id.clone(),
            access_token: first.access_token.clone(),
        };
        let version = first.version;
        let reader = self.feeds.join_or_start(feed_key, states(orders, version));
        Ok((OrderSnapshot::new(first), reader))
    }
}

/// The states after a version, without repetitions.
fn states(
    orders: Streaming<pb::WatchOrderResponse>,
    version: i64,
) -> impl Stream<Item = Update<Arc<OrderSnapshot>, Result<(), Status>>> + Send {
    stream::unfold(Some((orders, version)), |state| async {
        let (mut orders, mut version) = state?;
        loop {
            match orders.message().await {
                Ok(Some(pb::WatchOrderResponse { order: Some(order) })) if order.version > version => {
                    version = order.version;
                    return Some((Update::Next(OrderSnapshot::new(order)), Some((orders, version))));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Some((Update::End(Ok(())), None)),
                Err(status) => return Some((Update::End(Err(status)), None)),
            }
        }
    })
}

type OrderReader = Reader<Arc<OrderSnapshot>, Result<(), Status>>;

/// One follower of an order. A broken stream is reopened and begins with the current state, so no entry of the order's
/// history is lost.
pub(crate) struct Follower {
    followed_orders: Arc<FollowedOrders>,
    key: Key,
    first: Option<Arc<OrderSnapshot>>,
    reader: OrderReader,
    version: i64,
    /// The context of the call that created the follower: its rights apply wherever it is polled.
    context: Context,
}

impl Follower {
    /// Returns the next state that is newer than the last one. `None` after the final state.
    pub(crate) async fn next(&mut self) -> Result<Option<Arc<OrderSnapshot>>, Error> {
        let mut attempt = 0;
        loop {
            let update = match self.first.take() {
                Some(first) => Update::Next(first),
                None => self.reader.next().await.unwrap_or_else(broken),
            };
            match update {
                Update::Next(snapshot) => {
                    attempt = 0;
                    if snapshot.order.version > self.version {
                        self.version = snapshot.order.version;
                        return Ok(Some(snapshot));
                    }
                }
                Update::End(Ok(())) => return Ok(None),
                Update::End(Err(status)) => self.reopen(Error::from_status(&status), &mut attempt).await?,
            }
        }
    }

    /// Reopens the stream after a transient failure. Returns other failures.
    async fn reopen(&mut self, failure: Error, attempt: &mut u32) -> Result<(), Error> {
        let mut failure = failure;
        while is_transient(&failure) && *attempt < ATTEMPTS {
            if *attempt > 0 {
                tokio::time::sleep(BACKOFF * 2_u32.pow(*attempt - 1)).await;
            }
            *attempt += 1;
            let opened = context::scope(self.context.clone(), self.followed_orders.open(&self.key));
            match opened.await {
                Ok((first, reader)) => {
                    (self.first, self.reader) = (Some(first), reader);
                    return Ok(());
                }
                Err(status) => failure = Error::from_status(&status),
            }
        }
        Err(failure)
    }
}

fn broken() -> Update<Arc<OrderSnapshot>, Result<(), Status>> {
    Update::End(Err(Status::unavailable("a stream of an order broke off")))
}

fn is_transient(failure: &Error) -> bool {
    matches!(
        failure.reason(),
        ErrorReason::DependencyUnavailable | ErrorReason::Overloaded
    )
}
