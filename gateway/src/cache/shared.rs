//! The cache in Redis that gateways share.
//!
//! It is not authoritative. An entry lives for half the time that data may be outdated. It carries its tags, and the time of
//! Redis' clock at which its read began. An invalidation writes the time for each tag. An entry whose read began earlier is
//! then neither stored nor found, whichever gateway received the event. The time of an invalidation is kept for longer than
//! any older entry lives. Emptying Redis also removes the epoch, so reads that began before it are not stored afterwards.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use redis::Script;
use sha2::{Digest as _, Sha256};

use crate::redis::Redis;

/// How much longer than an entry the time of an invalidation is kept.
const MARGIN: Duration = Duration::from_secs(1);

/// The entries of gateways with the same schema and maximum age.
pub(crate) struct SharedCache {
    redis: Arc<Redis>,
    /// `comptoir:{cache}:VERSION:`. The braces put all keys into one slot of a cluster.
    prefix: String,
    /// The maximum age of an entry.
    age: Duration,
}

/// When a read began, by Redis' clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedMark {
    epoch: String,
    time: String,
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Bytes,
    pub(crate) tags: BTreeSet<String>,
    /// The time since its read began.
    pub(crate) age: Duration,
}

/// KEYS: the epoch, then the entries. ARGV: an epoch to set if there is none, the prefix of tags. Returns the epoch and the
/// time, then value, tags and age in microseconds of each entry, or three times false.
static LOOK_UP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
local all = tonumber(redis.call('GET', ARGV[2] .. '*') or 0)
local found = { epoch, string.format('%.0f', now) }
for place = 2, #KEYS do
  local entry = redis.call('HMGET', KEYS[place], 'mark', 'tags', 'value')
  local mark = tonumber(entry[1] or 0)
  local whole = entry[1] and mark > all
  if whole then
    for tag in string.gmatch(entry[2], '[^\n]+') do
      local at = redis.call('GET', ARGV[2] .. tag)
      if at and tonumber(at) >= mark then whole = false end
    end
  end
  found[#found + 1] = whole and entry[3] or false
  found[#found + 1] = whole and entry[2] or false
  found[#found + 1] = whole and string.format('%.0f', now - mark) or false
end
return found
",
    )
});

/// KEYS: the epoch, the entry. ARGV: epoch and time of the mark, milliseconds to live since then, value, tags, the prefix of
/// tags.
static STORE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local mark = tonumber(ARGV[2])
local time = redis.call('TIME')
local left = math.floor(tonumber(ARGV[3]) - (time[1] * 1000000 + time[2] - mark) / 1000)
if left <= 0 then return 0 end
if tonumber(redis.call('GET', ARGV[6] .. '*') or 0) >= mark then return 0 end
for tag in string.gmatch(ARGV[5], '[^\n]+') do
  local at = redis.call('GET', ARGV[6] .. tag)
  if at and tonumber(at) >= mark then return 0 end
end
redis.call('HSET', KEYS[2], 'mark', ARGV[2], 'tags', ARGV[5], 'value', ARGV[4])
redis.call('PEXPIRE', KEYS[2], string.format('%.0f', left))
return 1
",
    )
});

/// KEYS: the tags. ARGV: milliseconds to keep the time.
static INVALIDATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
for _, tag in ipairs(KEYS) do
  redis.call('SET', tag, now, 'PX', ARGV[1])
end
return 1
",
    )
});

impl SharedCache {
    /// Creates the cache of entries up to `age` old. Gateways with another schema or another age have their own: they keep
    /// invalidations for another time.
    pub(crate) fn new(redis: Arc<Redis>, schema: &str, age: Duration) -> Self {
        let version = hex(&Sha256::digest(format!("{} {schema}", age.as_millis()))[..8]);
        Self {
            redis,
            prefix: format!("comptoir:{{cache}}:{version}:"),
            age,
        }
    }

