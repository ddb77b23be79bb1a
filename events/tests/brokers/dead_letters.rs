//! Dead letters, on Kafka.

use std::{sync::Arc, time::Duration};

use comptoir_events::{ORDERS_TOPIC, redrive};
use rdkafka::{
    Message as _,
    admin::{AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    message::{Header, OwnedHeaders},
};

use crate::{
    group::{Answer, Group},
    world::{FORMING, World, record},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_says_why_and_where_from() {
    let Some(world) = World::kafka("a_dead_letter_says_why_and_where_from") else {
        return;
    };
    let group = Arc::new(Group::new("orders"));
    group.answer("evt_order_1_1", Answer::Dead);
    world.register(&group);
    world.publish(&record(ORDERS_TOPIC, "order_1", 1)).await;
    let server = world.server();
    let letter = server.dead_letters(ORDERS_TOPIC, 1).await.remove(0);
    let header = |name| letter.header(name);
    assert_eq!(header("reason").as_deref(), Some("UNWANTED"));
    assert_eq!(header("error").as_deref(), Some("this group does not want it"));
    assert_eq!(header("group").as_deref(), Some("orders"));
    assert_eq!(header("source-topic"), Some(server.name(ORDERS_TOPIC)));
    assert_eq!(header("source-offset").as_deref(), Some("0"));
    assert!(header("source-partition").is_some());
    assert_eq!(header("event-id").as_deref(), Some("evt_order_1_1"));
    assert_eq!(header("sequence").as_deref(), Some("1"));
    assert!(header("traceparent").is_some_and(|trace| trace.len() == 55));
    assert_eq!(
        (letter.0.key(), letter.payload()),
        (Some(&b"order_1"[..]), &b"order_1 1"[..])
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_record_is_put_aside_as_it_is() {
    let Some(world) = World::kafka("what_is_no_record_is_put_aside_as_it_is") else {
        return;
    };
    let group = Arc::new(Group::new("orders"));
    group.answer("evt_order_2_1", Answer::Broken);
    group.answer("evt_order_3_1", Answer::Panic);
    world.register(&group);
    world.publish(&record(ORDERS_TOPIC, "order_1", 1)).await;
    group.wait(1, FORMING).await;
    let server = world.server();
    let named = |name: &str, value: &str| {
        let header = Header {
            key: name,
            value: Some(value),
        };
        OwnedHeaders::new().insert(header)
    };
    server
        .write(ORDERS_TOPIC, "order_1", b"\xff\xff", OwnedHeaders::new())
        .await;
    server
        .write(ORDERS_TOPIC, "order_1", b"\xff", named("traceparent", "00-x"))
        .await;
    for key in ["order_2", "order_3"] {
        world.publish(&record(ORDERS_TOPIC, key, 1)).await;
    }
    for key in ["order_1", "order_2", "order_3", "order_4", "order_5"] {
        world.publish(&record(ORDERS_TOPIC, key, 2)).await;
    }
    group.wait(6, Duration::from_secs(1)).await;
    let dead_letters = server.dead_letters(ORDERS_TOPIC, 4).await;
    let mut reasons: Vec<_> = dead_letters
        .iter()
        .filter_map(|letter| letter.header("reason"))
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "HANDLER_FAILED",
            "HANDLER_FAILED",
            "MISSING_HEADERS",
            "MISSING_HEADERS"
        ]
    );
    assert!(dead_letters.iter().any(|letter| letter.payload() == b"\xff\xff"));
    assert!(
        dead_letters
            .iter()
            .any(|letter| letter.header("traceparent").as_deref() == Some("00-x"))
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_back_twice_has_one_effect() {
    let Some(world) = World::kafka("what_is_sent_back_twice_has_one_effect") else {
        return;
    };
    let group = Arc::new(Group::new("orders"));
    for key in ["order_1", "order_2"] {
        group.answer(&format!("evt_{key}_1"), Answer::Dead);
    }
    world.register(&group);
    for key in ["order_1", "order_2", "order_3"] {
        world.publish(&record(ORDERS_TOPIC, key, 1)).await;
    }
    group.wait(1, FORMING).await;
    let server = world.server();
    assert_eq!(server.dead_letters(ORDERS_TOPIC, 2).await.len(), 2);
    let again = || redrive(&server.brokers, server.settings.clone(), ORDERS_TOPIC);
    group.answer("evt_order_1_1", Answer::Take);
    assert_eq!(again().await.unwrap(), 2);
    group.wait(2, FORMING).await;
    // What is still poison is a dead letter again, and its headers do not accumulate.
    let dead_letters = server.dead_letters(ORDERS_TOPIC, 3).await;
    let poison: Vec<_> = dead_letters
        .iter()
        .filter(|letter| letter.header("event-id").as_deref() == Some("evt_order_2_1"))
        .collect();
    assert_eq!(poison.len(), 2);
    let headers = poison[1].0.headers().map(rdkafka::message::Headers::count);
    assert_eq!(headers, Some(10));
    group.answer("evt_order_2_1", Answer::Take);
    assert_eq!(again().await.unwrap(), 1);
    assert_eq!(again().await.unwrap(), 0);
    group.wait(3, FORMING).await;
    // The same dead letter again, as after a crash before its redrive was recorded.
    let headers = poison[0].0.headers().cloned().unwrap();
    let letters_topic = format!("{ORDERS_TOPIC}.dlq");
    server
        .write(&letters_topic, "order_2", poison[0].payload(), headers)
        .await;
    assert_eq!(again().await.unwrap(), 1);
    world.publish(&record(ORDERS_TOPIC, "order_4", 1)).await;
    group.wait(4, FORMING).await;
    assert_eq!(group.taken().len(), 4);
    let unknown = redrive(&server.brokers, server.settings.clone(), "comptoir.other.v1").await;
    assert!(unknown.unwrap_err().to_string().contains(ORDERS_TOPIC));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_waits_while_its_letter_cannot_be_written() {
    let Some(first) = World::kafka("a_partition_waits_while_its_letter_cannot_be_written") else {
        return;
    };
    let server = first.server();
    first.end().await;
    // With the same names, but a dead-letter topic that accepts nothing.
    let mut server = server;
    server.settings.prefix = format!("full-{}", server.settings.prefix);
    let name = format!("{}.dlq", server.name(ORDERS_TOPIC));
    let full = NewTopic::new(&name, 3, TopicReplication::Fixed(1)).set("max.message.bytes", "100");
    let made = server.admin().create_topics([&full], &AdminOptions::new()).await;
    assert!(made.unwrap()[0].is_ok());
    let world = World::on(server.clone());
    let group = Arc::new(Group::new("orders"));
    group.answer("evt_order_1_1", Answer::Dead);
    world.register(&group);
    world.publish(&record(ORDERS_TOPIC, "order_0", 1)).await;
    group.wait(1, FORMING).await;
    world.publish(&record(ORDERS_TOPIC, "order_1", 1)).await;
    world.publish(&record(ORDERS_TOPIC, "order_1", 2)).await;
    // Some of these are in other partitions.
    for key in 2..20 {
        world
            .publish(&record(ORDERS_TOPIC, &format!("order_{key}"), 1))
            .await;
    }
    group.wait(5, Duration::from_secs(1)).await;
    assert!(!group.ids().contains("evt_order_1_2"), "it is not overtaken");
    let open = AlterConfig::new(ResourceSpecifier::Topic(&name)).set("max.message.bytes", "1000000");
    let altered = server.admin().alter_configs([&open], &AdminOptions::new()).await;
    assert!(altered.unwrap()[0].is_ok());
    group.wait(20, FORMING).await;
    assert_eq!(server.dead_letters(ORDERS_TOPIC, 1).await.len(), 1);
    world.end().await;
}
