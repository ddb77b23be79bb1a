//! Creates missing topics.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    types::RDKafkaErrorCode,
};
use tokio::{sync::Mutex, time::Instant};

use comptoir_mesh::config::KafkaSettings;

use super::{PAUSE, link::Link};
use crate::TOPICS;

const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest record with its headers. A dead letter has more headers.
const MAX_RECORD: &str = "1114112";
const MAX_LETTER: &str = "1179648";
/// Dead letters are kept for 30 days.
const LETTER_RETENTION_MS: &str = "2592000000";
/// Replicas that must have an event, if there are enough replicas for one to be unreachable.
const IN_SYNC: &str = "2";

/// The name of a topic's dead-letter topic.
pub(super) fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}.dlq")
}

pub(super) struct Topics {
    config: ClientConfig,
    settings: KafkaSettings,
    there: AtomicBool,
    /// When this failed last. One call tries at a time.
    failed: Mutex<Option<Instant>>,
}

impl Topics {
    pub(super) fn new(config: ClientConfig, settings: KafkaSettings) -> Self {
        Self {
            config,
            settings,
            there: AtomicBool::new(false),
            failed: Mutex::new(None),
        }
    }

    /// Returns once every topic exists. Cheap after the first time.
    pub(super) async fn ensure(&self) -> anyhow::Result<()> {
        if self.there.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut failed = self.failed.lock().await;
        if self.there.load(Ordering::Acquire) {
            return Ok(());
        }
        // A caller that waited for a failed attempt would fail too, and delay those after it.
        ensure!(
            failed.is_none_or(|at| at.elapsed() >= PAUSE),
            "the brokers did not answer a moment ago"
        );
        let made = self.make().await;
        *failed = made.is_err().then(Instant::now);
        self.there.store(made.is_ok(), Ordering::Release);
        made
    }

    /// Checks again the next time: a topic was missing.
    pub(super) fn doubt(&self) {
        self.there.store(false, Ordering::Release);
    }

    async fn make(&self) -> anyhow::Result<()> {
        let admin: AdminClient<Link> = self.config.create_with_context(Link::new("topics"))?;
        let (admin, existing) = tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(None, TIMEOUT)?;
            let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
            let names: BTreeSet<String> = names.collect();
            anyhow::Ok((admin, names))
        })
        .await??;
        let sources = TOPICS.map(|topic| format!("{}{topic}", self.settings.prefix));
        let dead_letters = sources.clone().map(|topic| dead_letter_topic(&topic));
        let mut missing = Vec::new();
        for name in sources.iter().filter(|name| !existing.contains(*name)) {
            missing.push(self.topic(name).set("max.message.bytes", MAX_RECORD));
        }
        for name in dead_letters.iter().filter(|name| !existing.contains(*name)) {
            let topic = self.topic(name).set("max.message.bytes", MAX_LETTER);
            missing.push(topic.set("retention.ms", LETTER_RETENTION_MS));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        let made = admin.create_topics(&missing, &options).await;
        for outcome in made.context("topics cannot be made")? {
            match outcome {
                Ok(topic) => tracing::info!(topic, "made a topic"),
                // Another process created it.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => bail!("topic {topic} cannot be made: {code}"),
            }
        }
        tokio::task::spawn_blocking(move || drop(admin)).await?;
        Ok(())
    }

    fn topic<'a>(&self, name: &'a str) -> NewTopic<'a> {
        let replication = self.settings.replication.unwrap_or(-1);
        let topic = NewTopic::new(
            name,
            self.settings.partitions,
            TopicReplication::Fixed(replication),
        );
        if replication >= 3 {
            topic.set("min.insync.replicas", IN_SYNC)
        } else {
            topic
        }
    }
}
