//! A bounded store of bytes under tags.
//!
//! One lock guards entries, tags and the times of invalidations, so that storing and invalidating have an order. Readers
//! share it; what they do under it is one look-up. Entries live for seconds, so nothing needs a cleverer eviction than age.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// What an entry and each of its tags take beside their bytes.
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
    /// When each tag was invalidated last, in nanoseconds since the store began. They are remembered for as long as an entry
    /// may live: what was read longer ago is not stored.
    invalidated: HashMap<String, u64>,
    /// When all were.
    cleared: u64,
}

struct Entry {
    value: Bytes,
    tags: Vec<Arc<str>>,
    /// When the reading of it began.
    mark: u64,
    is_refreshing: AtomicBool,
}

/// How old a found entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// As good as new.
    Fresh,
    /// Past half its time; somebody else reads it anew.
    Old,
    /// Past half its time, and the caller is the one to read it anew.
    Due,
}

impl MemoryCache {
    /// A store of at most `capacity` bytes, whose entries are used until `max_age` after their reading began.
    pub(crate) fn new(max_age: Duration, capacity: usize) -> Self {
        Self {
            began: Instant::now(),
            max_age,
            capacity,
            inner: RwLock::default(),
        }
    }

    /// To be taken before a reading begins, for [`MemoryCache::put`].
    pub(crate) fn mark(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The mark of a reading that began so long ago.
    pub(crate) fn mark_of(&self, age: Duration) -> u64 {
        self.mark()
            .saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX))
    }

    fn age(&self, mark: u64) -> Duration {
        Duration::from_nanos(self.mark().saturating_sub(mark))
    }

    /// What is stored under a key.
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

    /// Stores what was read after `mark` was taken; says whether it did. It does not where one of the tags was invalidated
    /// since: the reading may be from before the change.
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
        // Its own copy: the request's bytes are a part of the connection's buffer.
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

    /// Removes what has one of the tags, and keeps readings that have begun from being stored under them.
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

    /// Removes everything, where it is not known what has changed.
    pub(crate) fn clear(&self) {
        let mut inner = self.write();
        *inner = Inner {
            cleared: self.mark(),
            ..Inner::default()
        };
    }

    /// Forgets what no longer matters.
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
