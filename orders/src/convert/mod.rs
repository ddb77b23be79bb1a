//! Between the contract's messages and the domain. What comes in is checked here, all of it, so that an answer names every
//! field that is wrong.

pub(crate) mod address;
pub(crate) mod cart;
pub(crate) mod discount;
pub(crate) mod order;
pub(crate) mod page;

use comptoir_proto::types::Money;
use jiff::Timestamp;
use mesh::{Error, error::Violation};

/// A time as the contracts have it.
pub(crate) fn to_timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.as_microsecond();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0),
    }
}

/// A time from a contract, to the microsecond; `None` when it is none.
pub(crate) fn from_timestamp(at: &prost_types::Timestamp) -> Option<Timestamp> {
    let at = Timestamp::new(at.seconds, at.nanos).ok()?;
    Timestamp::from_microsecond(at.as_microsecond()).ok()
}

/// An amount as the contracts have it.
pub(crate) fn to_money(minor_units: i64, currency: &str) -> Option<Money> {
    Some(mesh::money::money(minor_units, currency))
}

/// Collects what is wrong with a request while it is read.
#[derive(Default)]
pub(crate) struct Problems(Vec<Violation>);

impl Problems {
    /// The value, or nothing and the problem noted.
    pub(crate) fn take<T>(&mut self, checked: Result<T, Error>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.extend(error.field_violations().iter().cloned());
                if error.field_violations().is_empty() {
                    self.0.push(Violation::new("", error.reason(), error.message()));
                }
                None
            }
        }
    }

    pub(crate) fn push(&mut self, violation: Violation) {
        self.0.push(violation);
    }

    /// The refusal, if anything was wrong.
    pub(crate) fn check(self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::violations(self.0))
        }
    }
}
