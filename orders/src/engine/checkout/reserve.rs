//! Step 3: units are reserved and discount uses counted, under the order's id. Undone by releasing both.

use comptoir_mesh::{Error, ErrorReason, error::Reason as _};
use comptoir_proto::catalog::v1::{ReleaseReservationRequest, ReservationLine, ReserveStockRequest};

use super::price::{refusal, refusals};
use crate::{
    convert::from_timestamp,
    domain::{
        cart::name,
        discount::Use,
        order::{Refusal, UsedDiscount},
    },
    engine::{Halt, run::Run},
    fail_points::{self, Point},
};

impl Run {
    /// Reserves all lines or none.
    pub(super) async fn reserve(&mut self) -> Result<(), Halt> {
        let lines = self.order.contents.iter().flat_map(|contents| &contents.lines);
        let request = ReserveStockRequest {
            reservation_id: self.order.id.clone(),
            lines: lines
                .map(|line| ReservationLine {
                    variant_id: line.variant_id.clone(),
                    quantity: line.quantity,
                })
                .collect(),
        };
        let held = self
            .inventory(fail_points::RESERVE, |mut client| {
                let request = request.clone();
                async move { client.reserve_stock(request).await }
            })
            .await?;
        match held {
            Ok(answer) => {
                // Written with the next step, to save a write.
                self.order.hold_expires_at = answer.expires_at.as_ref().and_then(from_timestamp);
                Ok(())
            }
            Err(error) => self.refused_by_stock(&error).await,
        }
    }

    /// A permanent refusal of the catalogue. INVALID_STATE means that the reservation was released: by a cancellation,
    /// which is in the document, or because the order failed.
    pub(super) async fn refused_by_stock(&mut self, error: &Error) -> Result<(), Halt> {
        if error.reason() != ErrorReason::InvalidState {
            let refusals = refusals(error).into_iter().map(|refusal| self.named(refusal));
            return self.fail_with(refusals.collect()).await;
        }
        let stored = self.engine.order(&self.order.id).await?;
        if stored.revision != self.order.revision {
            return Err(Halt::Stale);
        }
        let message = "The units are not held any more.";
        self.fail_with(vec![refusal(ErrorReason::InsufficientStock, "lines", message)])
            .await
    }

    /// Variants that are no longer sold, with their names from the order: the catalogue may know only their ids.
    fn named(&self, refusal: Refusal) -> Refusal {
        let place = match refusal.field.as_slice() {
            [lines, place, ..] if lines == "lines" => place.parse::<usize>().ok(),
            _ => None,
        };
        let gone = refusal.code == ErrorReason::ProductUnavailable.code();
        let contents = self.order.contents.as_ref().filter(|_| gone);
        match contents
            .zip(place)
            .and_then(|(contents, at)| contents.lines.get(at))
        {
            Some(line) => Refusal {
                message: format!(
                    "{} is not for sale any more.",
                    name(&line.product_title, &line.variant_title)
                ),
                ..refusal
            },
            None => refusal,
        }
    }

    /// Releases reserved units, or returns sold ones.
    pub(crate) async fn release(&mut self, point: Point, reason: &str) -> Result<(), Halt> {
        let request = ReleaseReservationRequest {
            reservation_id: self.order.id.clone(),
            reason: reason.to_owned(),
        };
        let released = self
            .inventory(point, |mut client| {
                let request = request.clone();
                async move { client.release_reservation(request).await }
            })
            .await?;
        match released {
            Ok(_) => Ok(()),
            Err(error) => Err(Halt::Rest(Error::unavailable(anyhow::anyhow!(
                "a release was refused: {error:?}"
            )))),
        }
    }

    /// Counts the uses of discounts, each within its limits.
    pub(super) async fn use_discounts(&mut self) -> Result<(), Halt> {
        for discount in self.discounts() {
            let store = self.engine.stores.discounts.clone();
            let customers = discount.customers();
            let used = store.use_discount(&discount.id, &self.order.id, &customers);
            let (reason, message) = match fail_points::DISCOUNT.around(used).await? {
                Use::Counted => continue,
                Use::LimitReached => (
                    ErrorReason::DiscountCodeLimitReached,
                    "This code was used as often as it may be.",
                ),
                Use::CustomerLimitReached => (
                    ErrorReason::DiscountCodeLimitReached,
                    "You used this code as often as one may.",
                ),
                Use::GivenBack | Use::Missing => (ErrorReason::DiscountCodeInvalid, "There is no such code."),
            };
            let field = self.place_of(&discount.code).await?;
            return self.fail_with(vec![refusal(reason, &field, message)]).await;
        }
        Ok(())
    }

    /// The code's position in the cart: the order has only codes with an effect. A claimed cart no longer changes.
    async fn place_of(&self, code: &str) -> Result<String, Error> {
        let cart = self.engine.stores.carts.cart(&self.order.cart_id).await?;
        let place = cart.and_then(|cart| cart.discount_codes.iter().position(|other| other == code));
        Ok(place.map_or_else(
            || "discount_codes".to_owned(),
            |at| format!("discount_codes.{at}"),
        ))
    }

    /// Returns the uses.
    pub(crate) async fn give_back(&mut self, point: Point) -> Result<(), Halt> {
        for discount in self.discounts() {
            let store = self.engine.stores.discounts.clone();
            point
                .around(store.give_back_discount(&discount.id, &self.order.id))
                .await?;
        }
        Ok(())
    }

    fn discounts(&self) -> Vec<UsedDiscount> {
        self.order
            .contents
            .as_ref()
            .map_or_else(Vec::new, |contents| contents.discounts.clone())
    }
}
