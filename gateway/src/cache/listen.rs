//! Listens to catalogue events: removes the entries they affect from the caches, and notifies the storefront.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use comptoir_events::{Broker, CATALOG_TOPIC, Heard, Record};
use comptoir_mesh::Env;
use comptoir_proto::catalog::v1::CatalogEvent;
use comptoir_proto::catalog::v1::catalog_event::Payload;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Responses, SharedCache};

/// How far a catalogue replica and its search index may be behind the event. A replica polls the others' changes twice a
/// second. Answers from it in that time may be outdated, so every invalidation is repeated afterwards.
const LAG: Duration = Duration::from_millis(700);
/// Invalidations to repeat that are this close are repeated together.
const GATHER: Duration = Duration::from_millis(100);
const SWEEP: Duration = Duration::from_secs(1);

/// What an event invalidates.
pub(crate) struct Caches {
    pub(crate) shared: Option<Arc<SharedCache>>,
    /// In the order of invalidation: those of REST, whose memory also holds the entities, come before those of GraphQL,
    /// which are made of entities.
    pub(crate) responses: Vec<Arc<Responses>>,
    pub(crate) storefront: Option<mpsc::Sender<BTreeSet<String>>>,
}

/// Invalidates what catalogue events affect, until the process shuts down. Without a broker, entries only expire.
pub(crate) fn spawn(env: &Env, broker: Option<&Broker>, caches: Caches) {
    let mut records = broker.map(|broker| broker.listen(env, CATALOG_TOPIC));
    let shutdown = env.shutdown.clone();
    let mut listener = Listener {
        caches,
        repeats: VecDeque::new(),
    };
    env.tasks.spawn("cache", async move {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let repeats = listener.repeats.front().map(|(at, _)| *at);
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = sweep.tick() => listener.caches.sweep(),
                () = async { tokio::time::sleep_until(repeats.unwrap_or_else(Instant::now)).await }, if repeats.is_some() => {
                    if let Some((_, tags)) = listener.repeats.pop_front() {
                        listener.caches.invalidate_everywhere(tags).await;
                    }
                }
                heard = async { records.as_mut().expect("the branch is on only with a broker").next().await },
                    if records.is_some() => match heard {
                    Some(Heard::Record(record)) => listener.take(&record).await,
                    Some(Heard::Missed) => {
                        tracing::info!("events may have been missed, and the caches were emptied");
                        listener.caches.clear().await;
                    }
                    None => records = None,
                },
            }
        }
    });
}

struct Listener {
    caches: Caches,
    /// Invalidations to repeat, and when.
    repeats: VecDeque<(Instant, BTreeSet<String>)>,
}

impl Listener {
    async fn take(&mut self, record: &Record) {
        let Some(tags) = CatalogEvent::decode(record.payload.clone())
            .ok()
            .and_then(|event| event.payload)
            .map(tags_of)
        else {
            // The event is of a newer catalogue version, so what it affects is unknown.
            self.caches.clear().await;
            return;
        };
        let now = Instant::now();
        match self.repeats.back_mut() {
            Some((at, waiting)) if *at >= now + LAG => waiting.extend(tags.iter().cloned()),
            _ => self.repeats.push_back((now + LAG + GATHER, tags.clone())),
        }
        self.caches.invalidate_everywhere(tags).await;
    }
}

impl Caches {
    /// Removes entries with these tags here, in the shared cache and at the storefront.
    async fn invalidate_everywhere(&self, tags: BTreeSet<String>) {
        self.invalidate(&tags).await;
        if let Some(storefront) = &self.storefront
            && storefront.try_send(tags).is_err()
        {
            tracing::warn!("the storefront is too far behind, so a change was not sent to it");
        }
    }

    /// Invalidates the shared cache first, then entities, then answers. An answer made of an outdated entity in between
    /// began before its own invalidation, and is not stored.
    async fn invalidate(&self, tags: &BTreeSet<String>) {
        if let Some(shared) = &self.shared {
            shared.invalidate(tags).await;
        }
        for responses in &self.responses {
            responses.invalidate(tags);
        }
    }

    async fn clear(&self) {
        if let Some(shared) = &self.shared {
            shared.clear().await;
        }
        for responses in &self.responses {
            responses.clear();
        }
    }

    fn sweep(&self) {
        for responses in &self.responses {
            responses.sweep();
        }
    }
}

/// The tags that an event affects. A change of stock affects only the product: lists that show it have its tag too. Filters
/// by availability may be outdated until their entry expires.
fn tags_of(payload: Payload) -> BTreeSet<String> {
    let tags = match payload {
        Payload::ProductChanged(event) => {
            vec![format!("product:{}", event.product_id), "products".to_owned()]
        }
        Payload::ProductDeleted(event) => {
            vec![format!("product:{}", event.product_id), "products".to_owned()]
        }
        Payload::StockChanged(event) => vec![format!("product:{}", event.product_id)],
        Payload::CategoryChanged(event) => category_tags(&event.category_id),
        Payload::CategoryDeleted(event) => category_tags(&event.category_id),
    };
    tags.into_iter().collect()
}

/// The name and place of a category appear with its products and in facets.
fn category_tags(id: &str) -> Vec<String> {
    vec![
        format!("category:{id}"),
        "categories".to_owned(),
        "products".to_owned(),
    ]
}
