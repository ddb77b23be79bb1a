//! The refusals of steps on stock, the same in every adapter.

use std::collections::BTreeMap;

use comptoir_mesh::{
    Error,
    error::{ErrorReason, Reason as _, Violation},
};
use jiff::Timestamp;

use crate::domain::{Adjustment, Reservation, ReservationLine};

comptoir_stores::from_row! {
    /// A variant that a reservation asks for.
    pub(super) struct RequestedVariant {
        pub(super) id: String,
        pub(super) title: String,
        pub(super) active: bool,
    }
}

/// Variant id → the title of its product.
pub(super) type Titles = BTreeMap<String, String>;

/// Refuses lines with variants that are not for sale. Returns the titles of the variants.
pub(super) fn for_sale(lines: &[ReservationLine], found: &[RequestedVariant]) -> Result<Titles, Error> {
    let found: BTreeMap<_, _> = found.iter().map(|variant| (&variant.id, variant)).collect();
    let unsold = lines
        .iter()
        .filter(|line| !found.get(&line.variant_id).is_some_and(|variant| variant.active));
    let refused: Vec<Violation> = unsold
        .map(|line| {
            let title = found
                .get(&line.variant_id)
                .map_or("The article", |variant| variant.title.as_str());
            let message = format!("{title} ({}) is not for sale.", line.variant_id);
            refusal(line, ErrorReason::ProductUnavailable, message)
        })
        .collect();
    if !refused.is_empty() {
        return Err(Error::violations(refused));
    }
    Ok(titles(found.values().copied()))
}

/// The titles of the variants, for sale or not.
pub(super) fn titles<'w>(found: impl IntoIterator<Item = &'w RequestedVariant>) -> Titles {
    let found = found.into_iter();
    found
        .map(|variant| (variant.id.clone(), variant.title.clone()))
        .collect()
}

/// Too few units of a line.
pub(super) fn short(line: &ReservationLine, left: i32, titles: &Titles) -> Violation {
    let title = titles.get(&line.variant_id).map_or("the article", String::as_str);
    let message = format!(
        "Of {title} ({}) {left} are left, not {}.",
        line.variant_id, line.quantity
    );
    refusal(line, ErrorReason::InsufficientStock, message)
}

fn refusal(line: &ReservationLine, reason: ErrorReason, message: String) -> Violation {
    Violation::new(format!("lines.{}.quantity", line.place), reason, message)
}

/// The answer for a reservation that exists already, with these (variant id, quantity) in the order of ids.
pub(super) fn repeated(
    reservation: &Reservation,
    state: &str,
    stored: &[(String, i32)],
    ends: Timestamp,
) -> Result<Timestamp, Error> {
    if state == "released" {
        return Err(invalid_state("The reservation was released already."));
    }
    let requested = reservation.lines.iter();
    if requested.map(|line| (&line.variant_id, line.quantity)).eq(stored
        .iter()
        .map(|(variant_id, quantity)| (variant_id, *quantity)))
    {
        return Ok(ends);
    }
    Err(Error::new(
        ErrorReason::IdempotencyKeyReused,
        "There is a reservation of this id with other lines.",
    ))
}

/// A step that the reservation's state does not allow.
pub(super) fn invalid_state(message: &str) -> Error {
    Error::new(ErrorReason::InvalidState, message)
}

/// The units on hand after the adjustment, which must leave at least the reserved ones.
pub(super) fn adjusted(adjustment: &Adjustment, on_hand: i32, reserved: i32) -> Result<i32, Error> {
    let after = on_hand.checked_add(adjustment.delta).ok_or_else(|| {
        let message = "That is more stock than can be counted.";
        Error::field("delta", ErrorReason::QuantityOutOfRange, message)
    })?;
    if after < reserved {
        let message = format!("{on_hand} units are on hand, and {reserved} of them are held for orders.");
        return Err(Error::field("delta", ErrorReason::InsufficientStock, message));
    }
    Ok(after)
}

comptoir_stores::from_row! {
    /// The stored adjustment with the same key.
    pub(super) struct Earlier {
        delta: i32,
        reason: String,
        refusal_code: Option<String>,
        refusal: Option<String>,
    }
}

impl Earlier {
    /// The stored answer, if the adjustment is the same.
    pub(super) fn answer(self, adjustment: &Adjustment) -> Result<(), Error> {
        if self.delta != adjustment.delta || self.reason != adjustment.reason {
            return Err(Error::new(
                ErrorReason::IdempotencyKeyReused,
                "This idempotency key was used before with another adjustment.",
            ));
        }
        match self.refusal_code.as_deref().and_then(ErrorReason::from_code) {
            None => Ok(()),
            Some(reason) => Err(Error::field("delta", reason, self.refusal.unwrap_or_default())),
        }
    }
}