    /// Returns the entry of each key, and the mark to store the others with. `None` if Redis fails.
    pub(crate) async fn get(&self, keys: &[&[u8]]) -> Option<(Vec<Option<Entry>>, SharedMark)> {
        let mut script = LOOK_UP.key(self.epoch());
        for key in keys {
            script.key(self.key(key));
        }
        script.arg(rand_epoch()).arg(self.tag(""));
        let mut found: Vec<Option<Vec<u8>>> = self.redis.run(&script).await?;
        if found.len() != 2 + 3 * keys.len() {
            return None;
        }
        let entries = found.split_off(2);
        let mut parts = found.into_iter().map(text);
        let mark = SharedMark {
            epoch: parts.next()??,
            time: parts.next()??,
        };
        let mut parts = entries.into_iter();
        let mut all = Vec::with_capacity(keys.len());
        while let (Some(value), Some(tags), Some(age)) = (parts.next(), parts.next(), parts.next()) {
            all.push(entry(value, tags, age).filter(|entry| entry.age < self.age));
        }
        Some((all, mark))
    }

    /// Stores a value that was read since the mark, unless one of its tags was invalidated since.
    pub(crate) async fn put(&self, mark: &SharedMark, key: &[u8], value: &[u8], tags: &BTreeSet<String>) {
        let joined = tags.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        let mut script = STORE.key(self.epoch());
        script
            .key(self.key(key))
            .arg(&mark.epoch)
            .arg(&mark.time)
            .arg(millis(self.age))
            .arg(value)
            .arg(joined)
            .arg(self.tag(""));
        let _: Option<i64> = self.redis.run(&script).await;
    }

    /// Invalidates these tags: values read before now are neither stored nor found.
    pub(crate) async fn invalidate(&self, tags: &BTreeSet<String>) {
        self.mark(tags.iter().map(String::as_str)).await;
    }

    /// Invalidates every tag, if it is unknown what changed.
    pub(crate) async fn clear(&self) {
        self.mark(["*"].into_iter()).await;
    }

    async fn mark(&self, tags: impl Iterator<Item = &str>) {
        let mut script = INVALIDATE.prepare_invoke();
        for tag in tags {
            script.key(self.tag(tag));
        }
        script.arg(millis(self.age + MARGIN));
        let _: Option<i64> = self.redis.run(&script).await;
    }

    fn epoch(&self) -> String {
        format!("{}epoch", self.prefix)
    }

    fn tag(&self, tag: &str) -> String {
        format!("{}tag:{tag}", self.prefix)
    }

    /// Hashes the key: it may be bytes that a client chose.
    fn key(&self, key: &[u8]) -> String {
        format!("{}entry:{}", self.prefix, hex(&Sha256::digest(key)))
    }
}

fn entry(value: Option<Vec<u8>>, tags: Option<Vec<u8>>, age: Option<Vec<u8>>) -> Option<Entry> {
    Some(Entry {
        value: Bytes::from(value?),
        tags: text(tags)?.lines().map(str::to_owned).collect(),
        age: Duration::from_micros(text(age)?.parse().ok()?),
    })
}

