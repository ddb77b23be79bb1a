//! SKUs: found whole, however their parts are set apart, and by nothing less: to a buyer who types `60` they say nothing.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::text;

/// A SKU as a number: `NOR.0707-60` and `nor 0707 60` are one. A shop has millions, and asks only whether one is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sku(u64);

impl Sku {
    /// That of a variant; None when it has no letter or digit.
    pub(crate) fn of(sku: &str) -> Option<Self> {
        Self::of_folded(&text::fold(sku))
    }

    /// That of a query, which is folded.
    pub(crate) fn of_folded(text: &str) -> Option<Self> {
        let mut hasher = DefaultHasher::new();
        let mut any = false;
        for letter in text.chars().filter(|letter| letter.is_alphanumeric()) {
            letter.hash(&mut hasher);
            any = true;
        }
        any.then(|| Self(hasher.finish()))
    }
}
