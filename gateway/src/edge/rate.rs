//! Requests a minute, counted per address without a token and per user with one. The window of each begins with its first
//! request.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);
const SHARDS: usize = 16;
/// Counted at most in each shard. Beyond it all begin anew: forgetting is better than refusing who did nothing.
const SHARD_CAPACITY: usize = 16_384;

/// Counts requests.
pub(crate) struct RateLimit {
    per_address: Option<u32>,
    per_user: Option<u32>,
    hasher: RandomState,
    shards: [Mutex<HashMap<Key, Window>>; SHARDS],
}

/// Whom a request is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Address(IpAddr),
    User(Box<str>),
}

struct Window {
    began: Instant,
    count: u32,
}

/// What is left after a request was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Set where the request is one too many: when the next will not be.
    pub(crate) refused_for: Option<Duration>,
}

impl Key {
    /// One household has a whole /64 of IPv6 addresses.
    pub(crate) fn address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        })
    }
}

impl RateLimit {
    pub(crate) fn new(per_address: Option<u32>, per_user: Option<u32>) -> Self {
        Self {
            per_address,
            per_user,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Counts a request; `None` where nothing limits it.
    pub(crate) fn count(&self, key: Key, now: Instant) -> Option<Allowance> {
        let limit = match key {
            Key::Address(_) => self.per_address?,
            Key::User(_) => self.per_user?,
        };
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
        let refused_for = (window.count >= limit).then(|| WINDOW - age);
        window.count = window.count.saturating_add(1);
        Some(Allowance {
            limit,
            remaining: limit.saturating_sub(window.count),
            refused_for,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_the_limit_is_refused_until_the_window_ends() {
        let limit = RateLimit::new(Some(600), None);
        let start = Instant::now();
        let key = || Key::address("192.0.2.1".parse().expect("an address"));
        for number in 1..=600 {
            let allowance = limit.count(key(), start).expect("limited");
            assert_eq!((allowance.remaining, allowance.refused_for), (600 - number, None));
        }
        let over = limit
            .count(key(), start + Duration::from_secs(20))
            .expect("limited");
        assert_eq!(over.refused_for, Some(Duration::from_secs(40)));
        assert_eq!(
            limit
                .count(Key::address("192.0.2.2".parse().expect("an address")), start)
                .expect("limited")
                .remaining,
            599
        );
        assert_eq!(
            limit
                .count(key(), start + Duration::from_secs(60))
                .expect("limited")
                .remaining,
            599
        );
    }

    #[test]
    fn a_user_without_a_limit_is_not_counted() {
        assert_eq!(
            RateLimit::new(Some(1), None).count(Key::User("user_1".into()), Instant::now()),
            None
        );
    }

    #[test]
    fn one_household_is_one_address() {
        let key = |text: &str| Key::address(text.parse().expect("an address"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    }
}
