//! Fulfilment: ships an order in one or more parcels, and records their delivery.

use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::orders::v1::{FulfillmentStatus, OrderDelivered, OrderShipped, order_event::Payload};

use crate::{
    domain::order::{FulfilledLine, Fulfillment, Operation, Order, Request, State},
    engine::{Engine, requests::Requester},
    keys::fingerprint,
};

/// The requested parcel.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    /// Empty means all unshipped units.
    pub(crate) lines: Vec<FulfilledLine>,
    /// The carrier's.
    pub(crate) tracking_number: Option<String>,
    /// The carrier.
    pub(crate) carrier: Option<String>,
}

impl Engine {
    /// Ships units.
    pub(crate) async fn fulfill(
        &self,
        order_id: &str,
        asked: Requester,
        parcel: Parcel,
    ) -> Result<Order, Error> {
        let lines: Vec<_> = parcel
            .lines
            .iter()
            .map(|line| format!("{} {}", line.quantity, line.order_line_id))
            .collect();
        let input = [
            lines.join("\n"),
            parcel.tracking_number.clone().unwrap_or_default(),
            parcel.carrier.clone().unwrap_or_default(),
        ];
        let request = Request {
            operation: Operation::Fulfill,
            caller: asked.caller,
            key: asked.key,
            fingerprint: fingerprint(&input.each_ref().map(String::as_str)),
            subject: None,
            refused: None,
        };
        let id = self.env.ids.new_id("ful_");
        let (order, _) = self
            .ask(order_id, &request, |order, now| {
                let lines = order.check_fulfill(parcel.lines.clone())?;
                order.fulfillments.push(Fulfillment {
                    id: id.clone(),
                    lines,
                    tracking_number: parcel.tracking_number.clone(),
                    carrier: parcel.carrier.clone(),
                    shipped_at: now,
                    delivered_at: None,
                });
                order.touch(now);
                Ok((
                    id.clone(),
                    vec![Payload::Shipped(OrderShipped {
                        fulfillment_id: id.clone(),
                    })],
                ))
            })
            .await?;
        Ok(order)
    }

    /// Records that a parcel arrived, once. The order is COMPLETED when every unit has arrived.
    pub(crate) async fn mark_delivered(
        &self,
        order_id: &str,
        fulfillment_id: &str,
        actor: &str,
    ) -> Result<Order, Error> {
        self.change(order_id, |order, now| {
            let parcel = order
                .fulfillments
                .iter_mut()
                .find(|parcel| parcel.id == fulfillment_id);
            let parcel =
                parcel.ok_or_else(|| Error::new(ErrorReason::NotFound, "The order has no such parcel."))?;
            if parcel.delivered_at.is_some() {
                return Ok(Vec::new());
            }
            parcel.delivered_at = Some(now);
            if order.fulfillment_status() == FulfillmentStatus::Delivered {
                order.transition(State::Completed, actor, None, now)?;
            }
            order.touch(now);
            Ok(vec![Payload::Delivered(OrderDelivered {
                fulfillment_id: fulfillment_id.to_owned(),
            })])
        })
        .await
    }
}
