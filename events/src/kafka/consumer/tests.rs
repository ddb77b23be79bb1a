use std::sync::Arc;

use bytes::Bytes;
use rdkafka::admin::AdminOptions;
use tokio::sync::watch as channel;

use super::{super::dead_letter_topic, *};
use crate::{Death, ORDERS_TOPIC, Outcome, Publisher as _, Record};
use comptoir_mesh::config::KafkaSettings;
use comptoir_mesh::{
    error::Error,
    testing::{PATIENCE, TestEnv, server},
};

/// Counts the records it takes.
struct Counter(channel::Sender<usize>);

#[async_trait::async_trait]
impl Consumer for Counter {
    fn group(&self) -> &'static str {
        "counter"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[ORDERS_TOPIC]
    }

    async fn consume(&self, _: &Record) -> Result<Outcome, Error> {
        self.0.send_modify(|count| *count += 1);
        Ok(Outcome::Taken)
    }

    async fn keep_dead_letter(&self, _: &Record, _: &Death) -> Result<(), Error> {
        Ok(())
    }
}

fn record(sequence: u64) -> Record {
    Record {
        topic: ORDERS_TOPIC,
        key: "order_1".to_owned(),
        id: format!("evt_{sequence}"),
        sequence,
        payload: Bytes::new(),
    }
}

#[tokio::test]
async fn what_a_client_does_not_read_another_one_reads() {
    let Some(brokers) = server("KAFKA_BROKERS", "what_a_client_does_not_read_another_one_reads") else {
        return;
    };
    let test = TestEnv::new();
    let settings = KafkaSettings {
        prefix: format!("test-{}.", test.env.ids.ulid()),
        partitions: 1,
        ..KafkaSettings::default()
    };
    let kafka = Kafka::open(&test.env, &brokers, settings).expect("settings are right");
    kafka.topics_there().await;
    let (counter, mut count) = channel::channel(0);
    let mut group = Group {
        kafka: kafka.clone(),
        consumer: Arc::new(Counter(counter)),
        topic: ORDERS_TOPIC,
        shutdown: test.env.shutdown.clone(),
        generation: 0,
    };
    let mut watch = Watch::every(Duration::from_millis(500));

    let client = group.open().expect("a client");
    let seen = Arc::downgrade(&client);
    let stopped = async {
        kafka.publish(&record(1)).await.expect("it is published");
        count.wait_for(|count| *count == 1).await.expect("it is taken");
        // An idle client is not replaced.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let client = seen.upgrade().expect("it reads");
        // As if the client had lost the partition.
        let list = client.context().list((ORDERS_TOPIC, 0), Offset::Invalid);
        client.pause(&list).expect("it is its partition");
        drop(client);
        kafka.publish(&record(2)).await.expect("it is published");
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = tokio::time::timeout(PATIENCE, group.read(client, &mut watch)) => ended.expect("it ends"),
        () = stopped => unreachable!("it waits for ever"),
    };
    let error = ended.expect_err("the partition stands still").to_string();
    assert_eq!(error, "partition 0 has records and is not read");

    let client = group.open().expect("a client");
    tokio::select! {
        _ = group.read(client, &mut watch) => panic!("nothing stands still"),
        taken = tokio::time::timeout(PATIENCE, count.wait_for(|count| *count == 2)) => {
            taken.expect("it is taken").expect("the counter is there");
        }
    }

    test.env.shutdown.cancel();
    let admin: rdkafka::admin::AdminClient<_> = kafka.config(&[], &[]).create().expect("a client");
    let topics = crate::TOPICS.map(|topic| kafka.name(topic));
    let dead_letters = topics.each_ref().map(|topic| dead_letter_topic(topic));
    let names: Vec<&str> = topics.iter().chain(&dead_letters).map(String::as_str).collect();
    let _ = admin.delete_topics(&names, &AdminOptions::new()).await;
}
