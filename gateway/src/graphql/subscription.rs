//! The root of subscriptions.

use std::time::Duration;

use async_graphql::{Context, ID, Subscription};
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::orders::v1 as pb;
use futures::Stream;
use futures::stream;
use pb::order_service_client::OrderServiceClient;
use pb::watch_order_request::Key;
use tonic::Streaming;

use super::data::RequestData;
use super::errors::{Failure, present};
use super::order::Order;
use super::services::Services;

/// How often in a row a broken stream is opened again before the subscription ends with an error.
const ATTEMPTS: u32 = 5;

/// How long the second of these attempts waits; each further one twice as long.
const BACKOFF: Duration = Duration::from_millis(200);

/// Everything that is followed.
pub struct Subscription;

#[Subscription]
impl Subscription {
    /// By id for its owner or STAFF, or by accessToken. Begins with the order as it stands; then at least one message for each new entry
    /// of its history, version never going back, so that the last message's history holds every entry.
    async fn order_updated<'ctx>(
        &self,
        ctx: &Context<'ctx>,
        id: Option<ID>,
        access_token: Option<String>,
    ) -> Result<impl Stream<Item = Result<Order, Failure>> + use<'ctx>, Failure> {
        let key = match (id, access_token) {
            (Some(id), None) => Key::OrderId(id.0),
            (None, Some(token)) => Key::AccessToken(token),
            _ => {
                let message = "Name the order by exactly one of id and accessToken.";
                return Err(Failure::new(ErrorReason::ValidationFailed, message));
            }
        };
        let data = ctx.data_unchecked::<RequestData>();
        let client = ctx.data_unchecked::<Services>().orders.clone();
        let watch = Watch::open(client, key).await?;
        Ok(stream::unfold(Some(watch), move |watch| async move {
            let mut watch = watch?;
            match watch.next().await {
                Ok(Some(order)) => Some((Ok(Order::new(data, order)), Some(watch))),
                Ok(None) => None,
                Err(failure) => Some((Err(failure), None)),
            }
        }))
    }
}

/// An order being watched. A stream that breaks is opened again, and begins with the order as it stands, so no entry of
/// its history is missed.
struct Watch {
    client: OrderServiceClient<comptoir_mesh::channel::Channel>,
    request: pb::WatchOrderRequest,
    orders: Streaming<pb::WatchOrderResponse>,
    version: i64,
}

impl Watch {
    async fn open(
        mut client: OrderServiceClient<comptoir_mesh::channel::Channel>,
        key: Key,
    ) -> Result<Self, Failure> {
        let request = pb::WatchOrderRequest { key: Some(key) };
        let orders = client.watch_order(request.clone()).await?.into_inner();
        Ok(Self {
            client,
            request,
            orders,
            version: i64::MIN,
        })
    }

    /// The next state of the order that is newer than the last; `None` when there will be none.
    async fn next(&mut self) -> Result<Option<pb::Order>, Failure> {
        let mut attempt = 0;
        loop {
            match self.orders.message().await {
                Ok(None) => return Ok(None),
                Ok(Some(answer)) => {
                    attempt = 0;
                    let order = present(answer.order)?;
                    if order.version > self.version {
                        self.version = order.version;
                        return Ok(Some(order));
                    }
                }
                Err(status) => self.reopen(status.into(), &mut attempt).await?,
            }
        }
    }

    /// Opens the stream again after a failure that heals by itself; other failures stay.
    async fn reopen(&mut self, failure: Failure, attempt: &mut u32) -> Result<(), Failure> {
        let mut failure = failure;
        while failure.is_passing() && *attempt < ATTEMPTS {
            if *attempt > 0 {
                tokio::time::sleep(BACKOFF * 2_u32.pow(*attempt - 1)).await;
            }
            *attempt += 1;
            match self.client.watch_order(self.request.clone()).await {
                Ok(orders) => {
                    self.orders = orders.into_inner();
                    return Ok(());
                }
                Err(status) => failure = status.into(),
            }
        }
        Err(failure)
    }
}
