//! Amounts.

use comptoir_proto::types as pb;
use comptoir_shop::money::{format_decimal, fraction_digits};

use super::scalars::{Decimal, Long};
use crate::executor::sync_object::{output_type, sync_object};

#[derive(Clone, Debug)]
pub(super) struct Money(pb::Money);

impl From<pb::Money> for Money {
    fn from(money: pb::Money) -> Self {
        Self(money)
    }
}

/// A borrowed view of an amount.
#[derive(Clone, Copy)]
pub(super) struct Amount<'a> {
    minor_units: i64,
    currency_code: &'a str,
}

impl<'a> Amount<'a> {
    /// Zero in this currency.
    pub(super) fn none(currency_code: &'a str) -> Self {
        Self {
            minor_units: 0,
            currency_code,
        }
    }

    /// Converts an amount that services always set.
    pub(super) fn of(money: Option<&'a pb::Money>) -> Self {
        money.map_or(Self::none(""), Self::from)
    }

    fn digits(self) -> u32 {
        fraction_digits(self.currency_code).unwrap_or(2)
    }
}

impl<'a> From<&'a pb::Money> for Amount<'a> {
    fn from(money: &'a pb::Money) -> Self {
        Self {
            minor_units: money.minor_units,
            currency_code: &money.currency_code,
        }
    }
}

sync_object!(
    /// An amount is stored as an integer of the currency's smallest unit. fractionalAmount is that integer.
    Money: Amount<'_>, |money| {
        amount: Decimal = Decimal::new(format_decimal(money.minor_units, money.digits())),
        currencyCode: &str = money.currency_code,
        fractionalAmount: Long = Long(money.minor_units),
        fractionDigits: i32 = i32::try_from(money.digits()).unwrap_or_default(),
    }
);
output_type!(Money as Amount<'_>, |money| Amount::from(&money.0));

/// Converts an amount that services always set.
pub(super) fn money(money: Option<pb::Money>) -> Money {
    money.unwrap_or_default().into()
}
