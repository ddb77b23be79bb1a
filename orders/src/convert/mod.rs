//! Between the contract's messages and the domain. All input is checked here, and an answer names every wrong field.

pub(crate) mod address;
pub(crate) mod cart;
pub(crate) mod discount;
pub(crate) mod order;
pub(crate) mod page;

use std::ops::RangeInclusive;

pub(crate) use comptoir_mesh::clock::to_proto as to_timestamp;
use comptoir_mesh::{
    Error,
    error::{ErrorReason, Violation},
};
use comptoir_proto::types::Money;
use jiff::Timestamp;

/// The first second of a time: the year 1, as protobuf has it. The last one is that of the year 9999, less a day.
const FIRST: i64 = -62_135_596_800;
/// The microseconds, counted forward also before 1970.
const NANOS: RangeInclusive<i32> = 0..=999_999_999;

/// A time of the contract, to the microsecond; `None` if it is invalid.
pub(crate) fn from_timestamp(at: &prost_types::Timestamp) -> Option<Timestamp> {
    if at.seconds < FIRST || !NANOS.contains(&at.nanos) {
        return None;
    }
    let at = Timestamp::new(at.seconds, at.nanos).ok()?;
    Timestamp::from_microsecond(at.as_microsecond()).ok()
}

/// A time in a request.
pub(crate) fn time(field: &str, at: &prost_types::Timestamp) -> Result<Timestamp, Error> {
    from_timestamp(at)
        .ok_or_else(|| Error::field(field, ErrorReason::ValidationFailed, "This is not a time."))
}

/// A value of an enum, as a number on the wire: an unknown one is refused rather than ignored.
pub(crate) fn from_number<E: TryFrom<i32>>(field: &str, number: i32) -> Result<E, Error> {
    E::try_from(number)
        .map_err(|_| Error::field(field, ErrorReason::ValidationFailed, "There is no such value."))
}

/// An amount of the contract.
pub(crate) fn to_money(minor_units: i64, currency: &str) -> Option<Money> {
    Some(comptoir_shop::money::money(minor_units, currency))
}

/// Collects the violations of a request while it is read.
#[derive(Default)]
pub(crate) struct Problems(Vec<Violation>);

impl Problems {
    /// The value, or `None` after collecting the violation.
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

    /// The refusal, if there was a violation.
    pub(crate) fn check(self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::violations(self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_that_protobuf_has() {
        let read = |seconds, nanos| time("at", &prost_types::Timestamp { seconds, nanos });
        for (seconds, nanos) in [
            (0, 0),
            (-1, 999_999_000),
            (FIRST, 0),
            (Timestamp::MAX.as_second() - 1, 999_999_999),
        ] {
            let micros = read(seconds, nanos).unwrap().as_microsecond();
            assert_eq!(micros, seconds * 1_000_000 + i64::from(nanos / 1000));
        }
        for (seconds, nanos) in [
            (0, -1),
            (-1, -1),
            (0, 1_000_000_000),
            (0, i32::MIN),
            (0, i32::MAX),
            (FIRST - 1, 0),
            (253_402_300_800, 0),
            (i64::MIN, 0),
            (i64::MAX, 999_999_999),
        ] {
            let refused = read(seconds, nanos).unwrap_err();
            let fields: Vec<_> = refused
                .field_violations()
                .iter()
                .map(|one| one.field.as_str())
                .collect();
            assert_eq!(fields, ["at"], "{seconds} {nanos}");
        }
    }
}
