//! Amounts.

use async_graphql::SimpleObject;
use comptoir_mesh::money::{format_decimal, fraction_digits};
use comptoir_proto::types as pb;

use super::scalars::{Decimal, Long};

/// Amounts are integers of the currency's smallest unit everywhere inside; fractionalAmount is that integer.
#[derive(SimpleObject, Clone, Debug)]
pub(super) struct Money {
    amount: Decimal,
    currency_code: String,
    fractional_amount: Long,
    fraction_digits: i32,
}

impl From<pb::Money> for Money {
    fn from(money: pb::Money) -> Self {
        let digits = fraction_digits(&money.currency_code).unwrap_or(2);
        Self {
            amount: Decimal::new(format_decimal(money.minor_units, digits)),
            currency_code: money.currency_code,
            fractional_amount: Long(money.minor_units),
            fraction_digits: i32::try_from(digits).unwrap_or_default(),
        }
    }
}

/// An amount that services always set.
pub(super) fn money(money: Option<pb::Money>) -> Money {
    money.unwrap_or_default().into()
}
