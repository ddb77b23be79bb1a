//! Limits requests in a minute, per address without a token and per user with one. A window begins with the first request.
//! Gateways that share a Redis count together. While it is down, each counts alone.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::redis::Script;

use super::client::client_network;
use crate::redis::Redis;

const WINDOW: Duration = Duration::from_secs(60);
const SHARDS: usize = 16;
/// How many clients each shard counts. If more come, the shard is cleared: forgetting counts is better than refusing
/// clients.
const SHARD_CAPACITY: usize = 16_384;

/// Counts requests.
pub(crate) struct RateLimit {
    per_address: Option<u32>,
    per_user: Option<u32>,
    shared: Option<Arc<Redis>>,
    hasher: RandomState,
    shards: [Mutex<HashMap<ClientKey, Window>>; SHARDS],
}

/// What a request is counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ClientKey {
    Address(IpAddr),
    User(Box<str>),
}

struct Window {
    began: Instant,
    count: u32,
}

/// The result of counting a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// If the request exceeds the limit: how long until the window ends.
    pub(crate) refused_for: Option<Duration>,
}

impl ClientKey {
    pub(crate) fn address(address: IpAddr) -> Self {
        Self::Address(client_network(address))
    }
}

impl RateLimit {
    pub(crate) fn new(per_address: Option<u32>, per_user: Option<u32>, shared: Option<Arc<Redis>>) -> Self {
        Self {
            per_address,
            per_user,
            shared,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Counts a request. `None` if there is no limit.
    pub(crate) async fn count(&self, key: ClientKey, now: Instant) -> Option<Allowance> {
        let limit = match key {
            ClientKey::Address(_) => self.per_address?,
            ClientKey::User(_) => self.per_user?,
        };
        let shared = match &self.shared {
            Some(redis) => count_shared(redis, &key).await,
            None => None,
        };
        let (count, left) = shared.unwrap_or_else(|| self.count_locally(key, now));
        Some(Allowance {
            limit,
            remaining: limit.saturating_sub(count),
            refused_for: (count > limit).then_some(left),
        })
    }

    /// Returns the number of requests in this window, including this one, and the rest of its time.
    fn count_locally(&self, key: ClientKey, now: Instant) -> (u32, Duration) {
        let shard = usize::try_from(self.hasher.hash_one(&key) % SHARDS as u64).unwrap_or(0);
        let mut windows = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= SHARD_CAPACITY && !windows.contains_key(&key) {
            windows.retain(|_, window| now.duration_since(window.began) < WINDOW);
            if windows.len() >= SHARD_CAPACITY {
                windows.clear();
            }
        }
        let window = windows.entry(key).or_insert(Window { began: now, count: 0 });
        let mut age = now.saturating_duration_since(window.began);
        if age >= WINDOW {
            *window = Window { began: now, count: 0 };
            age = Duration::ZERO;
        }
        window.count = window.count.saturating_add(1);
        (window.count, WINDOW - age)
    }
}

/// KEYS: the counter. ARGV: milliseconds of a window. Returns the count and the milliseconds left.
static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }
",
    )
});

async fn count_shared(redis: &Redis, key: &ClientKey) -> Option<(u32, Duration)> {
    let name = match key {
        ClientKey::Address(address) => format!("comptoir:rate:address:{address}"),
        ClientKey::User(id) => format!("comptoir:rate:user:{id}"),
    };
    let mut script = COUNT.key(name);
    script.arg(u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX));
    let (count, left): (u32, i64) = redis.run(&script).await?;
    let left = u64::try_from(left).map_or(WINDOW, Duration::from_millis);
    Some((count, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_more_than_the_limit_is_refused_until_the_window_ends() {
        let limit = RateLimit::new(Some(600), None, None);
        let start = Instant::now();
        let key = || ClientKey::address("192.0.2.1".parse().expect("an address"));
        for number in 1..=600 {
            let allowance = limit.count(key(), start).await.expect("limited");
            assert_eq!((allowance.remaining, allowance.refused_for), (600 - number, None));
        }
        let over = limit
            .count(key(), start + Duration::from_secs(20))
            .await
            .expect("limited");
        assert_eq!(over.refused_for, Some(Duration::from_secs(40)));
        assert_eq!(
            limit
                .count(
                    ClientKey::address("192.0.2.2".parse().expect("an address")),
                    start
                )
                .await
                .expect("limited")
                .remaining,
            599
        );
        assert_eq!(
            limit
                .count(key(), start + Duration::from_secs(60))
                .await
                .expect("limited")
                .remaining,
            599
        );
    }

    #[tokio::test]
    async fn gateways_that_share_a_redis_count_together() {
        let test = "gateways_that_share_a_redis_count_together";
        let Some(url) = comptoir_mesh::testing::server("REDIS_URL", test) else {
            return;
        };
        let redis = Redis::connect(&comptoir_mesh::config::Secret::new(&url)).await;
        let redis = Arc::new(redis.expect("Redis is there"));
        let gateways = [(); 2].map(|()| RateLimit::new(None, Some(10), Some(redis.clone())));
        let user = format!("user_{:?}", Instant::now());
        let mut refused = 0;
        for number in 0..12 {
            let key = ClientKey::User(user.as_str().into());
            let allowance = gateways[number % 2]
                .count(key, Instant::now())
                .await
                .expect("limited");
            refused += usize::from(allowance.refused_for.is_some());
            assert_eq!(allowance.refused_for.is_some(), number >= 10);
        }
        assert_eq!(refused, 2);
    }

    #[tokio::test]
    async fn a_user_without_a_limit_is_not_counted() {
        assert_eq!(
            RateLimit::new(Some(1), None, None)
                .count(ClientKey::User("user_1".into()), Instant::now())
                .await,
            None
        );
    }
}
