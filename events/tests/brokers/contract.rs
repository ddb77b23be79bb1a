//! What every broker must hold.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use comptoir_events::{AUTH_TOPIC, CATALOG_TOPIC, Heard, ORDERS_TOPIC};
use comptoir_mesh::testing::SOON;
use futures::future::join_all;

use crate::{
    group::{Answer, Group},
    world::{FORMING, World, record},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_group_has_every_record_of_its_topics() {
    for world in World::each("every_group_has_every_record_of_its_topics") {
        let (everything, orders) = (Arc::new(Group::new("everything")), Arc::new(Group::new("orders")));
        world.register(&everything);
        world.register(&orders);
        for topic in [AUTH_TOPIC, CATALOG_TOPIC, ORDERS_TOPIC] {
            for sequence in 1..=5 {
                world.publish(&record(topic, topic, sequence)).await;
            }
        }
        everything.wait(15, FORMING).await;
        orders.wait(5, FORMING).await;
        assert!(orders.taken().iter().all(|record| record.topic == ORDERS_TOPIC));
        let sent = record(ORDERS_TOPIC, ORDERS_TOPIC, 1);
        assert!(orders.taken().contains(&sent), "a record arrives as it was sent");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keys_records_have_their_effects_in_order() {
    for world in World::each("a_keys_records_have_their_effects_in_order") {
        let group = Arc::new(Group::new("orders"));
        // A redelivered one is not overtaken either.
        for sequence in [3, 7] {
            group.answer(&format!("evt_order_1_{sequence}"), Answer::Unavailable);
        }
        world.register(&group);
        let mend = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            for sequence in [3, 7] {
                group.answer(&format!("evt_order_1_{sequence}"), Answer::Take);
            }
        };
        let world = &world;
        let publish = (0..20).map(|key| async move {
            for sequence in 1..=10 {
                world
                    .publish(&record(ORDERS_TOPIC, &format!("order_{key}"), sequence))
                    .await;
            }
        });
        tokio::join!(mend, join_all(publish));
        group.wait(200, FORMING).await;
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        for record in group.taken() {
            let expected = next.entry(record.key.clone()).or_insert(1);
            assert_eq!(record.sequence, *expected, "{}", record.key);
            *expected += 1;
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_comes_again_after_an_error() {
    for world in World::each("a_record_comes_again_after_an_error") {
        let group = Arc::new(Group::new("orders"));
        group.answer("evt_order_1_1", Answer::Unavailable);
        world.register(&group);
        let mend = async {
            while group.tries.load(std::sync::atomic::Ordering::Relaxed) < 3 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            group.answer("evt_order_1_1", Answer::Take);
        };
        let sent = record(ORDERS_TOPIC, "order_1", 1);
        tokio::join!(mend, world.publish(&sent));
        group.wait(1, FORMING).await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_fails_does_not_hold_another() {
    for world in World::each("a_group_that_fails_does_not_hold_another") {
        let (failing, orders) = (Arc::new(Group::new("everything")), Arc::new(Group::new("orders")));
        failing.answer("evt_order_1_1", Answer::Unavailable);
        world.register(&failing);
        world.register(&orders);
        let sent = record(ORDERS_TOPIC, "order_1", 1);
        let mend = async {
            orders.wait(1, FORMING).await;
            failing.answer("evt_order_1_1", Answer::Take);
        };
        tokio::join!(mend, world.publish(&sent));
        failing.wait(1, FORMING).await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_hear_from_now_on() {
    for world in World::each("listeners_hear_from_now_on") {
        world.publish(&record(CATALOG_TOPIC, "prod_1", 1)).await;
        let env = &world.test.env;
        let mut listeners = [
            world.broker.listen(env, CATALOG_TOPIC),
            world.broker.listen(env, CATALOG_TOPIC),
        ];
        if world.kafka.is_some() {
            // Listeners report when they have found the end.
            for listener in &mut listeners {
                let begun = tokio::time::timeout(FORMING, listener.next()).await.unwrap();
                assert_eq!(begun, Some(Heard::Missed));
            }
        }
        world.publish(&record(ORDERS_TOPIC, "order_1", 1)).await;
        for sequence in 2..=4 {
            let sent = record(CATALOG_TOPIC, "prod_1", sequence);
            world.publish(&sent).await;
            for listener in &mut listeners {
                let heard = tokio::time::timeout(SOON, listener.next()).await;
                assert_eq!(heard.expect("heard soon"), Some(Heard::Record(sent.clone())));
            }
        }
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_flow_on_within_a_second_of_a_poisoned_record() {
    for world in World::each("others_flow_on_within_a_second_of_a_poisoned_record") {
        let group = Arc::new(Group::new("orders"));
        group.answer("evt_order_1_1", Answer::Dead);
        world.register(&group);
        // The group has formed.
        world.publish(&record(ORDERS_TOPIC, "order_0", 1)).await;
        group.wait(1, FORMING).await;
        world.publish(&record(ORDERS_TOPIC, "order_1", 1)).await;
        for key in ["order_1", "order_2", "order_3", "order_4", "order_5"] {
            world.publish(&record(ORDERS_TOPIC, key, 2)).await;
        }
        group.wait(6, Duration::from_secs(1)).await;
        assert!(!group.ids().contains("evt_order_1_1"));
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_group_ends_nothing() {
    for world in World::each("a_panic_in_a_group_ends_nothing") {
        let group = Arc::new(Group::new("orders"));
        group.answer("evt_order_1_1", Answer::Panic);
        world.register(&group);
        let sent = record(ORDERS_TOPIC, "order_1", 1);
        let mend = async {
            while group.tries.load(std::sync::atomic::Ordering::Relaxed) < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            group.answer("evt_order_1_1", Answer::Take);
        };
        tokio::join!(mend, world.publish(&sent));
        world.publish(&record(ORDERS_TOPIC, "order_2", 1)).await;
        group.wait(2, FORMING).await;
        world.end().await;
    }
}
