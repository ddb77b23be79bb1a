//! Orders.

use comptoir_proto::orders::v1 as pb;
use serde::Serialize;
use utoipa::ToSchema;

use super::product::Image;
use super::{Address, CartCost, DeliveryOption, Money, User, maybe_time, money, names, time};
use crate::rest::schema::{FulfillmentId, OrderId, PaymentEventId, Time, VariantId};

names! {
    /// The state of an order.
    OrderState of pb::OrderState { PendingPayment, Placed, Confirmed, Completed, Canceled, Failed }
}
names! {
    /// Computed from an order's payment events.
    PaymentStatus of pb::PaymentStatus {
        NotPaid, Authorized, Captured, PartiallyRefunded, Refunded, Canceled, RequiresAction, Failed,
    }
}
names! {
    /// Computed from an order's parcels.
    FulfillmentStatus of pb::FulfillmentStatus { NotFulfilled, PartiallyShipped, Shipped, Delivered, Canceled }
}

/// A purchase. Its lines and cost never change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    #[schema(value_type = OrderId)]
    id: String,
    /// Increases with each change.
    version: i64,
    /// The number for conversations with people. Assigned when the order is PLACED.
    number: Option<String>,
    state: OrderState,
    next_order_states: Vec<OrderState>,
    payment_status: PaymentStatus,
    fulfillment_status: FulfillmentStatus,
    email: String,
    phone: Option<String>,
    /// Only for STAFF and ADMIN, otherwise null.
    customer: Option<User>,
    lines: Vec<OrderLine>,
    cost: CartCost,
    delivery_address: Address,
    billing_address: Address,
    delivery_option: DeliveryOption,
    fulfillments: Vec<Fulfillment>,
    payment_events: Vec<PaymentEvent>,
    history: Vec<OrderHistoryEntry>,
    #[schema(value_type = Time)]
    created_at: String,
    #[schema(value_type = Option<Time>)]
    placed_at: Option<String>,
    #[schema(value_type = Time)]
    updated_at: String,
    /// Lets a guest follow and cancel this order. Present in every answer of complete, and for the signed-in owner;
    /// otherwise null.
    access_token: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderLine {
    id: String,
    #[schema(value_type = VariantId)]
    variant_id: String,
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
        let image = |url| Image {
            url,
            alt_text: None,
            width: None,
            height: None,
        };
        Self {
            id: line.id,
            variant_id: line.variant_id,
            product_title: line.product_title,
            variant_title: line.variant_title,
            sku: line.sku,
            image: line.image_url.map(image),
            quantity: line.quantity,
            unit_price: money(line.unit_price),
            line_total: money(line.line_total),
        }
    }
}

/// A parcel.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fulfillment {
    #[schema(value_type = FulfillmentId)]
    id: String,
    lines: Vec<FulfilledLine>,
    tracking_number: Option<String>,
    carrier: Option<String>,
    #[schema(value_type = Time)]
    shipped_at: String,
    #[schema(value_type = Option<Time>)]
    delivered_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FulfilledLine {
    order_line_id: String,
    quantity: i32,
}

impl From<pb::Fulfillment> for Fulfillment {
    fn from(parcel: pb::Fulfillment) -> Self {
        let line = |line: pb::FulfilledLine| FulfilledLine {
            order_line_id: line.order_line_id,
            quantity: line.quantity,
        };
        Self {
            id: parcel.id,
            lines: parcel.lines.into_iter().map(line).collect(),
            tracking_number: parcel.tracking_number,
            carrier: parcel.carrier,
            shipped_at: time(parcel.shipped_at),
            delivered_at: maybe_time(parcel.delivered_at),
        }
    }
}

/// An entry of the append-only payment history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentEvent {
    #[schema(value_type = PaymentEventId)]
    id: String,
    r#type: String,
    amount: Money,
    #[schema(value_type = Time)]
    created_at: String,
    message: Option<String>,
}

impl From<pb::PaymentEvent> for PaymentEvent {
    fn from(event: pb::PaymentEvent) -> Self {
        Self {
            id: event.id,
            r#type: event.r#type,
            amount: money(event.amount),
            created_at: time(event.created_at),
            message: event.message,
        }
    }
}

/// A change of state.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderHistoryEntry {
    #[schema(value_type = Time)]
    at: String,
    from_state: Option<OrderState>,
    to_state: OrderState,
    actor: String,
    reason: Option<String>,
}

impl From<pb::OrderHistoryEntry> for OrderHistoryEntry {
    fn from(entry: pb::OrderHistoryEntry) -> Self {
        let from = entry.from_state();
        Self {
            at: time(entry.at),
            from_state: (from != pb::OrderState::Unspecified).then(|| from.into()),
            to_state: entry.to_state().into(),
            actor: entry.actor,
            reason: entry.reason,
        }
    }
}

impl Order {
    /// An order; for staff with its customer.
    pub(crate) fn new(order: pb::Order, customer: Option<User>) -> Self {
        let currency = order.cost.as_ref().and_then(|cost| cost.total.as_ref());
        let currency = currency.map_or_else(String::new, |total| total.currency_code.clone());
        let delivery = order.delivery_address.clone().unwrap_or_default();
        Self {
            state: order.state().into(),
            next_order_states: order.next_states().map(OrderState::from).collect(),
            payment_status: order.payment_status().into(),
            fulfillment_status: order.fulfillment_status().into(),
            id: order.id,
            version: order.version,
            number: order.number,
            email: order.email,
            phone: order.phone,
            customer,
            lines: order.lines.into_iter().map(OrderLine::from).collect(),
            cost: CartCost::new(order.cost, &currency),
            billing_address: order.billing_address.unwrap_or_else(|| delivery.clone()).into(),
            delivery_address: delivery.into(),
            delivery_option: order.delivery_option.unwrap_or_default().into(),
            fulfillments: order.fulfillments.into_iter().map(Fulfillment::from).collect(),
            payment_events: order.payment_events.into_iter().map(PaymentEvent::from).collect(),
            history: order.history.into_iter().map(OrderHistoryEntry::from).collect(),
            created_at: time(order.created_at),
            placed_at: maybe_time(order.placed_at),
            updated_at: time(order.updated_at),
            access_token: order.access_token,
        }
    }
}
