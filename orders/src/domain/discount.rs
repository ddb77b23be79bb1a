//! A discount code: its terms, and when it can be used.

use comptoir_mesh::error::ErrorReason;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::pricing::{Offer, Rate};

/// A code and its discount. The store counts its uses separately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discount {
    /// `disc_…`
    pub id: String,
    /// Incremented by each change that staff make.
    pub version: i64,
    /// As typed, NFC.
    pub code: String,
    pub kind: Kind,
    /// ISO 4217, of a fixed amount and of the minimum.
    pub currency: String,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub usage_limit: Option<i32>,
    pub usage_limit_per_customer: Option<i32>,
    /// Minor units.
    pub minimum_subtotal: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The discount of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A part of the subtotal.
    Percent(Rate),
    /// Minor units, at most the subtotal.
    Fixed(i64),
}

/// A discount with its uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub discount: Discount,
    pub times_used: i64,
}

/// The result of using a discount for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It counts for the order, by this call or an earlier one.
    Counted,
    /// Its limit of uses is reached.
    LimitReached,
    /// Its limit of uses per customer is reached.
    CustomerLimitReached,
    /// The use was returned for this order before: this call is late.
    GivenBack,
    /// No such discount.
    Missing,
}

impl Discount {
    /// Why the code cannot be used at `now`, regardless of the cart, if so. The store checks its limits.
    pub fn refusal(&self, now: Timestamp) -> Option<ErrorReason> {
        let early = self.starts_at.is_some_and(|starts| now < starts);
        let late = self.ends_at.is_some_and(|ends| now >= ends);
        (early || late).then_some(ErrorReason::DiscountCodeExpired)
    }

    /// Its offer for [`super::pricing::price`].
    pub fn offer(&self) -> Offer {
        Offer {
            kind: self.kind,
            minimum_subtotal: self.minimum_subtotal.unwrap_or(0),
        }
    }
}

/// The form in which codes are compared: NFKC, upper case, no space around.
pub fn fold(code: &str) -> String {
    code.trim()
        .nfkc()
        .collect::<String>()
        .to_uppercase()
        .nfc()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_one_whatever_their_case_and_form() {
        for (one, other) in [
            ("Summer", " SUMMER "),
            ("été", "E\u{301}TE\u{301}"),
            ("straße", "STRASSE"),
            ("ＡＢ", "ab"),
        ] {
            assert_eq!(fold(one), fold(other));
        }
        assert_ne!(fold("SUMMER1"), fold("SUMMERI"));
    }

    #[test]
    fn a_code_is_for_its_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let discount = Discount {
            id: "disc_1".to_owned(),
            version: 1,
            code: "X".to_owned(),
            kind: Kind::Fixed(100),
            currency: "EUR".to_owned(),
            starts_at: Some(at(10)),
            ends_at: Some(at(20)),
            usage_limit: None,
            usage_limit_per_customer: None,
            minimum_subtotal: None,
            created_at: at(0),
            updated_at: at(0),
        };
        let refused = |second| discount.refusal(at(second)).is_some();
        assert_eq!(
            [9, 10, 19, 20].map(refused),
            [true, false, false, true],
            "from its start to before its end"
        );
    }
}
