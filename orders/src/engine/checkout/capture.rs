//! Step 7: the capture, by its intent. It runs after the buyer has the answer, and is retried with backoff. A permanent
//! refusal leaves the order PLACED, and staff have to act.

use comptoir_mesh::Error;
use comptoir_proto::orders::v1::{OrderCaptureRefused, OrderPaid, order_event::Payload};
use comptoir_shop::money::money;

use crate::{
    domain::order::{IntentState, Order, PaymentEventKind, SYSTEM, State},
    engine::{
        Halt,
        run::{Run, Then},
    },
    fail_points,
    payment::Outcome,
};

impl Run {
    /// Captures the amount, and writes CONFIRMED.
    pub(crate) async fn capture(&mut self) -> Result<(), Halt> {
        let Some(capture) = self.order.payment.capture.clone() else {
            return Err(Halt::Failed(Error::internal(anyhow::anyhow!(
                "a capture without an intent"
            ))));
        };
        self.mark().await?;
        let charge = self.charge();
        let (key, amount) = (capture.id.clone(), capture.amount);
        let outcome = self
            .provider(fail_points::CAPTURE, |provider| {
                let (charge, key) = (charge.clone(), key.clone());
                async move { provider.capture(&charge, &key, amount).await }
            })
            .await?;
        let event = self.new_id("pev_");
        match outcome {
            Outcome::Done => {
                self.commit(fail_points::CAPTURED, Then::Go, |order, now| {
                    settle(order, IntentState::Done);
                    order.note_payment(event, PaymentEventKind::Captured, amount, None, now);
                    order.transition(State::Confirmed, SYSTEM, None, now)?;
                    order.attempts = 0;
                    order.touch(now);
                    Ok(vec![Payload::Paid(OrderPaid {
                        amount: Some(money(amount, order.currency())),
                    })])
                })
                .await?;
                metrics::counter!("payments_captured_total").increment(1);
                Ok(())
            }
            Outcome::Refused(message) => {
                tracing::error!(
                    order.id = self.order.id,
                    "the provider refuses a capture for good"
                );
                metrics::counter!("payments_capture_refused_total").increment(1);
                self.commit(fail_points::CAPTURED, Then::Go, |order, now| {
                    settle(order, IntentState::Refused);
                    let note = Some(message.clone());
                    order.note_payment(event, PaymentEventKind::CaptureFailed, amount, note, now);
                    order.attempts = 0;
                    order.touch(now);
                    Ok(vec![Payload::CaptureRefused(OrderCaptureRefused { message })])
                })
                .await
            }
            Outcome::Failed(message) => {
                let last = self.order.payment.events.last();
                let noted = last.is_some_and(|event| {
                    event.kind == PaymentEventKind::CaptureFailed && event.message.as_ref() == Some(&message)
                });
                if !noted {
                    let note = Some(message.clone());
                    self.commit(fail_points::CAPTURED, Then::Go, |order, now| {
                        order.note_payment(event, PaymentEventKind::CaptureFailed, amount, note, now);
                        order.touch(now);
                        Ok(Vec::new())
                    })
                    .await?;
                }
                Err(Halt::Rest(Error::unavailable(anyhow::anyhow!(
                    "a capture was not done: {message}"
                ))))
            }
        }
    }
}

fn settle(order: &mut Order, state: IntentState) {
    if let Some(capture) = &mut order.payment.capture {
        capture.state = state;
    }
}
