//! Products and categories, cached for the loaders of guests' requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{MemoryCache, SharedCache, SharedMark};

/// Caches entities that all guests see alike. Keys are `product:ID` and `categories`. A key is also the tag that invalidates
/// it.
#[async_trait]
pub(crate) trait EntityCache: Send + Sync {
    /// Returns the entry of each key, in the order of the keys, and a mark for [`EntityCache::put`]. Takes at most 25 ms,
    /// and returns no entry if the cache fails.
    async fn get(&self, keys: &[String]) -> (Vec<Option<Bytes>>, Mark);

    /// Stores entries that were read from the source after `mark` was taken. Drops those whose key was invalidated since, so
    /// that an outdated read never outlives a change.
    async fn put(&self, mark: Mark, entries: Vec<(String, Bytes)>);
}

/// When a read began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mark {
    /// By the clock of the gateway's own cache.
    pub(crate) at: u64,
    /// By the cache that gateways share.
    pub(crate) shared: Option<SharedMark>,
}

/// Entities in memory, and behind it in the shared cache.
pub(crate) struct Entities {
    memory: Arc<MemoryCache>,
    shared: Option<Arc<SharedCache>>,
}

impl Entities {
    pub(crate) fn new(memory: Arc<MemoryCache>, shared: Option<Arc<SharedCache>>) -> Self {
        Self { memory, shared }
    }

    /// Looks up missing entries in the shared cache.
    async fn fill(&self, keys: &[String], found: &mut [Option<Bytes>]) -> Option<SharedMark> {
        let missing: Vec<usize> = (0..keys.len()).filter(|&place| found[place].is_none()).collect();
        if missing.is_empty() {
            return None;
        }
        let requested: Vec<&[u8]> = missing.iter().map(|&place| keys[place].as_bytes()).collect();
        let (entries, shared_mark) = self.shared.as_ref()?.get(&requested).await?;
        for (place, entry) in missing.into_iter().zip(entries) {
            let Some(entry) = entry else { continue };
            let (read_at, key) = (self.memory.mark_of(entry.age), keys[place].as_bytes());
            self.memory.put(read_at, key, entry.value.clone(), &entry.tags);
            found[place] = Some(entry.value);
        }
        Some(shared_mark)
    }
}

#[async_trait]
impl EntityCache for Entities {
    async fn get(&self, keys: &[String]) -> (Vec<Option<Bytes>>, Mark) {
        let at = self.memory.mark();
        let mut found: Vec<_> = keys
            .iter()
            .map(|key| self.memory.get(key.as_bytes()).map(|(value, _)| value))
            .collect();
        let shared = self.fill(keys, &mut found).await;
        let hits = found.iter().flatten().count() as u64;
        metrics::counter!("cache_requests_total", "cache" => "entity", "outcome" => "hit").increment(hits);
        metrics::counter!("cache_requests_total", "cache" => "entity", "outcome" => "miss")
            .increment(keys.len() as u64 - hits);
        (found, Mark { at, shared })
    }

    async fn put(&self, mark: Mark, entries: Vec<(String, Bytes)>) {
        for (key, value) in entries {
            let tags = BTreeSet::from([key]);
            for key in &tags {
                self.memory.put(mark.at, key.as_bytes(), value.clone(), &tags);
                if let (Some(shared), Some(shared_mark)) = (&self.shared, &mark.shared) {
                    shared.put(shared_mark, key.as_bytes(), &value, &tags).await;
                }
            }
        }
    }
}
