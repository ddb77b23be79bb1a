//! Several relays on one outbox.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use comptoir_events::{ORDERS_TOPIC, Outbox, Publisher, Record, relay};
use comptoir_mesh::{Error, testing::TestEnv};
use tokio::{sync::Notify, time::Instant};

/// An outbox in memory, with a lease like a store's.
#[derive(Default)]
struct Memory {
    pending: Mutex<Vec<Record>>,
    lease: Mutex<Option<(String, Instant)>>,
    changed: Arc<Notify>,
    /// Whether the next call is never answered.
    swallows: AtomicBool,
}

impl Memory {
    fn write(&self, key: &str, sequence: u64) {
        self.pending.lock().unwrap().push(Record {
            topic: ORDERS_TOPIC,
            key: key.to_owned(),
            id: format!("evt_{key}_{sequence}"),
            sequence,
            payload: Bytes::new(),
        });
        self.changed.notify_one();
    }

    /// Another process takes the lease from its holder.
    fn steal(&self, holder: &str, until: Instant) {
        *self.lease.lock().unwrap() = Some((holder.to_owned(), until));
    }

    fn holder(&self) -> Option<String> {
        self.lease
            .lock()
            .unwrap()
            .as_ref()
            .map(|(holder, _)| holder.clone())
    }
}

#[async_trait]
impl Outbox for Memory {
    async fn pending(&self, limit: usize) -> Result<Vec<Record>, Error> {
        if self.swallows.swap(false, Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(self.pending.lock().unwrap().iter().take(limit).cloned().collect())
    }

    async fn done(&self, records: &[Record]) -> Result<(), Error> {
        self.pending
            .lock()
            .unwrap()
            .retain(|entry| !records.contains(entry));
        Ok(())
    }

    async fn lease(&self, holder: &str, length: Duration) -> Result<bool, Error> {
        let mut lease = self.lease.lock().unwrap();
        let now = Instant::now();
        let free = lease
            .as_ref()
            .is_none_or(|(other, until)| other == holder || *until <= now);
        if free {
            *lease = Some((holder.to_owned(), now + length));
        }
        Ok(free)
    }

    fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }
}

