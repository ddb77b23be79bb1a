//! Providers' webhooks: reports about sent messages, after their signature was verified.

use std::sync::Arc;

use comptoir_mesh::env::Env;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::ids::is_id;
use comptoir_proto::notifier::v1::HandleWebhookRequest;
use jiff::Timestamp;

use self::sns::Topic;
use self::twilio::Callbacks;
use crate::config::Config;
use crate::domain::feedback::Report;
use crate::store::Store;

mod ses;
mod sns;
mod twilio;

/// The providers' webhooks.
pub(crate) struct Webhooks {
    store: Arc<dyn Store>,
    ses: Option<Topic>,
    twilio: Option<Callbacks>,
}

impl Webhooks {
    /// The webhooks of the configured providers.
    pub(crate) fn new(config: &Config, env: &Env, store: &Arc<dyn Store>) -> anyhow::Result<Self> {
        Ok(Self {
            store: store.clone(),
            ses: Topic::new(&config.ses, env)?,
            twilio: Callbacks::new(&config.twilio),
        })
    }

    /// Handles a webhook with its provider's signature. Without a configured provider there is no key to verify it, and
    /// it is refused.
    pub(crate) async fn take(&self, request: &HandleWebhookRequest, now: Timestamp) -> Result<(), Error> {
        let (store, provider) = (&*self.store, request.provider.as_str());
        let outcome = match (provider, &self.ses, &self.twilio) {
            ("ses", Some(topic), _) => match topic.open(&request.body, now).await? {
                Some(message) => ses::take(&message, store, now).await,
                None => Ok(()),
            },
            ("twilio", _, Some(callbacks)) => callbacks.take(request, store, now).await,
            ("ses" | "twilio", _, _) => Err(forged("this provider is not configured")),
            _ => Err(Error::field(
                "provider",
                ErrorReason::ValidationFailed,
                "A provider is ses or twilio.",
            )),
        };
        if let Err(error) = &outcome
            && error.reason() == ErrorReason::WebhookSignatureInvalid
        {
            tracing::warn!(
                webhook.provider = provider,
                webhook.error = error.message(),
                "a webhook was refused"
            );
        }
        outcome
    }
}

/// A webhook whose signature is missing or invalid.
fn forged(why: &str) -> Error {
    Error::new(
        ErrorReason::WebhookSignatureInvalid,
        format!("The webhook's signature cannot be verified: {why}."),
    )
}

/// Stores a report about a delivery, unless it says nothing new. The delivery may be unknown here: deleted, or another
/// shop's.
async fn report(store: &dyn Store, provider: &'static str, report: Report) -> Result<(), Error> {
    if !is_id(&report.delivery_id, "dlv_") || store.delivery(&report.delivery_id).await?.is_none() {
        return Ok(());
    }
    let (id, progress, detail) = (
        report.delivery_id.clone(),
        report.progress,
        report.detail.clone().unwrap_or_default(),
    );
    if store.report(report).await? {
        metrics::counter!("notification_reports_total", "provider" => provider, "progress" => progress.as_str())
            .increment(1);
        if progress.is_failure() {
            tracing::warn!(
                delivery.id = id,
                report.progress = progress.as_str(),
                report.detail = detail,
                "a message that was sent did not arrive"
            );
        }
    }
    Ok(())
}
