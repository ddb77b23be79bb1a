//! What the servers hold afterwards: the orders' store, and the topic that tells of them.

use std::{collections::BTreeMap, time::Duration};

use comptoir_e2e::cluster::Cluster;
use comptoir_proto::orders::v1::{OrderEvent, order_event::Payload};
use mongodb::{
    Collection,
    bson::{Document, doc},
};
use prost::Message as _;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};

/// How long the broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(20);

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

    /// Orders that are on their way, and those with events that nobody was told of yet.
    pub(crate) async fn open(&self) -> (u64, u64) {
        let moving = doc! { "state": { "$in": ["PENDING_PAYMENT", "PLACED"] } };
        let untold = doc! { "outbox.0": { "$exists": true } };
        (
            self.0.count_documents(moving).await.unwrap(),
            self.0.count_documents(untold).await.unwrap(),
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
pub(crate) type Told = BTreeMap<String, Vec<Event>>;

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) paid: bool,
}

/// Everything that the orders' topic holds; none of it may be dead.
pub(crate) async fn told(cluster: &Cluster) -> Told {
    let brokers = cluster.setting("KAFKA_BROKERS").to_owned();
    let prefix = cluster.setting("COMPTOIR_KAFKA_PREFIX").to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let reader = Reader::of(&brokers);
        let dead = reader.records(&format!("{prefix}comptoir.orders.v1.dlq"));
        assert_eq!(dead.len(), 0, "there are dead letters");
        reader.records(&format!("{prefix}comptoir.orders.v1"))
    });
    let mut told = Told::new();
    for (key, payload) in read.await.unwrap() {
        let event = OrderEvent::decode(payload.as_slice()).unwrap();
        assert_eq!(key, event.aggregate_id, "the record's key");
        told.entry(key).or_default().push(Event {
            id: event.id,
            sequence: event.sequence,
            paid: matches!(event.payload, Some(Payload::Paid(_))),
        });
    }
    told
}

struct Reader(BaseConsumer);

impl Reader {
    fn of(brokers: &str) -> Self {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "chaos")
            .set("enable.auto.commit", "false")
            .create();
        Self(consumer.unwrap())
    }

    /// Every record of a topic, with its key.
    fn records(&self, topic: &str) -> Vec<(String, Vec<u8>)> {
        let metadata = self.0.fetch_metadata(Some(topic), ANSWER).unwrap();
        let mut from = TopicPartitionList::new();
        let mut expected = 0;
        for partition in metadata.topics()[0].partitions() {
            let (first, end) = self.0.fetch_watermarks(topic, partition.id(), ANSWER).unwrap();
            expected += usize::try_from(end - first).unwrap();
            from.add_partition_offset(topic, partition.id(), Offset::Beginning)
                .unwrap();
        }
        self.0.assign(&from).unwrap();
        let mut records = Vec::with_capacity(expected);
        while records.len() < expected {
            let record = self.0.poll(ANSWER).expect("the records come").unwrap();
            let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
            records.push((key, record.payload().unwrap_or_default().to_vec()));
        }
        records
    }
}
