//! Reaching the servers a process needs, at its start.

use std::{fmt::Display, future::Future, time::Duration};

use tokio::time::Instant;

/// How long a server may be away that the process needs: it may be starting too.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// A try that takes longer is told of: the server may swallow what is sent to it.
const QUIET: Duration = Duration::from_millis(900);

/// Why a server cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// It does not answer, and may do so soon.
    Away(anyhow::Error),
    /// Another try will not help: a bad address, name or password, or a setting of the server's that loses data.
    Wrong(anyhow::Error),
}

/// Tries until the server answers, for 30 s. What is wrong for good ends it at once. Both name `setting`.
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

/// Waits for a try to end, and says in the log that it takes its time.
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
