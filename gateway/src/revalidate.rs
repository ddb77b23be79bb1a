//! Notifies the storefront of changes: `POST {"tags": […]}`, within a second of the catalogue's event.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use comptoir_mesh::Env;
use comptoir_mesh::config::Secret;
use tokio::sync::mpsc;
use url::Url;

use crate::config::Config;

/// How many changes may be queued.
const QUEUE: usize = 1024;
/// Changes within this time are sent together.
const GATHER: Duration = Duration::from_millis(100);
const ATTEMPTS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Starts the task that sends changes to the storefront, if one is configured. Returns the queue of the changed tags.
pub(crate) fn spawn(config: &Config, env: &Env) -> anyhow::Result<Option<mpsc::Sender<BTreeSet<String>>>> {
    let Some(url) = config.revalidate_url.clone() else {
        return Ok(None);
    };
    // reqwest needs a process-wide provider of cryptography. Another part of the process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("COMPTOIR_REVALIDATE_URL: cannot make a client")?;
    let (sender, mut changes) = mpsc::channel::<BTreeSet<String>>(QUEUE);
    let storefront = Storefront {
        client,
        url,
        secret: config.revalidate_secret.clone(),
    };
    let shutdown = env.shutdown.clone();
    env.tasks.spawn("revalidate", async move {
        while let Some(Some(mut tags)) = shutdown.run_until_cancelled(changes.recv()).await {
            tokio::time::sleep(GATHER).await;
            while let Ok(more) = changes.try_recv() {
                tags.extend(more);
            }
            storefront.notify(&tags).await;
        }
    });
    Ok(Some(sender))
}

struct Storefront {
    client: reqwest::Client,
    url: Url,
    secret: Option<Secret>,
}

impl Storefront {
    /// Posts the tags, with some retries. If all fail, the storefront's own cache expires.
    async fn notify(&self, tags: &BTreeSet<String>) {
        let mut wait = Duration::from_millis(200);
        for attempt in 1..=ATTEMPTS {
            match self.post(tags).await {
                Ok(()) => return,
                Err(error) if attempt == ATTEMPTS => {
                    tracing::warn!(error.cause = %error, tags = tags.len(), "the storefront could not be notified of a change");
                }
                Err(_) => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
            }
        }
    }

    async fn post(&self, tags: &BTreeSet<String>) -> Result<(), reqwest::Error> {
        let mut request = self
            .client
            .post(self.url.clone())
            .json(&serde_json::json!({ "tags": tags }));
        if let Some(secret) = &self.secret {
            request = request.bearer_auth(secret.reveal());
        }
        // Without the URL: it may contain a secret.
        let sent = request.send().await.and_then(reqwest::Response::error_for_status);
        sent.map(drop).map_err(reqwest::Error::without_url)
    }
}
