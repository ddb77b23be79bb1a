//! Who waits for a change of an order in this process, whichever replica makes it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use mesh::{
    Env,
    events::{Broker, Heard, ORDERS_TOPIC},
};
use tokio::sync::watch;

/// The changes of orders somebody waits for. Others cost nothing.
#[derive(Clone, Default)]
pub(crate) struct Watchers {
    by_order: Arc<Mutex<HashMap<String, watch::Sender<()>>>>,
}

/// A wait for changes of one order.
pub(crate) struct Watch {
    order_id: String,
    changes: watch::Receiver<()>,
    watchers: Watchers,
}

impl Watchers {
    /// Hears of changes from now on.
    pub(crate) fn watch(&self, order_id: &str) -> Watch {
        let mut by_order = self.by_order.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = by_order
            .entry(order_id.to_owned())
            .or_insert_with(|| watch::channel(()).0);
        Watch {
            order_id: order_id.to_owned(),
            changes: sender.subscribe(),
            watchers: self.clone(),
        }
    }

    /// Tells of a change, once it is durable.
    pub(crate) fn changed(&self, order_id: &str) {
        let by_order = self.by_order.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = by_order.get(order_id) {
            sender.send_replace(());
        }
    }

    /// Hears of what other replicas change, until the process drains.
    pub(crate) fn listen(&self, env: &Env, broker: &Broker) {
        let mut records = broker.listen(env, ORDERS_TOPIC);
        let (watchers, shutdown) = (self.clone(), env.shutdown.clone());
        env.tasks.spawn("watch", async move {
            loop {
                let heard = tokio::select! {
                    heard = records.next() => heard,
                    () = shutdown.cancelled() => return,
                };
                match heard {
                    Some(Heard::Record(record)) => watchers.changed(&record.key),
                    Some(Heard::Missed) => watchers.all_changed(),
                    None => return,
                }
            }
        });
    }

    fn all_changed(&self) {
        let by_order = self.by_order.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in by_order.values() {
            sender.send_replace(());
        }
    }
}

impl Watch {
    /// Returns after a change since the last return.
    pub(crate) async fn changed(&mut self) {
        // The sender lives as long as this does.
        let _ = self.changes.changed().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut by_order = self
            .watchers
            .by_order
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // This receiver still counts.
        if by_order
            .get(&self.order_id)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            by_order.remove(&self.order_id);
        }
    }
}
