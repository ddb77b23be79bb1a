//! Webhooks of the providers that messages are handed to.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::notifier::v1::{HandleWebhookRequest, HandleWebhookResponse};

/// Takes a webhook that its provider has signed. Without a configured provider there is no key to verify it with, and what
/// cannot be verified is refused.
pub(super) fn handle(request: &HandleWebhookRequest) -> Result<HandleWebhookResponse, Error> {
    match request.provider.as_str() {
        "ses" | "twilio" => Err(Error::new(
            ErrorReason::WebhookSignatureInvalid,
            "The webhook's signature cannot be verified: this provider is not configured.",
        )),
        _ => Err(Error::field(
            "provider",
            ErrorReason::ValidationFailed,
            "A provider is ses or twilio.",
        )),
    }
}
