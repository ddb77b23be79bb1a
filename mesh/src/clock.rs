//! Time, passed in so that tests can set it.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present time, to the microsecond.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        // Stores have microseconds: what was written equals what is read.
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

/// A time as messages carry it, to the microsecond: its nanoseconds count forward before 1970 too, unlike jiff's.
pub fn to_proto(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.as_microsecond();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0),
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct TestClock(Mutex<Timestamp>);

impl TestClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets the time.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
    }

    /// Advances the time.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now += by;
    }
}

impl Default for TestClock {
    /// Shows the machine's time at its creation.
    fn default() -> Self {
        Self::new(SystemClock.now())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_count_forward_before_1970_too() {
        let at = |time: &str| to_proto(time.parse().expect("a time"));
        let early = at("1427-06-09T13:24:14.4Z");
        assert_eq!(early.nanos, 400_000_000);
        assert_eq!(early.seconds, at("1427-06-09T13:24:14Z").seconds);
        assert_eq!(at("1970-01-01T00:00:01.25Z").nanos, 250_000_000);
    }
}
