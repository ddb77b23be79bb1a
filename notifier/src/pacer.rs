//! The send rate: a token bucket with the tokens of one second.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

/// A token bucket on the injected clock.
pub(crate) struct Pacer {
    /// Tokens a second; 0 is no limit.
    rate: u32,
    state: Mutex<Bucket>,
}

struct Bucket {
    /// In millionths of a token: a rate of tokens per second is that many millionths per microsecond.
    millionths: u64,
    at: Option<Timestamp>,
}

const TOKEN: u64 = 1_000_000;

impl Pacer {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            state: Mutex::new(Bucket {
                millionths: u64::from(rate) * TOKEN,
                at: None,
            }),
        }
    }

    /// Takes up to `want` tokens, and returns how many.
    pub(crate) fn take(&self, now: Timestamp, want: u32) -> u32 {
        if self.rate == 0 {
            return want;
        }
        let mut bucket = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let passed = bucket
            .at
            .map_or(0, |at| now.as_microsecond().saturating_sub(at.as_microsecond()));
        let gained = u64::try_from(passed)
            .unwrap_or(0)
            .saturating_mul(u64::from(self.rate));
        bucket.millionths = bucket
            .millionths
            .saturating_add(gained)
            .min(u64::from(self.rate) * TOKEN);
        bucket.at = Some(now);
        let got = u32::try_from(bucket.millionths / TOKEN)
            .unwrap_or(u32::MAX)
            .min(want);
        bucket.millionths -= u64::from(got) * TOKEN;
        got
    }

    /// Returns unused tokens.
    pub(crate) fn give_back(&self, count: u32) {
        if self.rate > 0 {
            let mut bucket = self
                .state
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            bucket.millionths += u64::from(count) * TOKEN;
        }
    }

    /// The time until there is a token.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(1) / self.rate.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_gives_more_than_the_rate() {
        let pacer = Pacer::new(10);
        let at = |millisecond: i64| Timestamp::from_millisecond(1_800_000_000_000 + millisecond).unwrap();
        assert_eq!(pacer.take(at(0), 64), 10);
        assert_eq!(pacer.take(at(0), 64), 0);
        assert_eq!(pacer.take(at(250), 64), 2);
        assert_eq!(pacer.take(at(300), 64), 1);
        pacer.give_back(1);
        assert_eq!(pacer.take(at(300), 64), 1);
        assert_eq!(
            pacer.take(at(60_000), 64),
            10,
            "no more than a second's worth is saved up"
        );
        assert_eq!(pacer.take(at(0), 64), 0, "a clock set back gives nothing");
    }

    #[test]
    fn no_rate_is_no_limit() {
        assert_eq!(Pacer::new(0).take(Timestamp::UNIX_EPOCH, 64), 64);
    }
}
