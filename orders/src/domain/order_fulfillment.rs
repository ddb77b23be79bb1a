//! Parcels, and the status derived from them.

use std::collections::BTreeMap;

use comptoir_mesh::error::{Error, ErrorReason, Violation};
use comptoir_proto::orders::v1::FulfillmentStatus as Status;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::order::{IntentState, Order, Refund, State};

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fulfillment {
    /// Begins with `ful_`.
    pub id: String,
    /// At least one.
    pub lines: Vec<FulfilledLine>,
    /// The carrier's.
    pub tracking_number: Option<String>,
    /// The carrier.
    pub carrier: Option<String>,
    /// When it was shipped.
    pub shipped_at: Timestamp,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
}

/// A line of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FulfilledLine {
    /// The order's line.
    pub order_line_id: String,
    /// 1 or more.
    pub quantity: i32,
}

impl Order {
    /// The unshipped units of each line, in the order of the lines.
    pub fn unshipped(&self) -> Vec<FulfilledLine> {
        let mut shipped: BTreeMap<&str, i32> = BTreeMap::new();
        for line in self
            .fulfillments
            .iter()
            .flat_map(|fulfillment| &fulfillment.lines)
        {
            *shipped.entry(&line.order_line_id).or_default() += line.quantity;
        }
        let lines = self.contents.iter().flat_map(|contents| &contents.lines);
        lines
            .map(|line| FulfilledLine {
                order_line_id: line.id.clone(),
                quantity: line.quantity - shipped.get(line.id.as_str()).copied().unwrap_or(0),
            })
            .filter(|line| line.quantity > 0)
            .collect()
    }

    /// The units to ship: the requested ones, or all that are left. Refused before CONFIRMED, and for more units than
    /// are left.
    pub fn check_fulfill(&self, asked: Vec<FulfilledLine>) -> Result<Vec<FulfilledLine>, Error> {
        if self.state != State::Confirmed {
            return Err(Error::new(
                ErrorReason::InvalidState,
                format!(
                    "An order that is {} cannot be shipped; one that is CONFIRMED can.",
                    self.state.name()
                ),
            ));
        }
        if self.open_cancel().is_some() {
            return Err(Error::new(
                ErrorReason::InvalidState,
                "The order is being cancelled.",
            ));
        }
        let restocks = |refund: &Refund| refund.restock && refund.state != IntentState::Refused;
        if self.restocked || self.payment.refunds.iter().any(restocks) {
            return Err(Error::new(
                ErrorReason::InvalidState,
                "The order's units went back on the shelf; they cannot be shipped any more.",
            ));
        }
        let left = self.unshipped();
        if left.is_empty() {
            return Err(Error::new(
                ErrorReason::InvalidState,
                "Every unit of the order was shipped already.",
            ));
        }
        if asked.is_empty() {
            return Ok(left);
        }
        let mut wanted: Vec<FulfilledLine> = Vec::new();
        let mut violations = Vec::new();
        for (index, line) in asked.into_iter().enumerate() {
            if line.quantity < 1 {
                violations.push(Violation::new(
                    format!("lines.{index}.quantity"),
                    ErrorReason::InvalidQuantity,
                    "A quantity is a whole number of 1 or more.",
                ));
                continue;
            }
            let known = self
                .contents
                .as_ref()
                .is_some_and(|contents| contents.lines.iter().any(|known| known.id == line.order_line_id));
            if !known {
                violations.push(Violation::new(
                    format!("lines.{index}.order_line_id"),
                    ErrorReason::ValidationFailed,
                    "The order has no such line.",
                ));
                continue;
            }
            let left = left.iter().find(|left| left.order_line_id == line.order_line_id);
            let left = left.map_or(0, |left| left.quantity);
            let position = wanted
                .iter()
                .position(|wanted| wanted.order_line_id == line.order_line_id);
            let before = position.map_or(0, |position| wanted[position].quantity);
            if line.quantity > left - before {
                violations.push(Violation::new(
                    format!("lines.{index}.quantity"),
                    ErrorReason::QuantityOutOfRange,
                    format!("Only {left} units of this line are left to ship."),
                ));
                continue;
            }
            match position {
                Some(position) => wanted[position].quantity += line.quantity,
                None => wanted.push(line),
            }
        }
        if violations.is_empty() {
            Ok(wanted)
        } else {
            Err(Error::violations(violations))
        }
    }

    /// The status, derived from the parcels.
    pub fn fulfillment_status(&self) -> Status {
        if matches!(self.state, State::Canceled | State::Failed) {
            return Status::Canceled;
        }
        if self.fulfillments.is_empty() {
            return Status::NotFulfilled;
        }
        if !self.unshipped().is_empty() {
            return Status::PartiallyShipped;
        }
        if self
            .fulfillments
            .iter()
            .all(|fulfillment| fulfillment.delivered_at.is_some())
        {
            Status::Delivered
        } else {
            Status::Shipped
        }
    }
}
