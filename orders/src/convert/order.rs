//! Orders of the contract.

use comptoir_proto::orders::v1 as pb;

use super::{address, cart, to_money, to_timestamp};
use crate::domain::order::{
    Contents, FulfilledLine, Fulfillment, HistoryEntry, Order, OrderLine, PaymentEvent, Refusal, State,
};

/// The order, with its access token if the caller may have it.
pub(crate) fn to_proto(order: &Order, access_token: Option<String>) -> pb::Order {
    let currency = order.currency();
    let contents = order.contents.as_ref();
    let next = if order.open_cancel().is_some() || !order.failing.is_empty() {
        &[]
    } else {
        order.state.next()
    };
    pb::Order {
        id: order.id.clone(),
        version: order.version,
        number: order.number.clone(),
        state: pb::OrderState::from(order.state).into(),
        next_states: next_states(order, next),
        payment_status: order.payment.status().into(),
        fulfillment_status: order.fulfillment_status().into(),
        email: contents.map_or_else(String::new, |contents| contents.email.clone()),
        phone: contents.and_then(|contents| contents.phone.clone()),
        customer_id: order.customer_id.clone(),
        lines: contents.map_or_else(Vec::new, |contents| {
            contents
                .lines
                .iter()
                .map(|line| line_to_proto(line, currency))
                .collect()
        }),
        cost: contents.map(|contents| cart::cost_to_proto(&contents.cost, currency)),
        delivery_address: contents.map(|contents| address::to_proto(&contents.delivery_address)),
        billing_address: contents.map(|contents| address::to_proto(&contents.billing_address)),
        delivery_option: contents.map(|contents| cart::option_to_proto(&contents.delivery_option, currency)),
        fulfillments: order.fulfillments.iter().map(fulfillment_to_proto).collect(),
        payment_events: order
            .payment
            .events
            .iter()
            .map(|event| event_to_proto(event, currency))
            .collect(),
        history: order.history.iter().map(history_to_proto).collect(),
        created_at: Some(to_timestamp(order.created_at)),
        placed_at: order.placed_at.map(to_timestamp),
        updated_at: Some(to_timestamp(order.updated_at)),
        access_token,
        cart_id: order.cart_id.clone(),
        discount_codes: contents.map_or_else(Vec::new, discount_codes),
        locale: contents.map_or_else(String::new, |contents| contents.locale.clone()),
        email_confirmed: order.email_is_confirmed(),
    }
}

/// The states it can reach from here; a shipped order can no longer be cancelled.
fn next_states(order: &Order, next: &[State]) -> Vec<i32> {
    let shipped = !order.fulfillments.is_empty();
    next.iter()
        .filter(|state| !(shipped && **state == State::Canceled))
        .map(|state| pb::OrderState::from(*state).into())
        .collect()
}

fn discount_codes(contents: &Contents) -> Vec<String> {
    contents
        .discounts
        .iter()
        .map(|discount| discount.code.clone())
        .collect()
}

fn line_to_proto(line: &OrderLine, currency: &str) -> pb::OrderLine {
    pb::OrderLine {
        id: line.id.clone(),
        variant_id: line.variant_id.clone(),
        product_title: line.product_title.clone(),
        variant_title: line.variant_title.clone(),
        sku: line.sku.clone(),
        image_url: line.image_url.clone(),
        quantity: line.quantity,
        unit_price: to_money(line.unit_price, currency),
        line_total: to_money(line.line_total, currency),
        product_id: line.product_id.clone(),
    }
}

fn fulfillment_to_proto(fulfillment: &Fulfillment) -> pb::Fulfillment {
    let line = |line: &FulfilledLine| pb::FulfilledLine {
        order_line_id: line.order_line_id.clone(),
        quantity: line.quantity,
    };
    pb::Fulfillment {
        id: fulfillment.id.clone(),
        lines: fulfillment.lines.iter().map(line).collect(),
        tracking_number: fulfillment.tracking_number.clone(),
        carrier: fulfillment.carrier.clone(),
        shipped_at: Some(to_timestamp(fulfillment.shipped_at)),
        delivered_at: fulfillment.delivered_at.map(to_timestamp),
    }
}

fn event_to_proto(event: &PaymentEvent, currency: &str) -> pb::PaymentEvent {
    pb::PaymentEvent {
        id: event.id.clone(),
        r#type: event.kind.name().to_owned(),
        amount: to_money(event.amount, currency),
        created_at: Some(to_timestamp(event.at)),
        message: event.message.clone(),
    }
}

fn history_to_proto(entry: &HistoryEntry) -> pb::OrderHistoryEntry {
    pb::OrderHistoryEntry {
        at: Some(to_timestamp(entry.at)),
        from_state: entry.from.map_or(pb::OrderState::Unspecified, Into::into).into(),
        to_state: pb::OrderState::from(entry.to).into(),
        actor: entry.actor.clone(),
        reason: entry.reason.clone(),
    }
}

/// A refusal of the contract.
pub(crate) fn refusal_to_proto(refusal: &Refusal) -> pb::Refusal {
    pb::Refusal {
        code: refusal.code.clone(),
        field: refusal.field.clone(),
        message: refusal.message.clone(),
    }
}
