//! The fail points: before and after every write and outside call of CompleteCart, cancel and refund, and of their
//! undo. A test build dies at the configured one.

/// The fail points before and after a step.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    before: &'static str,
    after: &'static str,
}

impl Point {
    /// Passes the fail points around a step.
    pub(crate) async fn around<T>(self, step: impl Future<Output = T>) -> T {
        pass(self.before).await;
        let outcome = step.await;
        pass(self.after).await;
        outcome
    }
}

async fn pass(name: &'static str) {
    comptoir_mesh::fail_points::hit(name);
    #[cfg(test)]
    crash::pass(name).await;
}

/// /// A crash for unit tests: the task that passes the fail point stops there. Tests run their tasks on their own
/// thread.
#[cfg(test)]
pub(crate) mod crash {
    use std::cell::Cell;

    thread_local! {
        static AT: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Stops the next task that passes the fail point, once.
    pub(crate) fn set(point: &'static str) {
        AT.set(Some(point));
    }

    /// Whether the crash has happened.
    pub(crate) fn happened() -> bool {
        AT.get().is_none()
    }

    /// Clears the crash; returns whether it had happened.
    pub(crate) fn clear() -> bool {
        AT.take().is_none()
    }

    pub(super) async fn pass(name: &'static str) {
        if AT.get() == Some(name) {
            AT.set(None);
            std::future::pending::<()>().await;
        }
    }
}

macro_rules! points {
    ($($name:ident = $text:literal),* $(,)?) => {
        $(pub(crate) const $name: Point =
            Point { before: concat!("orders.", $text, ".before"), after: concat!("orders.", $text, ".after") };)*
        /// Every fail point of this service.
        pub const FAIL_POINTS: &[&str] =
            &[$(concat!("orders.", $text, ".before"), concat!("orders.", $text, ".after")),*];
    };
}

points! {
    // CompleteCart, in the order of its steps.
    CREATE = "complete.create",
    CLAIM = "complete.claim",
    REPRICE = "complete.reprice",
    RESERVE = "complete.reserve",
    DISCOUNT = "complete.discount",
    AUTHORIZE = "complete.authorize",
    AWAIT = "complete.await",
    LOOKUP = "complete.lookup",
    CONFIRM = "complete.confirm",
    PLACE = "complete.place",
    MARK = "complete.mark",
    CAPTURE = "complete.capture",
    CAPTURED = "complete.captured",
    // A refused completion: the intent, the undo steps, the end.
    FAILING = "undo.failing",
    UNDO_PAYMENT = "undo.void",
    UNDO_RESERVATION = "undo.release",
    UNDO_DISCOUNT = "undo.discount",
    UNDO_CLAIM = "undo.claim",
    FAILED = "undo.failed",
    // A cancellation.
    CANCEL_INTENT = "cancel.intent",
    CANCEL_VOID = "cancel.void",
    CANCEL_REFUND = "cancel.refund",
    CANCEL_RESERVATION = "cancel.release",
    CANCEL_DISCOUNT = "cancel.discount",
    CANCEL_CLAIM = "cancel.claim",
    CANCELED = "cancel.done",
    // A refund.
    REFUND_INTENT = "refund.intent",
    REFUND = "refund.refund",
    REFUND_RESERVATION = "refund.release",
    REFUNDED = "refund.done",
    // The lease.
    LEASE = "lease.take",
    RENEW = "lease.renew",
    REST = "lease.rest",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FAIL_POINTS;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let names: BTreeSet<_> = FAIL_POINTS.iter().collect();
        assert_eq!(names.len(), FAIL_POINTS.len());
    }
}
