//! Finds partitions that stand still. After a change of leader or an outage of the brokers, librdkafka may leave a
//! partition unread for good without an error (its issues 5153 and 5593). Only a new client reads it then.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{Consumer as _, ConsumerContext, StreamConsumer},
    error::KafkaError,
};

/// The interval of checks. A partition stands still if it does not move from one check to the next.
const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The client's next offset of each partition; `None` if it has read nothing and begins at the group's committed
/// offset.
pub(super) type Positions = BTreeMap<i32, Option<i64>>;

pub(super) struct Watch {
    interval: Duration,
    /// The result of the last check.
    before: HashMap<i32, Place>,
    /// The ends for which a new client was started. There may be no record before an end (a transaction ends with a
    /// marker), so the same end does not cause a second restart.
    begun_for: HashMap<i32, i64>,
}

#[derive(Clone, Copy)]
struct Place {
    /// The next offset.
    next: i64,
    /// The offset after the last record.
    end: i64,
}

impl Default for Watch {
    fn default() -> Self {
        Self::every(INTERVAL)
    }
}

impl Watch {
    pub(super) fn every(interval: Duration) -> Self {
        Self {
            interval,
            before: HashMap::new(),
            begun_for: HashMap::new(),
        }
    }

    /// Waits until a partition of the topic stands still, and returns it.
    pub(super) async fn stands_still<C: ConsumerContext + 'static>(
        &mut self,
        client: &Arc<StreamConsumer<C>>,
        topic: &str,
        positions: impl Fn() -> Positions,
    ) -> i32 {
        self.before.clear();
        loop {
            tokio::time::sleep(self.interval).await;
            let (client, topic, positions) = (client.clone(), topic.to_owned(), positions());
            let looked = tokio::task::spawn_blocking(move || look(&client, &topic, &positions)).await;
            match looked {
                Ok(Ok(found)) => {
                    if let Some(partition) = self.judge(found) {
                        return partition;
                    }
                }
                Ok(Err(error)) => {
                    tracing::debug!(error.cause = %error, "the ends of the partitions cannot be looked at");
                    self.before.clear();
                }
                Err(_) => self.before.clear(),
            }
        }
    }

    /// A partition that has not moved since the last check although there was a record to read.
    fn judge(&mut self, found: HashMap<i32, Place>) -> Option<i32> {
        let still = found.iter().find(|(partition, place)| {
            let before = self.before.get(partition);
            before.is_some_and(|before| before.next == place.next && before.next < before.end)
                && self.begun_for.get(partition).is_none_or(|end| *end < place.end)
        });
        let still = still.map(|(partition, place)| (*partition, place.end));
        self.begun_for.extend(still);
        self.before = found;
        still.map(|(partition, _)| partition)
    }
}

fn look<C: ConsumerContext>(
    client: &StreamConsumer<C>,
    topic: &str,
    positions: &Positions,
) -> Result<HashMap<i32, Place>, KafkaError> {
    let mut unread = TopicPartitionList::new();
    for (partition, _) in positions.iter().filter(|(_, next)| next.is_none()) {
        unread.add_partition(topic, *partition);
    }
    let committed = if unread.count() > 0 {
        client.committed_offsets(unread, TIMEOUT)?
    } else {
        unread
    };
    let mut found = HashMap::new();
    for (partition, next) in positions {
        let (first, end) = client.fetch_watermarks(topic, *partition, TIMEOUT)?;
        let committed =
            committed
                .find_partition(topic, *partition)
                .and_then(|element| match element.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                });
        let next = next.or(committed).unwrap_or(first).max(first);
        found.insert(*partition, Place { next, end });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(watch: &mut Watch, next: i64, end: i64) -> Option<i32> {
        watch.judge(HashMap::from([(3, Place { next, end })]))
    }

    #[test]
    fn one_stands_still_that_was_behind_and_did_not_move() {
        let mut watch = Watch::default();
        assert_eq!(judge(&mut watch, 10, 10), None);
        assert_eq!(judge(&mut watch, 10, 12), None, "what came may be on its way");
        assert_eq!(judge(&mut watch, 11, 14), None, "it moves");
        assert_eq!(judge(&mut watch, 11, 14), Some(3));
    }

    #[test]
    fn nothing_is_begun_twice_for_the_same_end() {
        let mut watch = Watch::default();
        assert_eq!(judge(&mut watch, 10, 11), None);
        assert_eq!(judge(&mut watch, 10, 11), Some(3));
        assert_eq!(judge(&mut watch, 10, 11), None);
        assert_eq!(judge(&mut watch, 10, 12), Some(3));
    }
}
