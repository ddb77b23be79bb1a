//! Cancels an order, until something was shipped: first the intent, then the refund or void, the release of units and
//! discounts, and at the end CANCELED. It waits for an open capture, and refunds it.

use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::orders::v1::{OrderCanceled, order_event::Payload};
use comptoir_shop::money::money;
use jiff::Timestamp;

use crate::{
    domain::order::{BUYER, Cancel, IntentState, Operation, Order, PaymentEventKind, Request, State},
    engine::{
        Engine, Halt,
        checkout::undo::{record_void, record_void_refusal},
        requests::Requester,
        run::{Run, Then},
    },
    fail_points,
    keys::fingerprint,
};

impl Engine {
    /// Cancels the order.
    pub(crate) async fn cancel(
        &self,
        order_id: &str,
        asked: Requester,
        reason: Option<String>,
    ) -> Result<Order, Error> {
        let request = Request {
            operation: Operation::Cancel,
            caller: asked.caller.clone(),
            key: asked.key.clone(),
            fingerprint: fingerprint(&[reason.as_deref().unwrap_or_default()]),
            subject: None,
            refused: None,
        };
        let id = self.env.ids.new_id("cxl_");
        fail_points::CANCEL_INTENT
            .around(self.ask(order_id, &request, |order, _| {
                order.check_cancel()?;
                order.attempts = 0;
                let (reason, actor) = (reason.clone(), asked.actor.clone());
                order.cancel = Some(Cancel {
                    id: id.clone(),
                    reason,
                    actor,
                    state: IntentState::Open,
                });
                Ok((id.clone(), Vec::new()))
            }))
            .await?;
        let order = self
            .settle(order_id, |order| order.open_cancel().is_none())
            .await?;
        if order.state == State::Canceled {
            return Ok(order);
        }
        Err(Error::new(
            ErrorReason::InvalidState,
            "The provider did not give the money back; staff have to act.",
        ))
    }
}

impl Run {
    /// Undoes everything, and writes CANCELED.
    pub(crate) async fn cancel(&mut self, cancel: Cancel) -> Result<(), Halt> {
        let back = self.order.payment.captured() - self.order.payment.refunded();
        if back > 0 {
            let (charge, key) = (self.charge(), cancel.id.clone());
            let outcome = self
                .provider(fail_points::CANCEL_REFUND, |provider| {
                    let (charge, key) = (charge.clone(), key.clone());
                    async move { provider.refund(&charge, &key, back).await }
                })
                .await?;
            if let Err(message) = self.evaluate("refund", outcome)? {
                return self
                    .cancel_refused(|order, event, now| {
                        order.note_payment(event, PaymentEventKind::RefundFailed, back, Some(message), now);
                        Vec::new()
                    })
                    .await;
            }
        } else if !self.order.payment.is_captured()
            && let Err(message) = self.void(fail_points::CANCEL_VOID).await?
        {
            return self
                .cancel_refused(|order, event, now| vec![record_void_refusal(order, event, message, now)])
                .await;
        }
        self.release(fail_points::CANCEL_RESERVATION, "canceled").await?;
        self.give_back(fail_points::CANCEL_DISCOUNT).await?;
        if !self.order.was_placed() {
            self.unclaim(fail_points::CANCEL_CLAIM).await?;
        }
        let event = self.new_id("pev_");
        self.commit(fail_points::CANCELED, Then::Go, |order, now| {
            let refunded = (back > 0).then(|| money(back, order.currency()));
            if back > 0 {
                order.note_payment(event, PaymentEventKind::Refunded, back, None, now);
            } else {
                record_void(order, event, now);
            }
            let Cancel { reason, actor, .. } = cancel;
            order.transition(State::Canceled, &actor, reason.clone(), now)?;
            if let Some(cancel) = &mut order.cancel {
                cancel.state = IntentState::Done;
            }
            order.payment.action = None;
            order.restocked = true;
            order.attempts = 0;
            order.touch(now);
            Ok(vec![Payload::Canceled(OrderCanceled { reason, refunded })])
        })
        .await?;
        metrics::counter!("orders_canceled_total").increment(1);
        Ok(())
    }

    /// The refund is refused permanently: the order keeps its state.
    async fn cancel_refused(
        &mut self,
        note: impl FnOnce(&mut Order, String, Timestamp) -> Vec<Payload>,
    ) -> Result<(), Halt> {
        let event = self.new_id("pev_");
        self.commit(fail_points::CANCELED, Then::Go, |order, now| {
            let payloads = note(order, event, now);
            // Staff may retry; another cancellation is another refund at the provider.
            order.cancel = None;
            order.attempts = 0;
            order.touch(now);
            Ok(payloads)
        })
        .await
    }
}

/// The actor of a history entry: the buyer, or a staff user.
pub(crate) fn actor(user_id: Option<&str>, staff: bool) -> String {
    match user_id {
        Some(id) if staff => id.to_owned(),
        _ => BUYER.to_owned(),
    }
}
