//! Stock, reservations and movements.

use std::time::Duration;

use jiff::Timestamp;

/// The stock of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// The variant.
    pub variant_id: String,
    /// Units on hand, including reserved ones.
    pub on_hand: i32,
    /// Units reserved for orders that are being paid.
    pub reserved: i32,
}

/// A change of the units on hand by staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// The variant.
    pub variant_id: String,
    /// Not 0.
    pub delta: i32,
    /// The reason, for the ledger.
    pub reason: String,
    /// The id of the staff user.
    pub actor: String,
    /// The idempotency key, for this variant and actor.
    pub request_id: String,
}

/// A reservation of units, of all lines or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The order's id.
    pub id: String,
    /// One for each variant; see [`Reservation::new`].
    pub lines: Vec<ReservationLine>,
    /// How long the units are reserved, by the store's clock.
    pub ttl: Duration,
}

/// A line of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationLine {
    /// The variant.
    pub variant_id: String,
    /// 1 or more.
    pub quantity: i32,
    /// The index of the line in the request, for refusals.
    pub place: usize,
}

/// An entry of the ledger; a variant's sum of deltas is what is on hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Begins with `mov_`.
    pub id: String,
    /// The position in the ledger: grows with each entry.
    pub position: i64,
    /// Of the units on hand.
    pub delta: i32,
    /// "initial", "import", "sold", "returned", "removed", or what staff wrote.
    pub reason: String,
    /// A user's id or a service's name.
    pub actor: String,
    /// The order it was for.
    pub order_id: Option<String>,
    /// When it happened.
    pub created_at: Timestamp,
}

impl Reservation {
    /// Lines of the same variant are added up, and all are sorted by variant, so that two reservations never take the
    /// same rows in opposite orders. None when a sum is more than an i32 holds.
    pub fn new(id: String, lines: &[(String, i32)], ttl: Duration) -> Option<Self> {
        let mut sorted: Vec<ReservationLine> = Vec::with_capacity(lines.len());
        for (place, (variant_id, quantity)) in lines.iter().enumerate() {
            match sorted.iter_mut().find(|line| line.variant_id == *variant_id) {
                Some(line) => line.quantity = line.quantity.checked_add(*quantity)?,
                None => sorted.push(ReservationLine {
                    variant_id: variant_id.clone(),
                    quantity: *quantity,
                    place,
                }),
            }
        }
        sorted.sort_by(|one, other| one.variant_id.cmp(&other.variant_id));
        Some(Self {
            id,
            lines: sorted,
            ttl,
        })
    }
}
