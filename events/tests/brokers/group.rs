//! A group that records what it consumes, and fails if a test says so.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use comptoir_events::{AUTH_TOPIC, CATALOG_TOPIC, Consumer, Death, ORDERS_TOPIC, Outcome, Record};
use comptoir_mesh::Error;
use tokio::sync::Notify;

/// What a group does with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Take,
    /// A transient error.
    Unavailable,
    /// A permanent error.
    Broken,
    Panic,
    Dead,
}

pub(crate) struct Group {
    name: &'static str,
    answers: Mutex<BTreeMap<String, Answer>>,
    taken: Mutex<Vec<Record>>,
    known: Mutex<BTreeSet<String>>,
    arrived: Notify,
    pub(crate) tries: AtomicU32,
}

impl Group {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            answers: Mutex::default(),
            taken: Mutex::default(),
            known: Mutex::default(),
            arrived: Notify::new(),
            tries: AtomicU32::new(0),
        }
    }

    /// Sets the answer for the event with this id.
    pub(crate) fn answer(&self, id: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(id.to_owned(), answer);
    }

    /// Events with an effect, in order; a redelivered event has none.
    pub(crate) fn taken(&self) -> Vec<Record> {
        self.taken.lock().unwrap().clone()
    }

    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.taken().into_iter().map(|record| record.id).collect()
    }

    /// Waits until this many events have had their effect.
    pub(crate) async fn wait(&self, count: usize, limit: Duration) {
        let enough = async {
            loop {
                let arrived = self.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                if self.taken().len() >= count {
                    return;
                }
                arrived.await;
            }
        };
        if tokio::time::timeout(limit, enough).await.is_err() {
            panic!(
                "{} of {count} after {limit:?}: {:?}",
                self.taken().len(),
                self.ids()
            );
        }
    }
}

#[async_trait]
impl Consumer for Group {
    fn group(&self) -> &'static str {
        self.name
    }

    fn topics(&self) -> &'static [&'static str] {
        if self.name == "everything" {
            &[AUTH_TOPIC, CATALOG_TOPIC, ORDERS_TOPIC]
        } else {
            &[ORDERS_TOPIC]
        }
    }

    async fn consume(&self, record: &Record) -> Result<Outcome, Error> {
        self.tries.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.lock().unwrap().get(&record.id).copied();
        match answer.unwrap_or(Answer::Take) {
            Answer::Take => {}
            Answer::Unavailable => return Err(Error::unavailable(std::io::Error::other("away"))),
            Answer::Broken => return Err(Error::internal(std::io::Error::other("broken"))),
            Answer::Panic => panic!("as the test says"),
            Answer::Dead => {
                return Ok(Outcome::Dead(Death {
                    reason: "UNWANTED",
                    error: "this group does not want it",
                }));
            }
        }
        if !self.known.lock().unwrap().insert(record.id.clone()) {
            return Ok(Outcome::Duplicate);
        }
        self.taken.lock().unwrap().push(record.clone());
        self.arrived.notify_waiters();
        Ok(Outcome::Taken)
    }

    async fn keep_dead_letter(&self, _: &Record, _: &Death) -> Result<(), Error> {
        Ok(())
    }
}
