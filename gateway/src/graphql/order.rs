//! Orders.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use comptoir_proto::orders::v1 as pb;

use super::address::Address;
use super::cart::{CartCost, DeliveryOption};
use super::connection::connection;
use super::money::{Money, money};
use super::order_states::{FulfillmentStatus, OrderState, PaymentStatus};
use super::product::Image;
use super::scalars::{DateTime, Long};
use super::user::User;
use super::user_errors::payload;
use crate::backend::{Failure, RequestData, Services, optional};

#[derive(SimpleObject)]
pub(super) struct OrderLine {
    id: ID,
    variant_id: ID,
    product_title: String,
    variant_title: String,
    sku: Option<String>,
    image: Option<Image>,
    quantity: i32,
    unit_price: Money,
    line_total: Money,
}

impl From<pb::OrderLine> for OrderLine {
    fn from(line: pb::OrderLine) -> Self {
        Self {
            id: ID(line.id),
            variant_id: ID(line.variant_id),
            product_title: line.product_title,
            variant_title: line.variant_title,
            sku: line.sku,
            image: line.image_url.map(Image::at),
            quantity: line.quantity,
            unit_price: money(line.unit_price),
            line_total: money(line.line_total),
        }
    }
}

#[derive(SimpleObject)]
pub(super) struct Fulfillment {
    id: ID,
    lines: Vec<FulfilledLine>,
    tracking_number: Option<String>,
    carrier: Option<String>,
    shipped_at: DateTime,
    delivered_at: Option<DateTime>,
}

#[derive(SimpleObject)]
pub(super) struct FulfilledLine {
    order_line_id: ID,
    quantity: i32,
}

impl From<pb::Fulfillment> for Fulfillment {
    fn from(parcel: pb::Fulfillment) -> Self {
        let line = |line: pb::FulfilledLine| FulfilledLine {
            order_line_id: ID(line.order_line_id),
            quantity: line.quantity,
        };
        Self {
            id: ID(parcel.id),
            lines: parcel.lines.into_iter().map(line).collect(),
            tracking_number: parcel.tracking_number,
            carrier: parcel.carrier,
            shipped_at: DateTime::of(parcel.shipped_at),
            delivered_at: DateTime::maybe(parcel.delivered_at),
        }
    }
}

/// Append-only. Statuses are computed from it.
#[derive(SimpleObject)]
pub(super) struct PaymentEvent {
    id: ID,
    r#type: String,
    amount: Money,
    created_at: DateTime,
    message: Option<String>,
}

impl From<pb::PaymentEvent> for PaymentEvent {
    fn from(event: pb::PaymentEvent) -> Self {
        Self {
            id: ID(event.id),
            r#type: event.r#type,
            amount: money(event.amount),
            created_at: DateTime::of(event.created_at),
            message: event.message,
        }
    }
}

#[derive(SimpleObject)]
pub(super) struct OrderHistoryEntry {
    at: DateTime,
    from_state: Option<OrderState>,
    to_state: OrderState,
    actor: String,
    reason: Option<String>,
}

impl From<pb::OrderHistoryEntry> for OrderHistoryEntry {
    fn from(entry: pb::OrderHistoryEntry) -> Self {
        Self {
            at: DateTime::of(entry.at),
            from_state: OrderState::known(entry.from_state()),
            to_state: entry.to_state().into(),
            actor: entry.actor,
            reason: entry.reason,
        }
    }
}

#[derive(Clone)]
pub(super) struct Order(Arc<pb::Order>);

impl Order {
    /// An order of the answer, which makes the answer private to the caller.
    pub(super) fn new(data: &RequestData, order: pb::Order) -> Self {
        Self::shared(data, Arc::new(order))
    }

    /// Like `new`, for an order that several answers share.
    pub(super) fn shared(data: &RequestData, order: Arc<pb::Order>) -> Self {
        data.private();
        Self(order)
    }

