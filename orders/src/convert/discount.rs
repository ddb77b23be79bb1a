//! Discount codes.

use comptoir_mesh::{
    Error,
    error::{ErrorReason, Violation},
    text,
};
use comptoir_proto::orders::v1::{self as pb, DiscountKind};
use comptoir_shop::{
    Shop,
    money::{format_decimal, parse_decimal},
};
use jiff::Timestamp;

use super::{Problems, cart::check_currency, to_timestamp};
use crate::domain::{
    discount::{Counted, Discount, Kind},
    pricing::Rate,
};

/// The longest code, in characters.
const CODE: usize = comptoir_mesh::lengths::DISCOUNT_CODE;

/// A code's checked input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    code: String,
    kind: Kind,
    currency: String,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    usage_limit: Option<i32>,
    usage_limit_per_customer: Option<i32>,
    minimum_subtotal: Option<i64>,
}

impl Terms {
    /// A new discount of this input.
    pub(crate) fn create(self, id: String, now: Timestamp) -> Discount {
        let Self {
            code,
            kind,
            currency,
            starts_at,
            ends_at,
            usage_limit,
            usage_limit_per_customer,
            minimum_subtotal,
        } = self;
        Discount {
            id,
            version: 1,
            code,
            kind,
            currency,
            starts_at,
            ends_at,
            usage_limit,
            usage_limit_per_customer,
            minimum_subtotal,
            created_at: now,
            updated_at: now,
        }
    }

    /// The discount with this input.
    pub(crate) fn replace(self, there: &Discount, now: Timestamp) -> Discount {
        let created_at = there.created_at;
        Discount {
            version: there.version + 1,
            created_at,
            ..self.create(there.id.clone(), now)
        }
    }
}

/// Reads a code's input.
pub(crate) fn parse(input: Option<pb::DiscountInput>, shop: &Shop) -> Result<Terms, Error> {
    let Some(input) = input else {
        return Err(Error::field(
            "discount",
            ErrorReason::ValidationFailed,
            "Say what the discount is.",
        ));
    };
    let mut problems = Problems::default();
    let code = problems.take(parse_code("discount.code", &input.code));
    if let Some(currency) = &input.currency_code {
        problems.take(check_currency("discount.currency_code", currency, shop));
    }
    let kind = problems.take(parse_kind(input.kind(), &input.value, shop.currency_digits));
    let mut time = |field: &str, at: Option<&prost_types::Timestamp>| problems.take(super::time(field, at?));
    let starts_at = time("discount.starts_at", input.starts_at.as_ref());
    let ends_at = time("discount.ends_at", input.ends_at.as_ref());
    let mut refuse = |field: &str, message: &str| {
        problems.push(Violation::new(
            format!("discount.{field}"),
            ErrorReason::ValidationFailed,
            message,
        ));
    };
    if starts_at
        .zip(ends_at)
        .is_some_and(|(starts, ends)| ends <= starts)
    {
        refuse("ends_at", "A discount ends after it starts.");
    }
    if input.usage_limit.is_some_and(|limit| limit < 1) {
        refuse("usage_limit", "A limit is 1 or more; leave it out for none.");
    }
    if input.usage_limit_per_customer.is_some_and(|limit| limit < 1) {
        refuse(
            "usage_limit_per_customer",
            "A limit is 1 or more; leave it out for none.",
        );
    }
    let minimum_subtotal = match input.minimum_subtotal.as_deref() {
        None => None,
        Some(text) => match parse_decimal(text, shop.currency_digits) {
            Ok(minimum) if minimum >= 0 => Some(minimum),
            Ok(_) => {
                refuse("minimum_subtotal", "A minimum is 0 or more.");
                None
            }
            Err(error) => {
                refuse("minimum_subtotal", &error.to_string());
                None
            }
        },
    };
    let (Some(code), Some(kind)) = (code, kind) else {
        return Err(problems
            .check()
            .err()
            .unwrap_or_else(|| Error::violations(Vec::new())));
    };
    problems.check()?;
    Ok(Terms {
        code,
        kind,
        currency: shop.currency.clone(),
        starts_at,
        ends_at,
        usage_limit: input.usage_limit,
        usage_limit_per_customer: input.usage_limit_per_customer,
        minimum_subtotal,
    })
}

/// Reads a code as typed.
pub(crate) fn parse_code(field: &str, code: &str) -> Result<String, Error> {
    let code = text::line(field, code, CODE)?;
    if code.is_empty() || code.contains(char::is_whitespace) {
        let message = "A code is one word.";
        return Err(Error::field(field, ErrorReason::ValidationFailed, message));
    }
    Ok(code)
}

