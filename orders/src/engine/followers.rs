//! The followers of orders in this process, whichever replica makes a change. An order is read once for all its
//! followers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use comptoir_events::{Broker, Heard, ORDERS_TOPIC};
use comptoir_mesh::{Env, Error};
use comptoir_proto::orders::v1::{Order as ProtoOrder, WatchOrderResponse};
use futures::{Stream, stream};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tonic::Status;

use crate::{convert::order::to_proto, domain::order::Order, engine::Engine};

/// The interval at which a followed order is read without an event: another process may have changed it.
const REREAD: Duration = Duration::from_secs(2);
/// How often a stream in which nothing changes sends the order again, as a sign of life.
const ALIVE: Duration = Duration::from_secs(15);

/// The orders that have followers. Changes of others cost nothing.
#[derive(Clone, Default)]
pub(crate) struct Followers {
    by_order: Arc<Mutex<HashMap<String, Followed>>>,
}

/// An order with followers.
struct Followed {
    changed: Arc<Notify>,
    seen: watch::Sender<Seen>,
}

/// The state that its followers see.
#[derive(Clone)]
enum Seen {
    /// Nothing yet.
    Unread,
    /// The order without its access token.
    Order(Arc<ProtoOrder>),
    /// The order in its final state.
    Last(Arc<ProtoOrder>),
    /// It could not be read.
    Failed(Status),
    /// The process drains.
    Stopped,
}

impl Followers {
    /// The order as it was read, then after each change, until its final state. It is repeated at intervals without a
    /// change.
    pub(crate) fn follow(
        &self,
        engine: &Engine,
        order: &Order,
        access_token: Option<String>,
    ) -> impl Stream<Item = Result<WatchOrderResponse, Status>> + Send + use<> {
        let follower = Follower {
            seen: (!is_last(order)).then(|| self.join(engine, &order.id)),
            access_token,
            latest: Arc::new(to_proto(order, None)),
            alive: ALIVE,
        };
        let first = follower.answer();
        let later = stream::unfold(follower, Follower::next);
        futures::StreamExt::chain(stream::iter([Ok(first)]), later)
    }

    /// Subscribes to the order's reader; the first follower starts it.
    fn join(&self, engine: &Engine, order_id: &str) -> watch::Receiver<Seen> {
        let mut by_order = self.lock();
        if let Some(followed) = by_order.get(order_id) {
            return followed.seen.subscribe();
        }
        let (seen, follower) = watch::channel(Seen::Unread);
        let changed = Arc::new(Notify::new());
        let followed = Followed {
            changed: changed.clone(),
            seen: seen.clone(),
        };
        by_order.insert(order_id.to_owned(), followed);
        let reader = Reader {
            followers: self.clone(),
            order_id: order_id.to_owned(),
            changed,
            seen,
        };
        tokio::spawn(reader.read(engine.clone()));
        follower
    }

    /// Notifies followers of a durable change.
    pub(crate) fn changed(&self, order_id: &str) {
        if let Some(followed) = self.lock().get(order_id) {
            followed.changed.notify_one();
        }
    }

    /// Listens to changes by other replicas, until the process drains.
    pub(crate) fn listen(&self, env: &Env, broker: &Broker) {
        let mut records = broker.listen(env, ORDERS_TOPIC);
        let (followers, shutdown) = (self.clone(), env.shutdown.clone());
        env.tasks.spawn("watch", async move {
            loop {
                let heard = tokio::select! {
                    heard = records.next() => heard,
                    () = shutdown.cancelled() => return,
                };
                match heard {
                    Some(Heard::Record(record)) => followers.changed(&record.key),
                    Some(Heard::Missed) => followers.all_changed(),
                    None => return,
                }
            }
        });
    }

