//! Records that the notifier can never process: each becomes one dead letter while other events pass, and a redrive has one effect
//! at most.

use std::{collections::BTreeMap, time::Duration};

use comptoir_e2e::{
    Buyer,
    cluster::{Cluster, Name, Servers},
    mails::mails,
    shop::eventually,
    topic::OrdersTopic,
};
use comptoir_events::ORDERS_TOPIC;
use comptoir_proto::orders::v1::{OrderEvent, OrderPlaced, order_event::Payload};
use futures::future::join_all;
use prost::Message as _;
use prost_types::Timestamp;
use rdkafka::{
    Message as _,
    message::{Header, Headers as _, OwnedHeaders, OwnedMessage},
    producer::FutureRecord,
};
use serde_json::{Value, json};

use crate::ONE_AT_A_TIME;
/// Longer than any wait that is not measured.
const WAIT: Duration = Duration::from_secs(60);
/// How long a poison record may delay others.
const IN_THE_WAY: f64 = 1.0;
const KEY: &str = "order_poison";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn with(headers: OwnedHeaders, (key, value): (&str, &str)) -> OwnedHeaders {
    headers.insert(Header {
        key,
        value: Some(value),
    })
}

/// What every record carries.
fn headers_of(event_id: &str) -> OwnedHeaders {
    [("event-id", event_id), ("sequence", "1"), ("traceparent", TRACE)]
        .into_iter()
        .fold(OwnedHeaders::new(), with)
}

/// A header that occurs once.
fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let mut named = headers.iter().filter(|header| header.key == name);
    let value = std::str::from_utf8(named.next()?.value?).unwrap().to_owned();
    assert!(named.next().is_none(), "{name} is there twice: {message:?}");
    Some(value)
}

/// An event that a later version of the orders service may write.
fn of_later_version(id: &str) -> OrderEvent {
    OrderEvent {
        id: id.to_owned(),
        aggregate_id: KEY.to_owned(),
        sequence: 1,
        schema_version: 2,
        ..OrderEvent::default()
    }
}

/// Adds a dead letter, as by a notifier that could not process the event at the time.
async fn put_aside(orders: &OrdersTopic, event: &OrderEvent, reason: &str) {
    let dead = [
        ("reason", reason),
        ("error", "a reason that no longer holds"),
        ("group", "notifier"),
        ("source-topic", &orders.name),
        ("source-partition", "0"),
        ("source-offset", "0"),
    ];
    let headers = dead.into_iter().fold(headers_of(&event.id), with);
    let payload = event.encode_to_vec();
    let record = FutureRecord::to(&orders.dead_letters).key(event.aggregate_id.as_bytes());
    orders.write(record.payload(&payload[..]).headers(headers)).await;
}

/// A cluster whose notifier has its partitions: it has sent the mails of a first order.
struct World {
    cluster: Cluster,
    admin: String,
    lamp: String,
    orders: OrdersTopic,
}

impl World {
    async fn start(servers: &Servers) -> Self {
        let cluster = Cluster::start(servers, 1, &[]).await;
        let admin = cluster.admin().await;
        let lamp = cluster.add_product(&admin, "Lamp", "49.90", 1000).await;
        let world = Self {
            orders: OrdersTopic::of(&cluster),
            cluster,
            admin,
            lamp,
        };
        world.buy("first", 1).await;
        world.sent(2).await;
        world
    }