fn parse_kind(kind: DiscountKind, value: &str, digits: u32) -> Result<Kind, Error> {
    let refused = |message: &str| Error::field("discount.value", ErrorReason::ValidationFailed, message);
    match kind {
        DiscountKind::Percent => {
            let whole = Rate::from_percent("100");
            Rate::from_percent(value)
                .filter(|rate| rate.ppm() > 0 && Some(*rate) <= whole)
                .map(Kind::Percent)
                .ok_or_else(|| {
                    refused("A percentage is more than 0, at most 100, with at most four digits behind the point.")
                })
        }
        DiscountKind::Fixed => {
            let amount = parse_decimal(value, digits).map_err(|error| refused(&error.to_string()))?;
            if amount > 0 {
                Ok(Kind::Fixed(amount))
            } else {
                Err(refused("An amount is more than 0."))
            }
        }
        DiscountKind::Unspecified => Err(Error::field(
            "discount.kind",
            ErrorReason::ValidationFailed,
            "Say PERCENT or FIXED.",
        )),
    }
}

/// The contract's form.
pub(crate) fn to_proto(counted: Counted) -> pb::Discount {
    let Counted { discount, times_used } = counted;
    let digits = comptoir_shop::money::fraction_digits(&discount.currency).unwrap_or(2);
    let (kind, value) = match discount.kind {
        Kind::Percent(rate) => (DiscountKind::Percent, rate.to_string()),
        Kind::Fixed(amount) => (DiscountKind::Fixed, format_decimal(amount, digits)),
    };
    // A percentage without a minimum has no currency.
    let currency =
        (kind == DiscountKind::Fixed || discount.minimum_subtotal.is_some()).then_some(discount.currency);
    pb::Discount {
        id: discount.id,
        input: Some(pb::DiscountInput {
            code: discount.code,
            kind: kind.into(),
            value,
            currency_code: currency,
            starts_at: discount.starts_at.map(to_timestamp),
            ends_at: discount.ends_at.map(to_timestamp),
            usage_limit: discount.usage_limit,
            usage_limit_per_customer: discount.usage_limit_per_customer,
            minimum_subtotal: discount
                .minimum_subtotal
                .map(|minimum| format_decimal(minimum, digits)),
        }),
        times_used: i32::try_from(times_used).unwrap_or(i32::MAX),
        created_at: Some(to_timestamp(discount.created_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(kind: DiscountKind, value: &str) -> pb::DiscountInput {
        pb::DiscountInput {
            code: "Summer".to_owned(),
            kind: kind.into(),
            value: value.to_owned(),
            ..pb::DiscountInput::default()
        }
    }

    fn check(input: pb::DiscountInput) -> Result<Terms, Vec<String>> {
        let shop = Shop::parse(comptoir_shop::DEFAULT).unwrap();
        parse(Some(input), &shop).map_err(|error| {
            error
                .field_violations()
                .iter()
                .map(|violation| violation.field.clone())
                .collect()
        })
    }

    #[test]
    fn values_are_decimals_of_their_kind() {
        assert_eq!(
            check(input(DiscountKind::Percent, "12.5")).unwrap().kind,
            Kind::Percent(Rate::from_percent("12.5").unwrap())
        );
        assert_eq!(
            check(input(DiscountKind::Fixed, "5")).unwrap().kind,
            Kind::Fixed(500)
        );
        for (kind, value) in [
            (DiscountKind::Percent, "0"),
            (DiscountKind::Percent, "100.01"),
            (DiscountKind::Percent, "-5"),
            (DiscountKind::Percent, "ten"),
            (DiscountKind::Fixed, "0.00"),
            (DiscountKind::Fixed, "1.001"),
        ] {
            assert_eq!(
                check(input(kind, value)).unwrap_err(),
                ["discount.value"],
                "{value}"
            );
        }
        assert_eq!(
            check(input(DiscountKind::Unspecified, "5")).unwrap_err(),
            ["discount.kind"]
        );
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let wrong = pb::DiscountInput {
            code: "two words".to_owned(),
            currency_code: Some("USD".to_owned()),
            starts_at: at(20),
            ends_at: at(10),
            usage_limit: Some(0),
            usage_limit_per_customer: Some(-1),
            minimum_subtotal: Some("-1".to_owned()),
            ..input(DiscountKind::Fixed, "x")
        };
        assert_eq!(
            check(wrong).unwrap_err(),
            [
                "discount.code",
                "discount.currency_code",
                "discount.value",
                "discount.ends_at",
                "discount.usage_limit",
                "discount.usage_limit_per_customer",
                "discount.minimum_subtotal",
            ]
        );
    }
}