    fn all_changed(&self) {
        for followed in self.lock().values() {
            followed.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Followed>> {
        self.by_order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an order can no longer change.
fn is_last(order: &Order) -> bool {
    order.state.is_final() && order.work().is_none()
}

/// Reads an order for all its followers.
struct Reader {
    followers: Followers,
    order_id: String,
    changed: Arc<Notify>,
    seen: watch::Sender<Seen>,
}

impl Reader {
    async fn read(self, engine: Engine) {
        let shutdown = engine.env.shutdown.clone();
        loop {
            let seen = match engine.order(&self.order_id).await {
                Ok(order) if is_last(&order) => Seen::Last(Arc::new(to_proto(&order, None))),
                Ok(order) => Seen::Order(Arc::new(to_proto(&order, None))),
                Err(error) => Seen::Failed(error.into()),
            };
            let goes_on = matches!(seen, Seen::Order(_));
            self.seen.send_if_modified(|before| {
                let same = matches!((&*before, &seen), (Seen::Order(old), Seen::Order(new)) if old.version == new.version);
                if !same {
                    *before = seen;
                }
                !same
            });
            if !goes_on {
                return;
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(REREAD) => {}
                () = self.seen.closed() => {
                    let mut by_order = self.followers.lock();
                    // No follower can join while this is locked.
                    if self.seen.receiver_count() == 0 {
                        by_order.remove(&self.order_id);
                        return;
                    }
                }
                () = shutdown.cancelled() => {
                    self.seen.send_replace(Seen::Stopped);
                    return;
                }
            }
        }
    }
}

impl Drop for Reader {
    /// The next follower starts a new reader. Present followers see the end, also after a panic.
    fn drop(&mut self) {
        let mut by_order = self.followers.lock();
        let is_own = by_order
            .get(&self.order_id)
            .is_some_and(|followed| Arc::ptr_eq(&followed.changed, &self.changed));
        if is_own {
            by_order.remove(&self.order_id);
        }
    }
}

/// A stream of an order.
struct Follower {
    /// `None` if no change will follow.
    seen: Option<watch::Receiver<Seen>>,
    access_token: Option<String>,
    latest: Arc<ProtoOrder>,
    /// The interval of repetitions.
    alive: Duration,
}

impl Follower {
    fn answer(&self) -> WatchOrderResponse {
        WatchOrderResponse {
            order: Some(ProtoOrder {
                access_token: self.access_token.clone(),
                ..ProtoOrder::clone(&self.latest)
            }),
        }
    }

    /// The next item, and the rest of the stream.
    async fn next(mut self) -> Option<(Result<WatchOrderResponse, Status>, Self)> {
        let mut seen = self.seen.take()?;
        loop {
            let state = seen.borrow_and_update().clone();
            let is_last = matches!(state, Seen::Last(_));
            match state {
                Seen::Order(order) | Seen::Last(order) if order.version > self.latest.version => {
                    self.latest = order;
                    self.seen = (!is_last).then_some(seen);
                    return Some((Ok(self.answer()), self));
                }
                Seen::Last(_) | Seen::Stopped => return None,
                Seen::Failed(status) => return Some((Err(status), self)),
                Seen::Unread | Seen::Order(_) => {}
            }
            match timeout(self.alive, seen.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    let gone = Error::unavailable(anyhow::anyhow!("the reader of a followed order is gone"));
                    return Some((Err(gone.into()), self));
                }
                Err(_) => {
                    self.seen = Some(seen);
                    return Some((Ok(self.answer()), self));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use comptoir_mesh::testing::PATIENCE;
    use futures::{StreamExt as _, future::join_all};

    use super::*;
    use crate::engine::tests::crashes::{World, asked, rest};

    async fn until(seen: &mut watch::Receiver<Seen>, is_so: impl FnMut(&Seen) -> bool) -> Arc<ProtoOrder> {
        let seen = timeout(PATIENCE, seen.wait_for(is_so)).await;
        match &*seen.expect("it is not seen").expect("the reader is gone") {
            Seen::Order(order) | Seen::Last(order) => order.clone(),
            _ => panic!("no order is seen"),
        }
    }

    #[tokio::test]
    async fn all_who_follow_an_order_see_one_reading_of_it() {
        let world = World::new().await;
        let cart = world.cart().await;
        world.complete(&cart, "tok_visa").await.unwrap();
        let order = rest(&world, &cart).await;
        let engine = &world.process.engine;
        let followers = &engine.followers;
        let mut all: Vec<_> = (0..100).map(|_| followers.join(engine, &order.id)).collect();
        let stream = followers.follow(engine, &order, None);
        assert_eq!(followers.lock().len(), 1, "one reader for all");
        engine.cancel(&order.id, asked("c"), None).await.unwrap();
        let seen = all
            .iter_mut()
            .map(|seen| until(seen, |seen| matches!(seen, Seen::Last(_))));
        let seen = join_all(seen).await;
        assert!(
            seen.iter().all(|order| Arc::ptr_eq(order, &seen[0])),
            "it was read once for all"
        );
        let streamed: Vec<_> = timeout(PATIENCE, stream.collect()).await.unwrap();
        let last = streamed.last().unwrap().as_ref().unwrap().order.clone().unwrap();
        assert_eq!(last, *seen[0]);
    }

    #[tokio::test]
    async fn a_stream_in_which_nothing_changes_shows_that_it_lives() {
        let (sender, seen) = watch::channel(Seen::Unread);
        let mut follower = Follower {
            seen: Some(seen),
            access_token: Some("token".to_owned()),
            latest: Arc::new(ProtoOrder {
                version: 3,
                ..ProtoOrder::default()
            }),
            alive: Duration::from_millis(10),
        };
        for _ in 0..2 {
            let (answer, same) = timeout(PATIENCE, follower.next()).await.unwrap().unwrap();
            let order = answer.unwrap().order.unwrap();
            assert_eq!((order.version, order.access_token.as_deref()), (3, Some("token")));
            follower = same;
        }
        drop(sender);
        follower.alive = PATIENCE;
        let (answer, _) = timeout(PATIENCE, follower.next()).await.unwrap().unwrap();
        assert_eq!(
            answer.unwrap_err().code(),
            tonic::Code::Unavailable,
            "its reader is gone"
        );
    }

    #[tokio::test]
    async fn an_order_that_nobody_follows_any_more_is_not_read() {
        let world = World::new().await;
        let cart = world.cart().await;
        world.complete(&cart, "tok_visa").await.unwrap();
        let order = rest(&world, &cart).await;
        let engine = &world.process.engine;
        let followers = &engine.followers;
        let (mut one, other) = (
            followers.join(engine, &order.id),
            followers.join(engine, &order.id),
        );
        until(&mut one, |seen| matches!(seen, Seen::Order(_))).await;
        drop(other);
        drop(one);
        timeout(PATIENCE, async {
            while !followers.lock().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the reader goes on without a follower");
    }
}
