//! Quantities in requests.

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

/// A number of units. Any JSON value is deserialised, so that a wrong one is refused as a wrong quantity.
#[derive(ToSchema)]
#[schema(value_type = i32, minimum = 1, maximum = 999)]
pub(crate) struct Quantity(Result<i32, ErrorReason>);

impl Quantity {
    /// Returns the number, or INVALID_QUANTITY or QUANTITY_OUT_OF_RANGE of `field`. The service checks the limit that is
    /// set.
    pub(crate) fn read(&self, field: &str) -> Result<i32, Error> {
        self.0.map_err(|reason| {
            let message = match reason {
                ErrorReason::QuantityOutOfRange => "This is more than a line may have.",
                _ => "A quantity is a whole number of 1 or more.",
            };
            Error::field(field, reason, message)
        })
    }
}

impl Default for Quantity {
    /// A quantity that was left out.
    fn default() -> Self {
        Self(Err(ErrorReason::InvalidQuantity))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(whole(&value)))
    }
}

fn whole(value: &Value) -> Result<i32, ErrorReason> {
    let Value::Number(number) = value else {
        return Err(ErrorReason::InvalidQuantity);
    };
    if let Some(whole) = number.as_i64() {
        return match i32::try_from(whole) {
            Ok(whole) if whole >= 1 => Ok(whole),
            _ if whole >= 1 => Err(ErrorReason::QuantityOutOfRange),
            _ => Err(ErrorReason::InvalidQuantity),
        };
    }
    // Above 2^63, or written with a fraction or an exponent.
    match number.as_f64() {
        Some(large) if large > f64::from(i32::MAX) => Err(ErrorReason::QuantityOutOfRange),
        Some(whole) if whole >= 1.0 && whole.fract() == 0.0 => format!("{whole}")
            .parse()
            .map_err(|_| ErrorReason::InvalidQuantity),
        _ => Err(ErrorReason::InvalidQuantity),
    }
}

#[cfg(test)]
mod tests {
    use comptoir_mesh::error::Reason as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quantity_is_a_whole_number_of_one_or_more() {
        assert_eq!(whole(&json!(1)), Ok(1));
        assert_eq!(whole(&json!(1000)), Ok(1000));
        assert_eq!(whole(&json!(2.0)), Ok(2));
        for bad in [
            json!(0),
            json!(-1),
            json!(0.5),
            json!("1"),
            json!(null),
            json!([1]),
            json!(-1e18),
            json!(i64::MIN),
        ] {
            assert_eq!(
                whole(&bad).map_err(ErrorReason::code),
                Err("INVALID_QUANTITY"),
                "{bad}"
            );
        }
        for large in [
            json!(2_147_483_648_i64),
            json!(9_223_372_036_854_775_808_u64),
            json!(1e18),
            json!(1e300),
        ] {
            assert_eq!(
                whole(&large).map_err(ErrorReason::code),
                Err("QUANTITY_OUT_OF_RANGE"),
                "{large}"
            );
        }
    }
}
