//! Refunds: first the intent, by compare-and-set, while open and done refunds together stay within the captured amount;
//! then the provider, under the intent's id; then the outcome.

use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::orders::v1::{OrderRefunded, order_event::Payload};
use comptoir_shop::money::money;

use crate::{
    domain::order::{IntentState, Operation, Order, PaymentEventKind, Refund, Request},
    engine::{
        Engine, Halt,
        requests::Requester,
        run::{Run, Then},
    },
    fail_points,
    keys::fingerprint,
};

/// The requested refund.
#[derive(Debug, Clone)]
pub(crate) struct RefundRequest {
    /// Minor units; absent means all that is left.
    pub(crate) amount: Option<i64>,
    /// The reason, for people.
    pub(crate) reason: String,
    /// Whether the units are restocked.
    pub(crate) restock: bool,
}

impl Engine {
    /// Requests a refund.
    pub(crate) async fn refund(
        &self,
        order_id: &str,
        asked: Requester,
        wanted: RefundRequest,
    ) -> Result<Order, Error> {
        let RefundRequest {
            amount,
            reason,
            restock,
        } = wanted;
        let amount_text = amount.map_or_else(|| "all".to_owned(), |amount| amount.to_string());
        let request = Request {
            operation: Operation::Refund,
            caller: asked.caller,
            key: asked.key,
            fingerprint: fingerprint(&[&amount_text, &reason, if restock { "restock" } else { "" }]),
            subject: None,
            refused: None,
        };
        let id = self.env.ids.new_id("ref_");
        let (_, refund_id) = fail_points::REFUND_INTENT
            .around(self.ask(order_id, &request, |order, _| {
                let amount = amount.unwrap_or_else(|| order.payment.refundable());
                order.check_refund(amount)?;
                if amount < 1 {
                    let message = "Nothing is left of the captured amount.";
                    return Err(Error::field("amount", ErrorReason::RefundExceedsCapture, message));
                }
                let (id, reason) = (id.clone(), reason.clone());
                order.payment.refunds.push(Refund {
                    id: id.clone(),
                    amount,
                    reason,
                    restock,
                    state: IntentState::Open,
                });
                Ok((id, Vec::new()))
            }))
            .await?;
        let of = |order: &Order| {
            order
                .payment
                .refunds
                .iter()
                .find(|refund| refund.id == refund_id)
                .map(|refund| refund.state)
        };
        let order = self
            .settle(order_id, |order| of(order) != Some(IntentState::Open))
            .await?;
        if of(&order) == Some(IntentState::Refused) {
            let message = "The provider refused the refund.";
            return Err(Error::new(ErrorReason::PaymentFailed, message));
        }
        Ok(order)
    }
}

impl Run {
    /// Makes the refund of an intent.
    pub(crate) async fn refund(&mut self, refund: Refund) -> Result<(), Halt> {
        let Refund {
            id,
            amount,
            reason,
            restock,
            ..
        } = refund;
        let charge = self.charge();
        let outcome = self
            .provider(fail_points::REFUND, |provider| {
                let (charge, id) = (charge.clone(), id.clone());
                async move { provider.refund(&charge, &id, amount).await }
            })
            .await?;
        let event = self.new_id("pev_");
        match self.evaluate("refund", outcome)? {
            Ok(()) => {
                if restock {
                    self.release(fail_points::REFUND_RESERVATION, "refunded").await?;
                }
                self.commit(fail_points::REFUNDED, Then::Go, |order, now| {
                    settle(order, &id, IntentState::Done);
                    order.note_payment(
                        event,
                        PaymentEventKind::Refunded,
                        amount,
                        Some(reason.clone()),
                        now,
                    );
                    order.restocked |= restock;
                    order.attempts = 0;
                    order.touch(now);
                    let amount = Some(money(amount, order.currency()));
                    Ok(vec![Payload::Refunded(OrderRefunded { amount, reason })])
                })
                .await
            }
            Err(message) => {
                self.commit(fail_points::REFUNDED, Then::Go, |order, now| {
                    settle(order, &id, IntentState::Refused);
                    order.note_payment(event, PaymentEventKind::RefundFailed, amount, Some(message), now);
                    order.attempts = 0;
                    order.touch(now);
                    Ok(Vec::new())
                })
                .await
            }
        }
    }
}

fn settle(order: &mut Order, id: &str, state: IntentState) {
    for refund in &mut order.payment.refunds {
        if refund.id == id {
            refund.state = state;
        }
    }
}
