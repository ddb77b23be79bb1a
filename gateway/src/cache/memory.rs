//! A bounded in-memory cache of bytes with tags.
//!
//! One lock guards entries, tags and times of invalidation, so that stores and invalidations are ordered. Readers share it
//! for one look-up. Entries live for seconds, so eviction by age and at random is enough.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// The overhead of an entry, and of each of its tags.
const OVERHEAD: usize = 100;

pub(crate) struct MemoryCache {
    began: Instant,
    max_age: Duration,
    capacity: usize,
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Bytes, Entry>,
    keys: HashMap<Arc<str>, HashSet<Bytes>>,
    bytes: usize,
    /// When each tag was last invalidated, in nanoseconds since the cache was created. A time is kept for as long as an
    /// entry lives: older reads are not stored anyway.
    invalidated: HashMap<String, u64>,
    /// When the whole cache was last cleared.
    cleared: u64,
}

struct Entry {
    value: Bytes,
    tags: Vec<Arc<str>>,
    /// When the read of its value began.
    mark: u64,
    is_refreshing: AtomicBool,
}

/// The state of an entry that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// Less than half its lifetime has passed.
    Fresh,
    /// More than half its lifetime has passed, and another caller renews it.
    Old,
    /// More than half its lifetime has passed, and this caller has to renew it.
    Due,
}

impl MemoryCache {
    /// Creates a cache of at most `capacity` bytes. Entries expire `max_age` after their read began.
    pub(crate) fn new(max_age: Duration, capacity: usize) -> Self {
        Self {
            began: Instant::now(),
            max_age,
            capacity,
            inner: RwLock::default(),
        }
    }

