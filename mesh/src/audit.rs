//! The invariants that an audit of the stores checks, and its report.

use std::fmt;

/// An invariant that can be checked from the stores alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// I1
    NoOversell,
    /// I2
    HoldsEndOnce,
    /// I4
    LedgerIsStock,
    /// I13
    LegalHistory,
    /// I15
    TotalsStand,
    /// I18
    MoneyIsConserved,
    /// I19
    OneCharge,
    /// I22
    EveryChangeIsTold,
}

impl Invariant {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::NoOversell,
        Self::HoldsEndOnce,
        Self::LedgerIsStock,
        Self::LegalHistory,
        Self::TotalsStand,
        Self::MoneyIsConserved,
        Self::OneCharge,
        Self::EveryChangeIsTold,
    ];

    /// Its number.
    pub fn number(self) -> &'static str {
        match self {
            Self::NoOversell => "I1",
            Self::HoldsEndOnce => "I2",
            Self::LedgerIsStock => "I4",
            Self::LegalHistory => "I13",
            Self::TotalsStand => "I15",
            Self::MoneyIsConserved => "I18",
            Self::OneCharge => "I19",
            Self::EveryChangeIsTold => "I22",
        }
    }

    /// Its sentence.
    pub fn promise(self) -> &'static str {
        match self {
            Self::NoOversell => "units held and sold are units that were received",
            Self::HoldsEndOnce => "a hold ends as sold, released or expired, once",
            Self::LedgerIsStock => "the sum of the stock ledger is the stock",
            Self::LegalHistory => "an order's history is legal, whole and ends at its state",
            Self::TotalsStand => "an order's total is the sum of its parts and what was charged",
            Self::MoneyIsConserved => "money kept is money captured less money refunded",
            Self::OneCharge => "an order is charged once at most",
            Self::EveryChangeIsTold => "every change has its event, without a gap",
        }
    }
}

/// A breach of an invariant. Equal while the same thing is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Breach {
    /// Which.
    pub invariant: Invariant,
    /// A sentence about what is wrong.
    pub what: String,
}

impl Breach {
    /// A breach.
    pub fn new(invariant: Invariant, what: impl fmt::Display) -> Self {
        Self {
            invariant,
            what: what.to_string(),
        }
    }
}
