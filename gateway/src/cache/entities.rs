//! Products and categories behind the loaders, for guests.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Tagged;
use crate::graphql::EntityCache;

/// Entities by their tag, in memory.
pub(crate) struct Entities(pub(crate) Arc<Tagged>);

#[async_trait]
impl EntityCache for Entities {
    async fn get(&self, keys: &[String]) -> (Vec<Option<Bytes>>, u64) {
        let mark = self.0.mark();
        let found: Vec<_> = keys
            .iter()
            .map(|key| self.0.get(key.as_bytes()).map(|(value, _)| value))
            .collect();
        let hits = found.iter().flatten().count() as u64;
        metrics::counter!("cache_requests_total", "cache" => "entity", "outcome" => "hit").increment(hits);
        metrics::counter!("cache_requests_total", "cache" => "entity", "outcome" => "miss")
            .increment(keys.len() as u64 - hits);
        (found, mark)
    }

    async fn put(&self, mark: u64, entries: Vec<(String, Bytes)>) {
        for (key, value) in entries {
            let tags = BTreeSet::from([key]);
            for key in &tags {
                self.0.put(mark, key.as_bytes(), value.clone(), &tags);
            }
        }
    }
}
