//! The connection to Redis, which gateways share. No request depends on it: after a call that took more than 25 ms or
//! failed, callers go without it, and after several failures Redis is not called for a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use comptoir_mesh::config::Secret;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{ErrorKind, FromRedisValue, IntoConnectionInfo as _, ScriptInvocation};

const RESPONSE_TIMEOUT: Duration = Duration::from_millis(25);
/// The time to connect. Callers never wait for it longer than [`RESPONSE_TIMEOUT`].
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How many failures in a row open the circuit breaker.
const FAILURES: u64 = 3;
/// How long it stays open. Then one caller tries.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection with short timeouts and a circuit breaker.
pub(crate) struct Redis {
    connection: ConnectionManager,
    breaker: Breaker,
}

impl Redis {
    /// Connects in the background. A wrong address or password is an error that names the setting. An unreachable server is
    /// not an error.
    pub(crate) async fn connect(url: &Secret) -> anyhow::Result<Self> {
        // Small requests must not wait for the acknowledgement of earlier ones.
        let at_once = TcpSettings::default().set_nodelay(true);
        let client = url
            .reveal()
            .into_connection_info()
            .and_then(|server| redis::Client::open(server.set_tcp_settings(at_once)))
            .context("REDIS_URL: redis://HOST:PORT is needed")?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_number_of_retries(1);
        let redis = Self {
            connection: ConnectionManager::new_lazy_with_config(client, config).context("REDIS_URL")?,
            breaker: Breaker::new(),
        };
        let mut connection = redis.connection.clone();
        let ping = redis::cmd("PING");
        match tokio::time::timeout(CONNECT_TIMEOUT, ping.query_async::<()>(&mut connection)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.kind() == ErrorKind::AuthenticationFailed => {
                anyhow::bail!("REDIS_URL: the server refuses the user or password")
            }
            Ok(Err(error)) => {
                tracing::warn!(setting = "REDIS_URL", error.cause = %error, "Redis does not answer; continuing without it");
            }
            Err(_) => {
                tracing::warn!(
                    setting = "REDIS_URL",
                    "Redis does not answer; continuing without it"
                );
            }
        }
        Ok(redis)
    }

    /// Runs a script. `None` if Redis fails, is too slow, or the circuit breaker is open.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let outcome = if self.breaker.admits() {
            let mut connection = self.connection.clone();
            let answer = tokio::time::timeout(RESPONSE_TIMEOUT, script.invoke_async(&mut connection)).await;
            match answer {
                Ok(Ok(value)) => {
                    self.breaker.succeeded();
                    return Some(value);
                }
                Ok(Err(error)) => {
                    self.breaker.failed(&error);
                    "error"
                }
                Err(_) => {
                    self.breaker.failed(&"no answer within 25 ms");
                    "timeout"
                }
            }
        } else {
            "open"
        };
        metrics::counter!("redis_failures_total", "outcome" => outcome).increment(1);
        None
    }
}

/// The circuit breaker: counts failures in a row. While it is open, it admits one caller each [`PAUSE`].
struct Breaker {
    began: Instant,
    failures: AtomicU64,
    /// When the next caller may try, in nanoseconds since `began`.
    next: AtomicU64,
}

impl Breaker {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            failures: AtomicU64::new(0),
            next: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn admits(&self) -> bool {
        if self.failures.load(Ordering::Relaxed) < FAILURES {
            return true;
        }
        let (now, next) = (self.now(), self.next.load(Ordering::Relaxed));
        // The caller that moves the time forward is the one that tries.
        now >= next
            && self
                .next
                .compare_exchange(next, now + nanos(PAUSE), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn succeeded(&self) {
        if self.failures.swap(0, Ordering::Relaxed) >= FAILURES {
            tracing::info!("Redis answers again");
        }
    }

    fn failed(&self, cause: &dyn std::fmt::Display) {
        self.next.store(self.now() + nanos(PAUSE), Ordering::Relaxed);
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 == FAILURES {
            tracing::warn!(error.cause = %cause, "Redis does not answer; continuing without it");
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_breaker_admits_one_caller_at_a_time() {
        let breaker = Breaker::new();
        for _ in 0..FAILURES {
            assert!(breaker.admits());
            breaker.failed(&"away");
        }
        assert!(!breaker.admits());
        breaker.next.store(0, Ordering::Relaxed);
        assert!(breaker.admits());
        assert!(!breaker.admits(), "one tries, the others do without");
        breaker.succeeded();
        assert!(breaker.admits() && breaker.admits());
    }

    #[tokio::test]
    async fn a_server_that_swallows_everything_costs_25_ms_and_then_nothing() {
        let hole = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = hole.local_addr().expect("an address");
        let redis = Redis::connect(&Secret::new(&format!("redis://{address}")))
            .await
            .expect("the address is one");
        let script = redis::Script::new("return 1");
        let ask = async || {
            let started = Instant::now();
            let answer: Option<i64> = redis.run(&script.prepare_invoke()).await;
            assert_eq!(answer, None);
            started.elapsed()
        };
        for _ in 0..FAILURES {
            assert!(ask().await < Duration::from_secs(5));
        }
        assert!(!redis.breaker.admits());
        assert!(Redis::connect(&Secret::new("http://localhost")).await.is_err());
    }
}
