//! The embedded broker.

use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Consumer, Heard, Listener, Publisher, Record, deliver};
use comptoir_mesh::error::Error;

/// Records that a listener may fall behind before it misses some and has to read the store again.
pub(super) const LISTENER_CAPACITY: usize = 4096;

/// Delivers records to the consumers of this process: to each group at least once, and to listeners as they arrive.
#[derive(Clone)]
pub struct Bus {
    groups: Arc<RwLock<Vec<Arc<dyn Consumer>>>>,
    listeners: broadcast::Sender<Heard>,
}

impl Bus {
    /// A bus without consumers. Register every group before the first relay starts.
    pub fn new() -> Self {
        Self {
            groups: Arc::default(),
            listeners: broadcast::channel(LISTENER_CAPACITY).0,
        }
    }

    /// Adds a consumer group.
    pub fn register(&self, consumer: Arc<dyn Consumer>) {
        self.groups
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(consumer);
    }

    /// A topic's records from now on, for what every replica has to know: caches, indexes, followers.
    pub fn listen(&self, topic: &'static str) -> Listener {
        Listener {
            topic,
            heard: self.listeners.subscribe(),
        }
    }

    fn groups_of(&self, topic: &str) -> Vec<Arc<dyn Consumer>> {
        let groups = self
            .groups
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        groups
            .iter()
            .filter(|group| group.topics().contains(&topic))
            .cloned()
            .collect()
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Publisher for Bus {
    async fn publish(&self, record: &Record) -> Result<(), Error> {
        // Listeners first: they only invalidate, and need it soon.
        let _ = self.listeners.send(Heard::Record(record.clone()));
        let mut outcome = Ok(());
        for group in self.groups_of(record.topic) {
            // If one group fails, the record is delivered to all of them again.
            if let Err(error) = deliver(&*group, record).await {
                outcome = Err(error);
            }
        }
        outcome
    }
}