    /// Returns the current time, to be taken before a read and passed to [`MemoryCache::put`].
    pub(crate) fn mark(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Returns the mark of a read that began `age` ago.
    pub(crate) fn mark_of(&self, age: Duration) -> u64 {
        self.mark()
            .saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX))
    }

    fn age(&self, mark: u64) -> Duration {
        Duration::from_nanos(self.mark().saturating_sub(mark))
    }

    /// Returns the entry of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<(Bytes, Age)> {
        let inner = self.read();
        let entry = inner.entries.get(key)?;
        let age = self.age(entry.mark);
        if age >= self.max_age {
            return None;
        }
        let state = if age < self.max_age / 2 {
            Age::Fresh
        } else if entry.is_refreshing.swap(true, Ordering::Relaxed) {
            Age::Old
        } else {
            Age::Due
        };
        Some((entry.value.clone(), state))
    }

    /// Stores a value that was read after `mark` was taken. Returns false if it was not stored, because one of its tags was
    /// invalidated since: the read may be older than the change.
    pub(crate) fn put(&self, mark: u64, key: &[u8], value: Bytes, tags: &BTreeSet<String>) -> bool {
        let size = key.len() + value.len() + OVERHEAD * (1 + tags.len());
        let mut inner = self.write();
        let is_outdated = mark <= inner.cleared
            || self.age(mark) >= self.max_age
            || tags
                .iter()
                .any(|tag| inner.invalidated.get(tag).is_some_and(|at| mark <= *at));
        if is_outdated || size > self.capacity {
            return false;
        }
        inner.remove(key);
        while inner.bytes + size > self.capacity {
            let Some(victim) = inner.entries.keys().next().cloned() else {
                break;
            };
            inner.remove(&victim);
        }
        // A copy, because the request's bytes are a slice of the connection's buffer.
        let key = Bytes::copy_from_slice(key);
        let tags: Vec<Arc<str>> = tags.iter().map(|tag| inner.intern(tag)).collect();
        for tag in &tags {
            inner.keys.entry(tag.clone()).or_default().insert(key.clone());
        }
        inner.bytes += size;
        inner.entries.insert(
            key,
            Entry {
                value,
                tags,
                mark,
                is_refreshing: AtomicBool::new(false),
            },
        );
        true
    }

    /// Removes entries with one of the tags. Reads that already began are not stored under them.
    pub(crate) fn invalidate<'a>(&self, tags: impl IntoIterator<Item = &'a String>) {
        let mut inner = self.write();
        let now = self.mark();
        for tag in tags {
            for key in inner.keys.remove(tag.as_str()).unwrap_or_default() {
                inner.remove(&key);
            }
            inner.invalidated.insert(tag.clone(), now);
        }
    }

    /// Removes all entries, if it is unknown what changed.
    pub(crate) fn clear(&self) {
        let mut inner = self.write();
        *inner = Inner {
            cleared: self.mark(),
            ..Inner::default()
        };
    }

    /// Removes expired entries and times of invalidation.
    pub(crate) fn sweep(&self) {
        let mut inner = self.write();
        let old: Vec<Bytes> = inner
            .entries
            .iter()
            .filter(|(_, entry)| self.age(entry.mark) >= self.max_age)
            .map(|(key, _)| key.clone())
            .collect();
        for key in old {
            inner.remove(&key);
        }
        inner.invalidated.retain(|_, at| self.age(*at) < self.max_age);
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, key: &[u8]) {
        let Some((key, entry)) = self.entries.remove_entry(key) else {
            return;
        };
        self.bytes -= key.len() + entry.value.len() + OVERHEAD * (1 + entry.tags.len());
        for tag in &entry.tags {
            if let Some(keys) = self.keys.get_mut(tag) {
                keys.remove(&key);
                if keys.is_empty() {
                    self.keys.remove(tag);
                }
            }
        }
    }

    fn intern(&self, tag: &str) -> Arc<str> {
        self.keys
            .get_key_value(tag)
            .map_or_else(|| tag.into(), |(tag, _)| tag.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> MemoryCache {
        MemoryCache::new(Duration::from_secs(3600), 10_000)
    }

    fn tags(tags: &[&str]) -> BTreeSet<String> {
        tags.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_event_removes_what_it_touches() {
        let store = store();
        let mark = store.mark();
        assert!(store.put(mark, b"page", Bytes::from("1"), &tags(&["product:1", "products"])));
        assert!(store.put(mark, b"other", Bytes::from("2"), &tags(&["product:2"])));
        store.invalidate(&["product:1".to_owned()]);
        assert_eq!(store.get(b"page"), None);
        assert_eq!(store.get(b"other"), Some((Bytes::from("2"), Age::Fresh)));
    }

    #[test]
    fn a_reading_from_before_an_event_is_not_stored_after_it() {
        let store = store();
        let before = store.mark();
        store.invalidate(&["product:1".to_owned()]);
        assert!(!store.put(before, b"page", Bytes::from("old"), &tags(&["product:1"])));
        assert!(store.put(before, b"other", Bytes::from("2"), &tags(&["product:2"])));
        std::thread::yield_now();
        assert!(store.put(
            store.mark() + 1,
            b"page",
            Bytes::from("new"),
            &tags(&["product:1"])
        ));
        store.clear();
        assert!(!store.put(before, b"other", Bytes::from("2"), &tags(&["product:2"])));
    }

    #[test]
    fn an_invalidation_is_remembered_while_what_was_read_before_it_may_be_stored() {
        let store = MemoryCache {
            began: Instant::now() - Duration::from_secs(7200),
            ..store()
        };
        let minutes = |count: u64| store.mark() - count * 60_000_000_000;
        store
            .write()
            .invalidated
            .insert("product:1".to_owned(), minutes(30));
        store.sweep();
        assert!(!store.put(minutes(40), b"page", Bytes::from("old"), &tags(&["product:1"])));
        assert!(store.put(minutes(20), b"page", Bytes::from("new"), &tags(&["product:1"])));
        assert!(!store.put(minutes(60), b"other", Bytes::from("late"), &tags(&[])));
    }

    #[test]
    fn one_of_many_reads_an_old_entry_anew() {
        let store = MemoryCache {
            began: Instant::now() - Duration::from_secs(100),
            ..MemoryCache::new(Duration::from_secs(10), 10_000)
        };
        let mark = store.mark() - 6_000_000_000;
        assert!(store.put(mark, b"page", Bytes::from("1"), &tags(&[])));
        assert_eq!(store.get(b"page").map(|found| found.1), Some(Age::Due));
        assert_eq!(store.get(b"page").map(|found| found.1), Some(Age::Old));
        assert!(!store.put(
            store.mark() - 11_000_000_000,
            b"late",
            Bytes::from("1"),
            &tags(&[])
        ));
    }

    #[test]
    fn it_stays_within_its_bytes() {
        let store = store();
        for number in 0..1000_u32 {
            store.put(
                store.mark(),
                &number.to_be_bytes(),
                Bytes::from(vec![0; 500]),
                &tags(&["products"]),
            );
        }
        let inner = store.read();
        assert!(
            inner.bytes <= 10_000 && inner.entries.len() > 5,
            "{} in {} bytes",
            inner.entries.len(),
            inner.bytes
        );
        assert_eq!(inner.keys["products"].len(), inner.entries.len());
    }
}