    /// Redrives the dead letters by the command for operators; returns its output.
    async fn redrive(&self) -> String {
        let mut command = self.cluster.operator();
        let output = command
            .args(["events", "redrive", ORDERS_TOPIC])
            .output()
            .await
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// This many orders at once.
    async fn buy(&self, name: &str, count: usize) {
        join_all((0..count).map(async |number| {
            let name = format!("{name}-{number}-{}", self.cluster.id);
            let buyer = Buyer::with_cart(&self.cluster, &name, &[(&self.lamp, 1)]).await;
            let answer = buyer.complete("tok_visa", "the-key").await;
            assert_eq!(answer.kind, "CartCompleteSuccess", "{answer:?}");
        }))
        .await;
    }

    /// The deliveries, once there are this many and all are sent.
    async fn sent(&self, count: usize) -> Vec<Value> {
        let query =
            "{ adminDeliveries(first: 100) { nodes { recipient template status createdAt sentAt } } }";
        let deliveries = eventually("the mails are sent", WAIT, || async {
            let mut data = self.cluster.graphql(Some(&self.admin), query, json!({})).await;
            let Value::Array(all) = data["adminDeliveries"]["nodes"].take() else {
                return None;
            };
            let sent = all.iter().filter(|delivery| delivery["status"] == "sent").count();
            (sent == all.len() && sent >= count).then_some(all)
        })
        .await;
        assert_eq!(deliveries.len(), count, "{deliveries:#?}");
        deliveries
    }

    /// How many events reached the notifier that it had processed before.
    async fn duplicates(&self) -> f64 {
        let notifier = self.cluster.of(Name::Notifier).next().unwrap();
        notifier
            .metric("events_consumed_total", "outcome=\"duplicate\"")
            .await
    }

    /// How many mails went to each address.
    async fn mails(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for mail in mails(&self.cluster, &self.cluster.id).await {
            *all.entry(mail.to).or_default() += 1;
        }
        all
    }
}

/// For the orders of buyers with this name: the longest times, in seconds, from publishing an event until the notifier had
/// recorded it, and until its mail was sent; and the number of events.
fn delays(name: &str, events: &[(OrderEvent, OwnedMessage)], deliveries: &[Value]) -> (usize, f64, f64) {
    let (mut count, mut taken, mut sent) = (0, 0.0_f64, 0.0_f64);
    for (event, message) in events {
        let template = match event.payload {
            Some(Payload::Placed(_)) => "order_placed",
            Some(Payload::Paid(_)) => "order_paid",
            _ => continue,
        };
        let buyer = event.order.as_ref().unwrap().email.as_str();
        if !buyer.starts_with(name) {
            continue;
        }
        let of = |delivery: &&Value| delivery["recipient"] == buyer && delivery["template"] == template;
        let delivery = deliveries.iter().find(of).unwrap();
        let published = message.timestamp().to_millis().unwrap() as f64 / 1000.0;
        let since = |field: &str| {
            let at: Timestamp = delivery[field].as_str().unwrap().parse().unwrap();
            at.seconds as f64 + f64::from(at.nanos) / 1e9 - published
        };
        count += 1;
        taken = taken.max(since("createdAt"));
        sent = sent.max(since("sentAt"));
    }
    (count, taken, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_becomes_a_dead_letter_and_other_events_pass() {
    let Some(servers) = Servers::of_environment("poison_becomes_a_dead_letter_and_other_events_pass") else {
        return;
    };
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = World::start(&servers).await;
    let orders = &world.orders;
    world.buy("calm", 12).await;
    world.sent(26).await;

    // Ahead of all other records, in every partition.
    let (partitions, _) = orders.read(&orders.name).await;
    let mut poison = BTreeMap::new();
    for partition in 0..partitions {
        for (reason, id) in [("DECODE_ERROR", "bytes"), ("UNSUPPORTED_VERSION", "later")] {
            let id = format!("evt_{id}_{partition}");
            let payload = match reason {
                "DECODE_ERROR" => b"\xff\xff are no event".to_vec(),
                _ => of_later_version(&id).encode_to_vec(),
            };
            let record = FutureRecord::to(&orders.name)
                .partition(partition)
                .key(KEY.as_bytes());
            let record = record.payload(&payload[..]).headers(headers_of(&id));
            poison.insert(orders.write(record).await, (reason, id, payload));
        }
    }
    world.buy("behind", 12).await;
    let deliveries = world.sent(50).await;

    let events = orders.events().await;
    for (_, message) in events.iter().filter(|(event, _)| {
        let order = event.order.as_ref();
        order.is_some_and(|order| order.email.starts_with("behind"))
    }) {
        let before = (message.partition(), message.offset());
        let in_front = poison
            .keys()
            .filter(|(partition, offset)| *partition == before.0 && *offset < before.1);
        assert_eq!(in_front.count(), 2, "{before:?}");
    }
    let (calm, calm_taken, calm_sent) = delays("calm", &events, &deliveries);
    let (behind, taken, sent) = delays("behind", &events, &deliveries);
    println!(
        "taken after {taken:.3} s, {calm_taken:.3} s without poison; sent after {sent:.3} s, {calm_sent:.3} s without"
    );
    assert_eq!((calm, behind), (24, 24));
    assert!(taken <= IN_THE_WAY, "taken {taken} s after it was published");
    assert!(
        sent <= calm_sent + IN_THE_WAY,
        "sent after {sent} s, without poison after {calm_sent} s"
    );

    for letter in orders.dead_letters(poison.len()).await {
        let number = |name: &str| header(&letter, name).unwrap().parse::<i64>().unwrap();
        let place = (
            i32::try_from(number("source-partition")).unwrap(),
            number("source-offset"),
        );
        let (reason, id, payload) = poison.remove(&place).expect("each of them is there once");
        assert_eq!(header(&letter, "reason").as_deref(), Some(reason));
        assert_eq!(header(&letter, "source-topic"), Some(orders.name.clone()));
        assert_eq!(header(&letter, "group").as_deref(), Some("notifier"));
        assert!(header(&letter, "error").is_some_and(|error| !error.is_empty()));
        assert_eq!(header(&letter, "event-id"), Some(id));
        assert_eq!(header(&letter, "traceparent").as_deref(), Some(TRACE));
        assert_eq!(
            (letter.key(), letter.payload()),
            (Some(KEY.as_bytes()), Some(&payload[..]))
        );
    }
    assert!(world.mails().await.values().all(|count| *count == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_has_one_effect_at_most() {
    let Some(servers) = Servers::of_environment("a_redrive_has_one_effect_at_most") else {
        return;
    };
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = World::start(&servers).await;
    let orders = &world.orders;
    let events = orders.events().await;
    let placed = |(event, _): &&(OrderEvent, OwnedMessage)| matches!(event.payload, Some(Payload::Placed(_)));
    let (handled, _) = events.iter().find(placed).unwrap();

    // One that was processed although it is a dead letter, one that an older notifier did not know, and poison.
    let mut order = handled.order.clone().unwrap();
    order.email = format!("mended-{}@buyer.example", world.cluster.id);
    let mended = OrderEvent {
        id: format!("evt_mended_{}", world.cluster.id),
        aggregate_id: "order_mended".to_owned(),
        sequence: 1,
        order: Some(order.clone()),
        payload: Some(Payload::Placed(OrderPlaced {})),
        ..handled.clone()
    };
    put_aside(orders, handled, "HANDLER_FAILED").await;
    put_aside(orders, &mended, "UNSUPPORTED_VERSION").await;
    let poison = FutureRecord::to(&orders.name)
        .key(KEY.as_bytes())
        .headers(headers_of("evt_bytes"));
    orders.write(poison.payload(&b"\xff\xff are no event"[..])).await;
    orders.dead_letters(3).await;

    let repeated = async |times: f64| {
        eventually("the processed event came again", WAIT, || async {
            (world.duplicates().await == times).then_some(())
        })
        .await;
    };
    assert_eq!(world.redrive().await, "3 records were published again");
    world.sent(3).await;
    repeated(1.0).await;
    // Poison becomes a dead letter again, and is redriven again; the others are not.
    orders.dead_letters(4).await;
    assert_eq!(world.redrive().await, "1 record was published again");
    orders.dead_letters(5).await;
    // As after a crash between redriving a dead letter and recording that.
    put_aside(orders, &mended, "UNSUPPORTED_VERSION").await;
    assert_eq!(world.redrive().await, "2 records were published again");
    repeated(2.0).await;

    world.buy("marker", 1).await;
    world.sent(5).await;
    let dead_letters = orders.dead_letters(7).await;
    let poison: Vec<&OwnedMessage> = dead_letters
        .iter()
        .filter(|letter| letter.key() == Some(KEY.as_bytes()))
        .collect();
    assert_eq!(poison.len(), 4);
    for letter in poison {
        assert_eq!(header(letter, "reason").as_deref(), Some("DECODE_ERROR"));
        assert_eq!(header(letter, "traceparent").as_deref(), Some(TRACE));
        assert_eq!(letter.headers().unwrap().count(), 9, "{letter:?}");
    }
    let mails = world.mails().await;
    assert_eq!(mails.get(&order.email), Some(&1), "{mails:?}");
    assert_eq!(mails.values().sum::<usize>(), 5, "{mails:?}");
}
