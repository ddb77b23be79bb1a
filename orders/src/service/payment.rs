//! `PaymentService`.

use comptoir_proto::orders::v1::{
    HandleWebhookRequest, HandleWebhookResponse, payment_service_server::PaymentService,
};
use mesh::{Error, ErrorReason};
use tonic::{Request, Response, Status};

/// What payment providers say. No provider of this build sends webhooks: the sandbox is asked.
pub(crate) struct PaymentHandler;

#[tonic::async_trait]
impl PaymentService for PaymentHandler {
    async fn handle_webhook(
        &self,
        _: Request<HandleWebhookRequest>,
    ) -> Result<Response<HandleWebhookResponse>, Status> {
        let message =
            "No payment provider that sends webhooks is configured, so nothing can have signed this.";
        Err(Error::new(ErrorReason::WebhookSignatureInvalid, message).into())
    }
}