/// The publications: relay, key, sequence.
type Entry = (&'static str, String, u64);

/// Records publications; each takes a while.
#[derive(Clone, Default)]
struct Log {
    entries: Arc<Mutex<Vec<Entry>>>,
    took: Duration,
}

struct Named(&'static str, Log);

#[async_trait]
impl Publisher for Named {
    async fn publish(&self, record: &Record) -> Result<(), Error> {
        tokio::time::sleep(self.1.took).await;
        let entry = (self.0, record.key.clone(), record.sequence);
        self.1.entries.lock().unwrap().push(entry);
        Ok(())
    }
}

async fn emptied(outbox: &Memory) {
    while !outbox.pending.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_relays_and_the_other_takes_over_when_it_stops() {
    let (first, second) = (TestEnv::new(), TestEnv::new());
    let (outbox, log) = (Arc::new(Memory::default()), Log::default());
    outbox.write("order_1", 1);
    relay(&first.env, outbox.clone(), Named("first", log.clone()));
    emptied(&outbox).await;
    relay(&second.env, outbox.clone(), Named("second", log.clone()));
    for sequence in 2..=20 {
        outbox.write("order_1", sequence);
        emptied(&outbox).await;
    }
    let by_whom: Vec<_> = log
        .entries
        .lock()
        .unwrap()
        .iter()
        .map(|(name, ..)| *name)
        .collect();
    assert_eq!(by_whom, vec!["first"; 20]);
    first.env.shutdown.cancel();
    first.env.tasks.finished().await;
    let begun = Instant::now();
    outbox.write("order_1", 21);
    emptied(&outbox).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "the lease was given up");
    assert_eq!(
        log.entries.lock().unwrap().last(),
        Some(&("second", "order_1".to_owned(), 21))
    );
}

#[tokio::test]
async fn a_lease_of_one_that_died_ends() {
    let test = TestEnv::new();
    let (outbox, log) = (Arc::new(Memory::default()), Log::default());
    outbox.steal("dead", Instant::now() + Duration::from_secs(5));
    outbox.write("order_1", 1);
    relay(&test.env, outbox.clone(), Named("heir", log.clone()));
    let begun = Instant::now();
    emptied(&outbox).await;
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_secs(5) && took < Duration::from_secs(15),
        "{took:?}"
    );
    assert_ne!(outbox.holder().as_deref(), Some("dead"));
}

#[tokio::test]
async fn who_loses_the_lease_stops_and_nobody_is_overtaken() {
    let (slow, quick) = (TestEnv::new(), TestEnv::new());
    let outbox = Arc::new(Memory::default());
    let log = Log {
        took: Duration::from_millis(200),
        ..Log::default()
    };
    for sequence in 1..=20 {
        outbox.write("order_1", sequence);
    }
    relay(&slow.env, outbox.clone(), Named("slow", log.clone()));
    tokio::time::sleep(Duration::from_millis(500)).await;
    // As after a pause longer than its lease.
    outbox.steal("quick", Instant::now());
    relay(&quick.env, outbox.clone(), Named("quick", log.clone()));
    emptied(&outbox).await;
    let entries = log.entries.lock().unwrap().clone();
    let slow_ones = entries.iter().filter(|(name, ..)| *name == "slow").count();
    assert!(slow_ones < 12, "{entries:?}");
    let mut next: BTreeMap<&str, u64> = BTreeMap::new();
    let mut furthest = 0;
    for (name, _, sequence) in &entries {
        assert!(
            *sequence <= furthest + 1,
            "{sequence} came before {}",
            furthest + 1
        );
        furthest = furthest.max(*sequence);
        let expected = next.entry(name).or_insert(1);
        assert_eq!(sequence, expected, "{name}");
        *expected += 1;
    }
    assert_eq!(furthest, 20);
}

#[tokio::test]
async fn a_long_round_keeps_its_lease() {
    let (first, second) = (TestEnv::new(), TestEnv::new());
    let outbox = Arc::new(Memory::default());
    let log = Log {
        took: Duration::from_millis(1500),
        ..Log::default()
    };
    for sequence in 1..=5 {
        outbox.write("order_1", sequence);
    }
    relay(&first.env, outbox.clone(), Named("first", log.clone()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    relay(&second.env, outbox.clone(), Named("second", log.clone()));
    emptied(&outbox).await;
    let entries = log.entries.lock().unwrap().clone();
    assert_eq!(entries.len(), 5, "{entries:?}");
    assert!(entries.iter().all(|(name, ..)| *name == "first"));
}

/// Records what it publishes, and fails if the test says so.
#[derive(Clone, Default)]
struct Away {
    asked: Arc<Mutex<Vec<String>>>,
    fail: Arc<Notify>,
}

#[async_trait]
impl Publisher for Away {
    async fn publish(&self, record: &Record) -> Result<(), Error> {
        self.asked.lock().unwrap().push(record.key.clone());
        self.fail.notified().await;
        Err(Error::unavailable(anyhow::anyhow!("away")))
    }
}

#[tokio::test]
async fn a_publisher_that_is_away_is_not_asked_for_every_key() {
    let test = TestEnv::new();
    let (outbox, publisher) = (Arc::new(Memory::default()), Away::default());
    for order in 0..100 {
        outbox.write(&format!("order_{order}"), 1);
    }
    relay(&test.env, outbox.clone(), publisher.clone());
    let asked = async |at_least: usize| {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut asked = publisher.asked.lock().unwrap();
            if asked.len() >= at_least {
                let mut keys = std::mem::take(&mut *asked);
                keys.sort_unstable();
                return keys;
            }
        }
    };
    let first = asked(1).await;
    assert!(first.len() < 50, "{first:?}");
    publisher.fail.notify_waiters();
    assert_eq!(
        asked(first.len()).await,
        first,
        "the next round begins where the first did"
    );
}

#[tokio::test]
async fn a_store_that_swallows_a_question_does_not_keep_the_events() {
    let test = TestEnv::new();
    let (outbox, log) = (Arc::new(Memory::default()), Log::default());
    outbox.swallows.store(true, Ordering::SeqCst);
    outbox.write("order_1", 1);
    relay(&test.env, outbox.clone(), Named("patient", log.clone()));
    tokio::time::timeout(comptoir_mesh::testing::PATIENCE, emptied(&outbox))
        .await
        .expect("the relay waits for ever for an answer");
}
