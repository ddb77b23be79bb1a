//! Units on hand, held and moved.

use std::time::Duration;

use jiff::Timestamp;

/// How many units of a variant there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Whose.
    pub variant_id: String,
    /// Units in the house, held ones too.
    pub on_hand: i32,
    /// Units held for orders being paid.
    pub reserved: i32,
}

/// Units moved by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// Whose units.
    pub variant_id: String,
    /// Not 0.
    pub delta: i32,
    /// Why, for the ledger.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// The idempotency key, for this variant and actor.
    pub request_id: String,
}

/// Units asked for, all or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The order's id.
    pub id: String,
    /// One for each variant; see [`Reservation::new`].
    pub lines: Vec<ReservationLine>,
    /// How long the units are held, by the store's clock.
    pub ttl: Duration,
}

/// How many units of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationLine {
    /// Of what.
    pub variant_id: String,
    /// 1 or more.
    pub quantity: i32,
    /// The place in the request, for the answer that names what is short.
    pub place: usize,
}

/// An entry of the ledger; a variant's sum of deltas is what is on hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Begins with `mov_`.
    pub id: String,
    /// Where it stands in the ledger: grows with each entry.
    pub position: i64,
    /// Of the units on hand.
    pub delta: i32,
    /// "initial", "import", "sold", "returned", "removed", or what staff wrote.
    pub reason: String,
    /// A user's id or a service's name.
    pub actor: String,
    /// The order it was for.
    pub order_id: Option<String>,
    /// When.
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