    /// The requested order, if the caller may see it.
    pub(super) async fn read(
        ctx: &Context<'_>,
        request: pb::GetOrderRequest,
    ) -> Result<Option<Self>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        data.private();
        let mut client = ctx.data_unchecked::<Services>().orders.clone();
        let answer = optional(client.get_order(request).await)?;
        Ok(answer
            .and_then(|answer| answer.order)
            .map(|order| Self::new(data, order)))
    }

    /// The order with this id, if the caller may see it.
    pub(super) async fn by_id(ctx: &Context<'_>, id: String) -> Result<Option<Self>, Failure> {
        let key = pb::get_order_request::Key::OrderId(id);
        Self::read(
            ctx,
            pb::GetOrderRequest {
                key: Some(key),
                cart_id: None,
            },
        )
        .await
    }

    fn currency(&self) -> &str {
        let total = self.0.cost.as_ref().and_then(|cost| cost.total.as_ref());
        total.map_or("", |total| total.currency_code.as_str())
    }
}

#[Object]
impl Order {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// Increases with each change.
    async fn version(&self) -> Long {
        Long(self.0.version)
    }

    /// The number for conversations with people. Assigned when the order is PLACED, and never reused.
    async fn number(&self) -> Option<&str> {
        self.0.number.as_deref()
    }

    async fn state(&self) -> OrderState {
        self.0.state().into()
    }

    async fn next_order_states(&self) -> Vec<OrderState> {
        self.0.next_states().map(OrderState::from).collect()
    }

    async fn payment_status(&self) -> PaymentStatus {
        self.0.payment_status().into()
    }

    async fn fulfillment_status(&self) -> FulfillmentStatus {
        self.0.fulfillment_status().into()
    }

    async fn email(&self) -> &str {
        &self.0.email
    }

    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// Only for STAFF and ADMIN, otherwise null.
    async fn customer(&self, ctx: &Context<'_>) -> Result<Option<User>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        let Some(customer_id) = self.0.customer_id.as_deref().filter(|_| data.is_staff()) else {
            return Ok(None);
        };
        Ok(data
            .loaders
            .users
            .one(customer_id)
            .await?
            .map(|user| User::new(data, user)))
    }

    async fn lines(&self) -> Vec<OrderLine> {
        self.0.lines.iter().cloned().map(OrderLine::from).collect()
    }

    async fn cost(&self) -> CartCost {
        CartCost::new(self.0.cost.as_ref(), self.currency())
    }

    async fn delivery_address(&self) -> Address {
        self.0.delivery_address.clone().unwrap_or_default().into()
    }

    async fn billing_address(&self) -> Address {
        let address = self
            .0
            .billing_address
            .as_ref()
            .or(self.0.delivery_address.as_ref());
        address.cloned().unwrap_or_default().into()
    }

    async fn delivery_option(&self) -> DeliveryOption {
        self.0.delivery_option.clone().unwrap_or_default().into()
    }

    async fn fulfillments(&self) -> Vec<Fulfillment> {
        self.0
            .fulfillments
            .iter()
            .cloned()
            .map(Fulfillment::from)
            .collect()
    }

    async fn payment_events(&self) -> Vec<PaymentEvent> {
        self.0
            .payment_events
            .iter()
            .cloned()
            .map(PaymentEvent::from)
            .collect()
    }

    async fn history(&self) -> Vec<OrderHistoryEntry> {
        self.0
            .history
            .iter()
            .cloned()
            .map(OrderHistoryEntry::from)
            .collect()
    }

    async fn created_at(&self) -> DateTime {
        DateTime::of(self.0.created_at)
    }

    async fn placed_at(&self) -> Option<DateTime> {
        DateTime::maybe(self.0.placed_at)
    }

    async fn updated_at(&self) -> DateTime {
        DateTime::of(self.0.updated_at)
    }

    /// Lets a guest follow and cancel this order. Present in every answer of cartComplete, also in replays, and for the
    /// signed-in owner; otherwise null.
    async fn access_token(&self) -> Option<&str> {
        self.0.access_token.as_deref()
    }
}

connection!(OrderConnection, OrderEdge, Order);
payload!(OrderPayload { order: Order });
