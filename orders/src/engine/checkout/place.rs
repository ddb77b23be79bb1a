//! Step 6: one document write makes the order PLACED: state, number, payment event, history, the capture's intent and
//! the event. The buyer gets the answer once this is durable.

use comptoir_proto::orders::v1::{OrderPlaced, order_event::Payload};

use crate::{
    domain::order::{Capture, IntentState, PaymentEventKind, SYSTEM, State},
    engine::{
        Halt,
        run::{Run, Then},
    },
    fail_points,
};

impl Run {
    /// Writes PLACED.
    pub(super) async fn place(&mut self, payment_id: String) -> Result<(), Halt> {
        let number = self.engine.number().await?;
        let event = self.new_id("pev_");
        let capture_id = format!("cap_{}", self.order.id.trim_start_matches("order_"));
        self.commit(fail_points::PLACE, Then::Go, |order, now| {
            order.transition(State::Placed, SYSTEM, None, now)?;
            let amount = order.total();
            order.note_payment(event, PaymentEventKind::Authorized, amount, None, now);
            order.payment.payment_id = Some(payment_id);
            order.payment.action = None;
            order.payment.capture = Some(Capture {
                id: capture_id,
                amount,
                state: IntentState::Open,
            });
            order.number = Some(number);
            order.placed_at = Some(now);
            order.attempts = 0;
            order.touch(now);
            Ok(vec![Payload::Placed(OrderPlaced {})])
        })
        .await?;
        metrics::counter!("orders_placed_total").increment(1);
        Ok(())
    }
}
