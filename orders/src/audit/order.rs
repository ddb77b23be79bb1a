//! Checks of an order's document: pure functions, one for each invariant.

use comptoir_mesh::audit::{Breach, Invariant};

use super::Book;
use crate::domain::{
    order::{Contents, IntentState, Order, PaymentEventKind, State},
    pricing::line_total,
};

/// Collects the breaches of an order.
struct Notes<'a> {
    order: &'a Order,
    breaches: Vec<Breach>,
}

impl Notes<'_> {
    fn expect(&mut self, holds: bool, invariant: Invariant, wrong: impl FnOnce() -> String) {
        if !holds {
            let what = format!("order {}: {}", self.order.id, wrong());
            self.breaches.push(Breach::new(invariant, what));
        }
    }
}

/// Every breach of the order.
pub(super) fn breaches(book: &Book) -> Vec<Breach> {
    let mut notes = Notes {
        order: &book.order,
        breaches: Vec::new(),
    };
    history(&mut notes);
    totals(&mut notes);
    money(&mut notes, book.revenue);
    charges(&mut notes);
    events(&mut notes, &book.waiting);
    notes.breaches
}

fn history(notes: &mut Notes<'_>) {
    let order = notes.order;
    let mut at = None;
    for entry in &order.history {
        notes.expect(entry.from == at, Invariant::LegalHistory, || {
            format!("its history goes on from {:?} where it was {at:?}", entry.from)
        });
        let legal = match entry.from {
            None => entry.to == State::PendingPayment,
            Some(from) => from.next().contains(&entry.to),
        };
        notes.expect(legal, Invariant::LegalHistory, || {
            format!("its history goes from {:?} to {:?}", entry.from, entry.to)
        });
        at = Some(entry.to);
    }
    notes.expect(at == Some(order.state), Invariant::LegalHistory, || {
        format!("it is {:?}, and its history ends at {at:?}", order.state)
    });
    let placed = order.history.iter().any(|entry| entry.to == State::Placed);
    let noted = order.placed_at.is_some() && order.number.is_some();
    notes.expect(placed == noted, Invariant::LegalHistory, || {
        format!("whether it was placed is {placed} by its history, and {noted} by its number and time")
    });
}

fn totals(notes: &mut Notes<'_>) {
    let order = notes.order;
    let placed = order.was_placed();
    let Some(contents) = &order.contents else {
        notes.expect(!placed, Invariant::TotalsStand, || {
            "it was placed without contents".into()
        });
        return;
    };
    let total = contents.cost.total;
    notes.expect(adds_up(contents), Invariant::TotalsStand, || {
        format!("its total of {total} is not the sum of its parts")
    });
    let expected = order.expected_total.filter(|_| placed);
    notes.expect(
        expected.is_none_or(|expected| expected == total),
        Invariant::TotalsStand,
        || format!("the buyer was shown another total than {total}"),
    );
    let capture = order.payment.capture.as_ref();
    notes.expect(
        capture.is_none_or(|capture| capture.amount == total),
        Invariant::TotalsStand,
        || format!("another amount is asked for than its total of {total}"),
    );
    for event in &order.payment.events {
        use PaymentEventKind::{Authorized, Captured};
        notes.expect(
            !matches!(event.kind, Authorized | Captured) || event.amount == total,
            Invariant::TotalsStand,
            || format!("{} of {} is {}", event.amount, total, event.kind.name()),
        );
    }
}

/// Whether the parts sum to the total; an overflow is a breach.
fn adds_up(contents: &Contents) -> bool {
    let cost = &contents.cost;
    let lines = contents.lines.iter().all(|line| {
        line.quantity > 0
            && line.unit_price >= 0
            && line_total(line.unit_price, line.quantity) == Ok(line.line_total)
    });
    let parts = [
        cost.subtotal,
        cost.discount_total,
        cost.shipping_total,
        cost.tax_total,
    ];
    let added = sum(cost
        .taxes
        .iter()
        .filter(|tax| !tax.included)
        .map(|tax| tax.amount));
    let total = added
        .and_then(|added| cost.subtotal.checked_add(added))
        .and_then(|total| total.checked_add(cost.shipping_total))
        .and_then(|total| total.checked_sub(cost.discount_total));
    lines
        && !contents.lines.is_empty()
        && parts.iter().all(|part| *part >= 0)
        && sum(contents.lines.iter().map(|line| line.line_total)) == Some(cost.subtotal)
        && sum(cost.discounts.iter().copied()) == Some(cost.discount_total)
        && sum(cost.taxes.iter().map(|tax| tax.amount)) == Some(cost.tax_total)
        && total == Some(cost.total)
}

