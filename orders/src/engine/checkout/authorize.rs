//! Step 4: the payment, authorised with the order's id as its key. Undone by a void.

use std::time::Duration;

use comptoir_mesh::{Error, ErrorReason};
use jiff::Timestamp;

use super::price::refusal;
use crate::{
    domain::order::{BankAction, PaymentEventKind, Refusal, void_key},
    engine::{
        Halt,
        run::{Run, Then},
    },
    fail_points::{self, Point},
    payment::{Authorization, Charge, Outcome},
};

/// The interval at which the provider is asked whether the buyer has acted.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The time limit of an order without a reservation.
const UNHELD: Duration = Duration::from_secs(15 * 60);

impl Run {
    /// Whether the reservation has expired.
    pub(super) fn is_late(&self) -> bool {
        let end = self
            .order
            .hold_expires_at
            .unwrap_or(self.order.created_at + UNHELD);
        self.engine.now() >= end
    }

    /// Authorises the amount and returns the payment's id, or changes the order's course.
    pub(super) async fn authorize(&mut self) -> Result<String, Halt> {
        let known = self.order.payment.action.is_some() || self.is_late();
        let mut answer = Authorization::Unknown;
        if known {
            let charge = self.charge();
            answer = self
                .provider(fail_points::LOOKUP, |provider| {
                    let charge = charge.clone();
                    async move { provider.lookup(&charge).await }
                })
                .await?;
        }
        if answer == Authorization::Unknown && !self.is_late() {
            let charge = self.charge();
            answer = self
                .provider(fail_points::AUTHORIZE, |provider| {
                    let charge = charge.clone();
                    async move { provider.authorize(&charge).await }
                })
                .await?;
        }
        match answer {
            Authorization::Authorized { payment_id } => Ok(payment_id),
            Authorization::RequiresAction { .. } | Authorization::Unknown if self.is_late() => {
                let message = "The payment was not made before the units were let go.";
                self.turn(vec![refusal(ErrorReason::PaymentFailed, "payment", message)])
                    .await
            }
            Authorization::RequiresAction {
                payment_id,
                redirect_url,
                client_secret,
            } => {
                self.await_action(
                    payment_id,
                    BankAction {
                        redirect_url,
                        client_secret,
                    },
                )
                .await
            }
            Authorization::Declined { payment_id, message } => self.declined(payment_id, message).await,
            Authorization::Voided { .. } => {
                let message = "The payment was let go.";
                self.turn(vec![refusal(ErrorReason::PaymentFailed, "payment", message)])
                    .await
            }
            Authorization::Unknown => Err(Halt::Rest(Error::unavailable(anyhow::anyhow!(
                "the provider does not know the payment"
            )))),
        }
    }

    /// The order's payment, for its provider.
    pub(crate) fn charge(&self) -> Charge {
        Charge::of(&self.order)
    }

    async fn turn<T>(&mut self, refusals: Vec<Refusal>) -> Result<T, Halt> {
        self.fail_with(refusals).await?;
        Err(Halt::ChangedCourse)
    }

    async fn declined<T>(&mut self, payment_id: String, message: String) -> Result<T, Halt> {
        let event = self.new_id("pev_");
        let refusals = vec![refusal(ErrorReason::PaymentDeclined, "payment", &message)];
        self.fail_with_change(refusals, |order, now| {
            order.payment.payment_id = Some(payment_id);
            let total = order.total();
            order.note_payment(event, PaymentEventKind::Declined, total, Some(message), now);
        })
        .await?;
        Err(Halt::ChangedCourse)
    }

    /// The bank requires an action of the buyer: the order waits, within the limit of open holds of its client address.
    async fn await_action<T>(&mut self, payment_id: String, action: BankAction) -> Result<T, Halt> {
        let again = self.next_look();
        if self.order.payment.action.is_some() {
            return Err(Halt::Wait(again));
        }
        let engine = self.engine.clone();
        let _gate = engine.holds.gate.lock().await;
        if self.holds_with(1).await? {
            return self.turn(vec![too_many_holds()]).await;
        }
        let event = self.new_id("pev_");
        self.commit(fail_points::AWAIT, Then::Rest(again), |order, now| {
            if order.open_cancel().is_some() {
                return Err(Halt::Stale);
            }
            order.payment.payment_id = Some(payment_id);
            order.payment.action = Some(action);
            let total = order.total();
            order.note_payment(event, PaymentEventKind::RequiresAction, total, None, now);
            order.touch(now);
            Ok(Vec::new())
        })
        .await?;
        // Another process may have counted at the same time, and taken the same last place: then both fail.
        if self.holds_with(0).await? {
            return self.turn(vec![too_many_holds()]).await;
        }
        Err(Halt::Rested)
    }

    /// Whether the client address has too many orders that hold units for a bank's action, with `more` added. Only such
    /// orders count: one that is paid at once never does.
    async fn holds_with(&self, more: u64) -> Result<bool, Error> {
        let limit = self.engine.holds.per_address;
        let Some(address) = self.order.client_address.as_deref().filter(|_| limit > 0) else {
            return Ok(false);
        };
        Ok(self.engine.stores.orders.awaiting_holds(address).await? + more > limit)
    }

    fn next_look(&self) -> Timestamp {
        let again = self.engine.now() + LOOK_AGAIN;
        self.order.hold_expires_at.map_or(again, |end| again.min(end))
    }

    /// Voids the authorisation, or cancels the awaited action. The inner error says why the provider refuses
    /// permanently.
    pub(crate) async fn void(&mut self, point: Point) -> Result<Result<(), String>, Halt> {
        let charge = self.charge();
        let mut outcome = self
            .provider(point, |provider| {
                let charge = charge.clone();
                async move { provider.void(&charge).await }
            })
            .await?;
        if let Outcome::Refused(_) = outcome {
            // The amount was captured at the provider's own dashboard: then it can only be refunded.
            let (key, amount) = (void_key(&self.order.id), self.order.total());
            let back = self
                .provider(point, |provider| {
                    let (charge, key) = (charge.clone(), key.clone());
                    async move { provider.refund(&charge, &key, amount).await }
                })
                .await?;
            if back == Outcome::Done {
                outcome = back;
            }
        }
        self.evaluate("void", outcome)
    }
}

fn too_many_holds() -> Refusal {
    let message = "Too many unpaid orders of this address hold units; finish or cancel one, or wait, and order with a new \
                   idempotency key.";
    refusal(ErrorReason::ReservationLimit, "", message)
}
