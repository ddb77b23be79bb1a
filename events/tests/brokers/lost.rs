//! Nothing is lost between processes that start and end, on Kafka.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use comptoir_events::{Broker, Kafka, ORDERS_TOPIC, Publisher as _, Record};
use comptoir_mesh::config::KafkaSettings;
use comptoir_mesh::testing::PATIENCE;

use crate::{
    group::Group,
    world::{FORMING, World, record},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_goes_on_where_it_ended() {
    let Some(first) = World::kafka("a_consumer_goes_on_where_it_ended") else {
        return;
    };
    let before = Arc::new(Group::new("orders"));
    first.register(&before);
    for sequence in 1..=50 {
        first.publish(&record(ORDERS_TOPIC, "order_1", sequence)).await;
    }
    before.wait(50, FORMING).await;
    for sequence in 51..=100 {
        first.publish(&record(ORDERS_TOPIC, "order_1", sequence)).await;
    }
    first.stop().await;
    let second = World::on(first.server());
    for sequence in 101..=120 {
        second.publish(&record(ORDERS_TOPIC, "order_1", sequence)).await;
    }
    let after = Arc::new(Group::new("orders"));
    second.register(&after);
    let missing = 120 - before.taken().len();
    after.wait(missing, FORMING).await;
    let both: BTreeSet<String> = before.ids().union(&after.ids()).cloned().collect();
    assert_eq!(both.len(), 120);
    assert!(
        after.taken().len() <= missing + 64,
        "what was committed does not come again"
    );
    second.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_share_and_take_over() {
    let Some(first) = World::kafka("members_of_a_group_share_and_take_over") else {
        return;
    };
    let second = World::on(first.server());
    // They read several topics, and share the partitions of each.
    let [left, right] = [(); 2].map(|()| Arc::new(Group::new("everything")));
    first.register(&left);
    second.register(&right);
    let publish = |range: std::ops::Range<u64>| {
        let first = &first;
        async move {
            for number in range {
                first
                    .publish(&record(ORDERS_TOPIC, &format!("order_{number}"), 1))
                    .await;
            }
        }
    };
    let all = |count: usize| {
        let (left, right) = (&left, &right);
        async move {
            let begun = std::time::Instant::now();
            while left.ids().union(&right.ids()).count() < count {
                assert!(
                    begun.elapsed() < FORMING,
                    "{:?} {:?}",
                    left.ids().len(),
                    right.ids().len()
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    publish(0..30).await;
    all(30).await;
    // Until both have some partitions.
    let mut next = 30;
    let begun = std::time::Instant::now();
    while left.taken().is_empty() || right.taken().is_empty() {
        assert!(begun.elapsed() < FORMING, "one member has everything");
        publish(next..next + 10).await;
        next += 10;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    publish(next..next + 30).await;
    second.stop().await;
    publish(next + 30..next + 60).await;
    all(usize::try_from(next + 60).unwrap()).await;
    first.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_too_large_is_refused() {
    let Some(world) = World::kafka("a_record_too_large_is_refused") else {
        return;
    };
    let group = Arc::new(Group::new("orders"));
    world.register(&group);
    let large = |size| Record {
        payload: Bytes::from(vec![7; size]),
        ..record(ORDERS_TOPIC, "order_1", 1)
    };
    let error = world.broker.publish(&large(1024 * 1024 + 1)).await.unwrap_err();
    assert!(format!("{error:?}").contains("evt_order_1_1"), "{error:?}");
    world.publish(&large(1024 * 1024)).await;
    group.wait(1, FORMING).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_away_are_an_error_that_passes() {
    let test = comptoir_mesh::testing::TestEnv::new();
    let kafka = Kafka::open(&test.env, "127.0.0.1:1", KafkaSettings::default()).unwrap();
    let error = Broker::from(kafka)
        .publish(&record(ORDERS_TOPIC, "order_1", 1))
        .await
        .unwrap_err();
    assert!(error.passes_by_itself(), "{error:?}");
    test.env.shutdown.cancel();
    let finished = tokio::time::timeout(PATIENCE, test.env.tasks.finished());
    finished.await.expect("no task waits for unreachable brokers");
}

#[tokio::test]
async fn settings_that_would_lose_events_are_refused_by_name() {
    let test = comptoir_mesh::testing::TestEnv::new();
    let settings = KafkaSettings {
        properties: "no.such.property=1".parse().unwrap(),
        ..KafkaSettings::default()
    };
    let error = Kafka::open(&test.env, "127.0.0.1:1", settings).err().unwrap();
    assert!(
        format!("{error:#}").starts_with("COMPTOIR_KAFKA_PROPERTIES: "),
        "{error:#}"
    );
    let error = Kafka::open(&test.env, "kafka://127.0.0.1", KafkaSettings::default())
        .err()
        .unwrap();
    assert!(error.to_string().starts_with("KAFKA_BROKERS: "), "{error}");
}