fn sum(mut amounts: impl Iterator<Item = i64>) -> Option<i64> {
    amounts.try_fold(0_i64, i64::checked_add)
}

fn money(notes: &mut Notes<'_>, revenue: i64) {
    let payment = &notes.order.payment;
    let (captured, refunded) = (payment.captured(), payment.refunded());
    let state = notes.order.state;
    notes.expect(
        0 <= refunded && refunded <= captured,
        Invariant::MoneyIsConserved,
        || format!("{refunded} refunded of {captured} captured"),
    );
    notes.expect(
        revenue == captured - refunded,
        Invariant::MoneyIsConserved,
        || {
            format!(
                "reports have {revenue} for it, which is not {captured} captured less {refunded} refunded"
            )
        },
    );
    let amounts = |wanted: &[IntentState]| -> i64 {
        let of = payment
            .refunds
            .iter()
            .filter(|refund| wanted.contains(&refund.state));
        of.map(|refund| refund.amount).sum()
    };
    let asked = amounts(&[IntentState::Open, IntentState::Done]);
    notes.expect(asked <= captured, Invariant::MoneyIsConserved, || {
        format!("refunds of {asked} are asked for, of {captured} captured")
    });
    // A cancellation's refund is not in the list of refunds.
    let by_refunds = amounts(&[IntentState::Done]);
    notes.expect(
        refunded == by_refunds || (notes.order.cancel.is_some() && refunded >= by_refunds),
        Invariant::MoneyIsConserved,
        || format!("{refunded} went back, and its refunds come to {by_refunds}"),
    );
    notes.expect(
        !matches!(state, State::Failed | State::Canceled) || captured == refunded,
        Invariant::MoneyIsConserved,
        || {
            format!(
                "it is {} and keeps {} of the money",
                state.name(),
                captured - refunded
            )
        },
    );
    let was_confirmed = notes
        .order
        .history
        .iter()
        .any(|entry| entry.to == State::Confirmed);
    notes.expect(
        was_confirmed == payment.is_captured(),
        Invariant::MoneyIsConserved,
        || {
            format!(
                "whether the money came is {was_confirmed} by its history, and {} by its capture",
                payment.is_captured()
            )
        },
    );
}

fn charges(notes: &mut Notes<'_>) {
    let payment = &notes.order.payment;
    let count = |kind: PaymentEventKind| payment.events.iter().filter(|event| event.kind == kind).count();
    for kind in [PaymentEventKind::Authorized, PaymentEventKind::Captured] {
        notes.expect(count(kind) <= 1, Invariant::OneCharge, || {
            format!("it is {} {} times", kind.name(), count(kind))
        });
    }
    let (captured, done) = (
        count(PaymentEventKind::Captured),
        usize::from(payment.is_captured()),
    );
    notes.expect(captured == done, Invariant::OneCharge, || {
        format!("{captured} captures are recorded, and {done} is done")
    });
}

/// The events that the order's changes publish.
fn announced(order: &Order) -> usize {
    let parcels = &order.fulfillments;
    let refunds = order.payment.refunds.iter();
    let refused = order
        .payment
        .capture
        .as_ref()
        .is_some_and(|capture| capture.state == IntentState::Refused);
    usize::from(order.was_placed())
        + usize::from(order.payment.is_captured())
        + usize::from(refused)
        + parcels.len()
        + parcels
            .iter()
            .filter(|parcel| parcel.delivered_at.is_some())
            .count()
        + refunds.filter(|refund| refund.state == IntentState::Done).count()
        + order
            .payment
            .events
            .iter()
            .filter(|event| event.kind == PaymentEventKind::VoidFailed)
            .count()
        + usize::from(matches!(order.state, State::Canceled | State::Failed))
}

fn events(notes: &mut Notes<'_>, waiting: &[i64]) {
    let (written, expected) = (notes.order.events, announced(notes.order));
    notes.expect(
        usize::try_from(written) == Ok(expected),
        Invariant::EveryChangeIsTold,
        || format!("{written} events were written for {expected} changes"),
    );
    // Events are published in order, so the unpublished ones are the last ones.
    let last = i64::try_from(written).unwrap_or(i64::MAX);
    let count = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
    notes.expect(
        waiting.iter().copied().eq(last - count + 1..=last),
        Invariant::EveryChangeIsTold,
        || format!("the events {waiting:?} of {written} wait"),
    );
}
