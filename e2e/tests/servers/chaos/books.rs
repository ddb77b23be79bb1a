//! The state of the servers afterwards: the orders' store, and the topic of their events.

use std::collections::BTreeMap;

use comptoir_e2e::{cluster::Cluster, topic::OrdersTopic};
use comptoir_proto::orders::v1::order_event::Payload;
use mongodb::{
    Collection,
    bson::{Document, doc},
};
use rdkafka::{Message as _, producer::FutureRecord};

/// The key of the poison record.
const POISON: &str = "order_poison";

/// The orders' store.
pub(crate) struct Orders(Collection<Document>);

/// An order as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) state: String,
    pub(crate) total: i64,
    pub(crate) email: String,
    /// How many events it wrote.
    pub(crate) events: i64,
}

impl Orders {
    pub(crate) async fn of(cluster: &Cluster) -> Self {
        let client = mongodb::Client::with_uri_str(cluster.setting("COMPTOIR_ORDERS_STORE"));
        let database = client.await.unwrap().default_database().unwrap();
        Self(database.collection("orders"))
    }

    /// How many orders are unfinished, and how many have unpublished events.
    pub(crate) async fn open(&self) -> (u64, u64) {
        let moving = doc! { "state": { "$in": ["PENDING_PAYMENT", "PLACED"] } };
        let unpublished = doc! { "outbox.0": { "$exists": true } };
        (
            self.0.count_documents(moving).await.unwrap(),
            self.0.count_documents(unpublished).await.unwrap(),
        )
    }

    /// All of them by their ids.
    pub(crate) async fn all(&self) -> BTreeMap<String, Stored> {
        let mut found = self.0.find(doc! {}).await.unwrap();
        let mut orders = BTreeMap::new();
        while found.advance().await.unwrap() {
            let row = found.deserialize_current().unwrap();
            let order = row.get_document("order").unwrap();
            let contents = order.get_document("contents").ok();
            let cost = contents.and_then(|contents| contents.get_document("cost").ok());
            let email = contents.and_then(|contents| contents.get_str("email").ok());
            let stored = Stored {
                state: row.get_str("state").unwrap().to_owned(),
                total: cost.map_or(0, |cost| cost.get_i64("total").unwrap()),
                email: email.unwrap_or_default().to_owned(),
                events: order.get_i64("events").unwrap(),
            };
            orders.insert(row.get_str("_id").unwrap().to_owned(), stored);
        }
        orders
    }
}

/// An order's events in the order in which the topic has them.
pub(crate) type Published = BTreeMap<String, Vec<Event>>;

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) paid: bool,
}

/// Writes a record that no consumer can process.
pub(crate) async fn poison(topic: &OrdersTopic) {
    let record = FutureRecord::to(&topic.name).key(POISON.as_bytes());
    topic.write(record.payload(&b"\xff\xff are no event"[..])).await;
}

/// The events in the orders' topic. It has one dead letter, the poison record.
pub(crate) async fn published(topic: &OrdersTopic) -> Published {
    let dead_letters = topic.dead_letters(1).await;
    assert_eq!(dead_letters[0].key(), Some(POISON.as_bytes()));
    let mut published = Published::new();
    for (event, record) in topic.events().await {
        assert_eq!(record.key(), Some(event.aggregate_id.as_bytes()), "{event:?}");
        published.entry(event.aggregate_id).or_default().push(Event {
            id: event.id,
            sequence: event.sequence,
            paid: matches!(event.payload, Some(Payload::Paid(_))),
        });
    }
    published
}