fn text(bytes: Option<Vec<u8>>) -> Option<String> {
    String::from_utf8(bytes?).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// It does not have to be unpredictable, only different from the previous one.
fn rand_epoch() -> String {
    use std::hash::BuildHasher as _;
    let hash = std::collections::hash_map::RandomState::new().hash_one(0);
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use comptoir_mesh::config::Secret;

    fn tags(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Two gateways over the same Redis, with keys of their own.
    async fn pair(test: &str) -> Option<[SharedCache; 2]> {
        let url = comptoir_mesh::testing::server("REDIS_URL", test)?;
        let redis = Redis::connect(&Secret::new(&url)).await.expect("Redis is there");
        let (redis, version) = (Arc::new(redis), rand_epoch());
        let shared = || SharedCache::new(redis.clone(), &version, Duration::from_secs(5));
        Some([shared(), shared()])
    }

    async fn look(shared: &SharedCache, key: &str) -> (Option<Entry>, SharedMark) {
        let (mut found, mark) = shared.get(&[key.as_bytes()]).await.expect("Redis answers");
        (found.pop().flatten(), mark)
    }

    #[tokio::test]
    async fn what_one_gateway_reads_the_other_finds() {
        let Some([one, other]) = pair("what_one_gateway_reads_the_other_finds").await else {
            return;
        };
        let (found, mark) = look(&one, "{ products }").await;
        assert_eq!(found, None);
        let tags = tags(&["product:1", "products"]);
        one.put(&mark, b"{ products }", b"answer", &tags).await;
        let (found, _) = look(&other, "{ products }").await;
        let found = found.expect("it is there");
        assert_eq!((&found.value[..], &found.tags), (&b"answer"[..], &tags));
        assert!(found.age < Duration::from_secs(30));
        assert_eq!(look(&other, "{ other }").await.0, None);
    }

    #[tokio::test]
    async fn nothing_read_before_a_change_is_found_after_it() {
        let Some([one, other]) = pair("nothing_read_before_a_change_is_found_after_it").await else {
            return;
        };
        let (_, before) = look(&one, "page").await;
        one.put(&before, b"page", b"old", &tags(&["product:1"])).await;
        one.put(&before, b"other", b"stays", &tags(&["product:2"])).await;
        other.invalidate(&tags(&["product:1"])).await;
        assert_eq!(look(&one, "page").await.0, None);
        assert!(look(&one, "other").await.0.is_some());
        one.put(&before, b"page", b"old", &tags(&["product:1"])).await;
        assert_eq!(
            look(&one, "page").await.0,
            None,
            "its reading began before the change"
        );
        let (_, after) = look(&one, "page").await;
        one.put(&after, b"page", b"new", &tags(&["product:1"])).await;
        assert_eq!(
            look(&other, "page").await.0.map(|entry| entry.value),
            Some(Bytes::from("new"))
        );
        other.clear().await;
        assert_eq!(look(&one, "other").await.0, None);
        assert_eq!(look(&one, "page").await.0, None);
    }

    #[tokio::test]
    async fn an_invalidation_is_remembered_for_longer_than_an_entry_lives() {
        let Some([one, _]) = pair("an_invalidation_is_remembered_for_longer_than_an_entry_lives").await
        else {
            return;
        };
        // Long-lived entries: an hour, which the setting allows.
        let one = SharedCache {
            age: Duration::from_secs(3600),
            ..one
        };
        let (_, mark) = look(&one, "page").await;
        one.put(&mark, b"page", b"old", &tags(&["product:1"])).await;
        one.invalidate(&tags(&["product:1"])).await;
        one.clear().await;
        let mut connection = redis::Client::open(std::env::var("REDIS_URL").expect("it is set"))
            .expect("a URL")
            .get_multiplexed_async_connection()
            .await
            .expect("Redis answers");
        let mut left = async |key: String| -> i64 {
            redis::cmd("PTTL")
                .arg(key)
                .query_async(&mut connection)
                .await
                .expect("an answer")
        };
        let entry = left(one.key(b"page")).await;
        assert!((1..=3_600_000).contains(&entry), "{entry} ms");
        for tag in ["product:1", "*"] {
            let mark = left(one.tag(tag)).await;
            assert!(
                mark > entry,
                "the mark of {tag} lives {mark} ms, the entry {entry}"
            );
        }
    }

    #[tokio::test]
    async fn an_entry_is_never_older_than_its_time() {
        let Some([one, other]) = pair("an_entry_is_never_older_than_its_time").await else {
            return;
        };
        let (_, mark) = look(&one, "page").await;
        let late = SharedMark {
            time: (mark.time.parse::<u64>().expect("a number") - 6_000_000).to_string(),
            ..mark
        };
        one.put(&late, b"page", b"late", &tags(&["product:1"])).await;
        assert_eq!(
            look(&other, "page").await.0,
            None,
            "its reading took longer than it may live"
        );
    }

    #[tokio::test]
    async fn a_reading_from_before_redis_was_emptied_is_not_stored() {
        let Some([one, _]) = pair("a_reading_from_before_redis_was_emptied_is_not_stored").await else {
            return;
        };
        let (_, mark) = look(&one, "page").await;
        let mut connection = redis::Client::open(std::env::var("REDIS_URL").expect("it is set"))
            .expect("a URL")
            .get_multiplexed_async_connection()
            .await
            .expect("Redis answers");
        let _: () = redis::cmd("DEL")
            .arg(one.epoch())
            .query_async(&mut connection)
            .await
            .expect("it is removed");
        one.put(&mark, b"page", b"old", &tags(&["product:1"])).await;
        assert_eq!(look(&one, "page").await.0, None);
    }
}
