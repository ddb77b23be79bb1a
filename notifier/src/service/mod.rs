//! `NotifierService`: deliveries for staff, the providers' webhooks, and the development mailbox.

use std::sync::Arc;

use comptoir_mesh::env::Env;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::notifier::v1 as pb;
use comptoir_proto::notifier::v1::notifier_service_server::NotifierService;
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

use crate::store::{Position, Store};
use crate::webhooks::Webhooks;

mod deliveries;
mod mailbox;

/// The handlers.
pub(crate) struct Handler {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) env: Env,
    pub(crate) wake: Arc<Notify>,
    pub(crate) webhooks: Webhooks,
}

#[tonic::async_trait]
impl NotifierService for Handler {
    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Result<Response<pb::ListDeliveriesResponse>, Status> {
        Ok(Response::new(deliveries::list(self, request.into_inner()).await?))
    }

    async fn get_delivery(
        &self,
        request: Request<pb::GetDeliveryRequest>,
    ) -> Result<Response<pb::GetDeliveryResponse>, Status> {
        Ok(Response::new(
            deliveries::get(self, &request.into_inner().delivery_id).await?,
        ))
    }

    async fn retry_delivery(
        &self,
        request: Request<pb::RetryDeliveryRequest>,
    ) -> Result<Response<pb::RetryDeliveryResponse>, Status> {
        Ok(Response::new(
            deliveries::retry(self, &request.into_inner().delivery_id).await?,
        ))
    }

    async fn handle_webhook(
        &self,
        request: Request<pb::HandleWebhookRequest>,
    ) -> Result<Response<pb::HandleWebhookResponse>, Status> {
        let now = self.env.clock.now();
        self.webhooks.take(&request.into_inner(), now).await?;
        Ok(Response::new(pb::HandleWebhookResponse {}))
    }

    async fn list_mailbox(
        &self,
        request: Request<pb::ListMailboxRequest>,
    ) -> Result<Response<pb::ListMailboxResponse>, Status> {
        Ok(Response::new(mailbox::list(self, request.into_inner()).await?))
    }
}

/// A page's size, and the position after which it starts.
struct Page {
    size: u32,
    after: Option<Position>,
}

fn page(size: i32, token: &str, default: u32, most: u32) -> Result<Page, Error> {
    let after = match token {
        "" => None,
        _ => Some(Position::parse(token).ok_or_else(|| {
            Error::field(
                "page_token",
                ErrorReason::ValidationFailed,
                "This is no cursor of an earlier answer.",
            )
        })?),
    };
    let size = comptoir_mesh::page::size(size, default, most)?;
    Ok(Page { size, after })
}
