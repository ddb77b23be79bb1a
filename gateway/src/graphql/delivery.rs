//! Sent and waiting mails and text messages, for STAFF and ADMIN.

use async_graphql::{Context, ID, Object};
use comptoir_proto::notifier::v1 as pb;

use super::connection::connection;
use super::scalars::DateTime;
use super::user_errors::{mutation_result, payload};
use crate::backend::{Failure, RequestData, Services, optional, require_staff};

#[derive(Clone)]
pub(super) struct Delivery(pb::Delivery);

impl Delivery {
    /// A delivery of the answer, which makes the answer private to the caller.
    pub(super) fn new(data: &RequestData, delivery: pb::Delivery) -> Self {
        data.private();
        Self(delivery)
    }

    /// The delivery with this id, for STAFF and ADMIN.
    pub(super) async fn read(ctx: &Context<'_>, delivery_id: String) -> Result<Option<Self>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        if require_staff(data).is_err() {
            return Ok(None);
        }
        let mut client = ctx.data_unchecked::<Services>().notifier.clone();
        let answer = optional(client.get_delivery(pb::GetDeliveryRequest { delivery_id }).await)?;
        Ok(answer
            .and_then(|answer| answer.delivery)
            .map(|delivery| Self::new(data, delivery)))
    }
}

#[Object]
impl Delivery {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn channel(&self) -> &str {
        &self.0.channel
    }

    async fn template(&self) -> &str {
        &self.0.template
    }

    async fn recipient(&self) -> &str {
        &self.0.recipient
    }

    async fn status(&self) -> &str {
        &self.0.status
    }

    async fn attempts(&self) -> i32 {
        self.0.attempts
    }

    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    async fn created_at(&self) -> DateTime {
        DateTime::of(self.0.created_at)
    }

    async fn sent_at(&self) -> Option<DateTime> {
        DateTime::maybe(self.0.sent_at)
    }
}

connection!(DeliveryConnection, DeliveryEdge, Delivery);
payload!(DeliveryPayload { delivery: Delivery });

#[derive(Default)]
pub(super) struct DeliveryMutation;

#[Object]
impl DeliveryMutation {
    async fn delivery_retry(&self, ctx: &Context<'_>, id: ID) -> Result<DeliveryPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().notifier.clone();
        let answer = client
            .retry_delivery(pb::RetryDeliveryRequest { delivery_id: id.0 })
            .await;
        let result = mutation_result(answer, &[("delivery_id", "id")], |answer| answer.delivery)?;
        Ok(result.map(|delivery| Delivery::new(data, delivery)).into())
    }
}
