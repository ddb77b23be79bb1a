//! Undoes an order that cannot be placed: first its document records the failure, then everything that may have been
//! done is undone, the last step first, and at the end it is FAILED. Each undo may be repeated, and may undo what was
//! never done.

use comptoir_proto::orders::v1::{OrderFailed, OrderVoidRefused, order_event::Payload};
use jiff::Timestamp;

use crate::{
    domain::order::{Order, PaymentEventKind, Refusal, SYSTEM, State},
    engine::{
        Halt,
        run::{Run, Then},
    },
    fail_points,
};

impl Run {
    /// Records that the order fails; nothing is undone yet.
    pub(super) async fn fail_with(&mut self, refusals: Vec<Refusal>) -> Result<(), Halt> {
        self.fail_with_change(refusals, |_, _| {}).await
    }

    /// The same, with another change in the same write.
    pub(super) async fn fail_with_change(
        &mut self,
        refusals: Vec<Refusal>,
        note: impl FnOnce(&mut Order, Timestamp),
    ) -> Result<(), Halt> {
        let unasked = self.fresh && !self.asked;
        self.commit(fail_points::FAILING, Then::Go, |order, now| {
            order.failing = refusals;
            order.unasked = unasked;
            order.attempts = 0;
            note(order, now);
            Ok(Vec::new())
        })
        .await?;
        Err(Halt::ChangedCourse)
    }

    /// Undoes everything, and writes FAILED.
    pub(crate) async fn unwind(&mut self) -> Result<(), Halt> {
        let voided = if self.order.unasked {
            Ok(())
        } else {
            self.void(fail_points::UNDO_PAYMENT).await?
        };
        self.release(fail_points::UNDO_RESERVATION, "failed").await?;
        self.give_back(fail_points::UNDO_DISCOUNT).await?;
        self.unclaim(fail_points::UNDO_CLAIM).await?;
        let event = self.new_id("pev_");
        self.commit(fail_points::FAILED, Then::Go, |order, now| {
            let refusal = order.failing.first().cloned();
            let (code, message) =
                refusal.map_or_else(Default::default, |refusal| (refusal.code, refusal.message));
            let mut payloads = Vec::new();
            match voided {
                Ok(()) => record_void(order, event, now),
                Err(message) => payloads.push(record_void_refusal(order, event, message, now)),
            }
            order.payment.action = None;
            order.transition(State::Failed, SYSTEM, Some(message), now)?;
            order.touch(now);
            payloads.push(Payload::Failed(OrderFailed { code }));
            Ok(payloads)
        })
        .await?;
        metrics::counter!("orders_failed_total").increment(1);
        Ok(())
    }
}

/// Records a void, if an amount was authorised or awaited, or if a zero amount was captured.
pub(crate) fn record_void(order: &mut Order, event: String, now: Timestamp) {
    use PaymentEventKind::{Authorized, CaptureFailed, Captured, RequiresAction, VoidFailed};
    let total = order.total();
    let open = match order.payment.events.last().map(|event| event.kind) {
        Some(Authorized | RequiresAction | CaptureFailed | VoidFailed) => true,
        Some(Captured) => total == 0,
        _ => false,
    };
    if open {
        order.note_payment(event, PaymentEventKind::Voided, total, None, now);
    }
}

/// Records that the provider refused the void, and returns the event.
pub(crate) fn record_void_refusal(
    order: &mut Order,
    event: String,
    message: String,
    now: Timestamp,
) -> Payload {
    let total = order.total();
    order.note_payment(
        event,
        PaymentEventKind::VoidFailed,
        total,
        Some(message.clone()),
        now,
    );
    Payload::VoidRefused(OrderVoidRefused { message })
}
