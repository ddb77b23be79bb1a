//! Connects to the servers a process needs, at its start.

use std::{fmt::Display, future::Future, time::Duration};

use tokio::time::Instant;

/// How long the start waits for a server, which may be starting too.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// A longer attempt is logged: the server may not answer at all.
const QUIET: Duration = Duration::from_millis(900);

/// Why a server cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// It does not answer, but may do so soon.
    Away(anyhow::Error),
    /// A retry will not help: a wrong address, name or password, or a server setting that loses data.
    Wrong(anyhow::Error),
}

/// Retries until the server answers, for 30 s. A permanent error ends it at once. Both errors name `setting`.
pub async fn reach<T, F>(setting: &str, mut attempt: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, Unusable>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match told_of(setting, attempt()).await {
            Ok(reached) => return Ok(reached),
            Err(Unusable::Wrong(error)) => return Err(named(setting, &error)),
            Err(Unusable::Away(error)) if Instant::now() + PAUSE > deadline => {
                return Err(named(setting, &error));
            }
            Err(Unusable::Away(error)) => {
                tracing::warn!(setting, error.cause = %error, "the server does not answer yet; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Waits for an attempt, and logs if it takes long.
async fn told_of<T>(setting: &str, attempt: impl Future<Output = T>) -> T {
    let mut attempt = std::pin::pin!(attempt);
    match tokio::time::timeout(QUIET, &mut attempt).await {
        Ok(outcome) => outcome,
        Err(_) => {
            tracing::warn!(
                setting,
                "the server has not answered within a second; waiting for it"
            );
            attempt.await
        }
    }
}

fn named(setting: &str, error: &impl Display) -> anyhow::Error {
    anyhow::anyhow!("{setting}: {error}")
}
