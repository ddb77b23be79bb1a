//! `PaymentService`.

use comptoir_proto::orders::v1::{
    HandleWebhookRequest, HandleWebhookResponse, payment_service_server::PaymentService,
};
use tonic::{Request, Response, Status};

use crate::webhooks::Webhooks;

/// What payment providers say. The sandbox says nothing: it is asked.
pub(crate) struct PaymentHandler {
    pub(crate) webhooks: Webhooks,
}

#[tonic::async_trait]
impl PaymentService for PaymentHandler {
    async fn handle_webhook(
        &self,
        request: Request<HandleWebhookRequest>,
    ) -> Result<Response<HandleWebhookResponse>, Status> {
        let HandleWebhookRequest {
            provider,
            signature,
            body,
        } = request.into_inner();
        self.webhooks.take(&provider, &signature, &body).await?;
        Ok(Response::new(HandleWebhookResponse {}))
    }
}
