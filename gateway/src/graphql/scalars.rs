//! The scalars of this schema.

use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};
use jiff::Timestamp;

use crate::executor::is_decimal;
use crate::executor::sync_object::leaf;

/// RFC 3339, UTC
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DateTime(Timestamp);

impl DateTime {
    /// Converts a time that services always set.
    pub(super) fn of(time: Option<prost_types::Timestamp>) -> Self {
        Self::maybe(time).unwrap_or(Self(Timestamp::UNIX_EPOCH))
    }

    /// Converts a time that may be absent.
    pub(super) fn maybe(time: Option<prost_types::Timestamp>) -> Option<Self> {
        let time = time?;
        Timestamp::new(time.seconds, time.nanos).ok().map(Self)
    }

    /// Converts to the type of messages.
    pub(super) fn to_proto(self) -> prost_types::Timestamp {
        comptoir_mesh::clock::to_proto(self.0)
    }
}

#[Scalar(name = "DateTime")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        let time = text.parse::<Timestamp>();
        time.map(Self)
            .map_err(|_| InputValueError::custom("A time is written like 2026-01-31T12:00:00Z."))
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if text.parse::<Timestamp>().is_ok())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// exact decimal, as a JSON string: "49.90"
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal(String);

impl Decimal {
    /// Wraps a decimal that a service wrote.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, for messages.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

#[Scalar(name = "Decimal")]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) if is_decimal(&text) => Ok(Self(text)),
            Value::String(_) => Err(InputValueError::custom("A decimal is written like \"49.90\".")),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if is_decimal(text))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// 64-bit integer, as a JSON number
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Long(pub(super) i64);

#[Scalar(name = "Long")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Ok(Self(whole)),
                None => Err(InputValueError::custom(
                    "A Long is a whole number of at most 64 bits.",
                )),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::Number(number) if number.as_i64().is_some())
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

leaf! {
    Long as Long: |number| number.to_value();
    Decimal as Decimal: |decimal| Value::String(decimal.into_string());
    DateTime as DateTime: |time| time.to_value();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_strings_of_digits() {
        for good in ["49.90", "0", "-3.5", "100"] {
            assert!(Decimal::parse(Value::from(good)).is_ok(), "{good}");
        }
        for bad in ["", "abc", "1e3", "1.", ".5", "+1", "1,5", "NaN"] {
            assert!(Decimal::parse(Value::from(bad)).is_err(), "{bad}");
        }
        assert!(Decimal::parse(Value::from(49)).is_err());
        assert!(Decimal::parse(Value::from("9".repeat(41))).is_err());
    }

    #[test]
    fn longs_are_whole_numbers() {
        assert_eq!(
            Long::parse(Value::from(9_007_199_254_740_993_i64)).unwrap(),
            Long(9_007_199_254_740_993)
        );
        assert!(Long::parse(Value::from(0.5)).is_err());
        assert!(Long::parse(Value::from("1")).is_err());
    }

    #[test]
    fn times_are_utc() {
        let time = DateTime::parse(Value::from("2026-01-31T13:00:00+01:00")).unwrap();
        assert_eq!(time.to_value(), Value::from("2026-01-31T12:00:00Z"));
        assert!(DateTime::parse(Value::from("yesterday")).is_err());
        assert_eq!(DateTime::of(Some(time.to_proto())), time);
    }
}
