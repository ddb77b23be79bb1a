//! The root of subscriptions.

use async_graphql::{Context, ID, Subscription};
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::orders::v1::watch_order_request::Key;
use futures::{Stream, stream};

use super::order::Order;
use crate::backend::{Failure, RequestData, Services};

/// All subscriptions.
pub(crate) struct Subscription;

#[Subscription]
impl Subscription {
    /// By id for the owner or STAFF, or by accessToken. Starts with the current order. Then at least one message follows for
    /// each new entry of its history. The version never decreases, and the history of the last message contains every entry.
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
        let followed_orders = ctx.data_unchecked::<Services>().followed_orders.clone();
        let follower = followed_orders.follow(key).await?;
        Ok(stream::unfold(Some(follower), move |follower| async move {
            let mut follower = follower?;
            match follower.next().await {
                Ok(Some(snapshot)) => Some((Ok(Order::shared(data, snapshot.order.clone())), Some(follower))),
                Ok(None) => None,
                Err(error) => Some((Err(error.into()), None)),
            }
        }))
    }
}
