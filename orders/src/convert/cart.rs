//! Carts and their totals.

use comptoir_mesh::{Error, error::ErrorReason, text};
use comptoir_proto::orders::v1 as pb;
use comptoir_shop::Shop;

use super::{address, to_money, to_timestamp};
use crate::{
    domain::{
        cart::Cart,
        delivery::DeliveryOption,
        edit::RequestedLine,
        pricing::{Cost, TaxLine},
    },
    quote::{Quote, QuotedCode, QuotedLine},
};

/// Reads requested lines.
pub(crate) fn wanted(lines: Vec<pb::CartLineInput>) -> Vec<RequestedLine> {
    lines
        .into_iter()
        .map(|pb::CartLineInput { variant_id, quantity }| RequestedLine { variant_id, quantity })
        .collect()
}

/// Reads an e-mail address; empty is `None`.
pub(crate) fn parse_email(field: &str, email: &str) -> Result<Option<String>, Error> {
    if email.trim().is_empty() {
        Ok(None)
    } else {
        text::email(field, email).map(Some)
    }
}

/// Reads a BCP 47 language tag.
pub(crate) fn parse_locale(field: &str, locale: &str) -> Result<String, Error> {
    let mut parts = locale.split('-');
    let is_letters =
        |part: &str| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let language = parts.next().is_some_and(is_letters);
    let rest = parts
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if language && rest && locale.len() <= 35 {
        Ok(locale.to_owned())
    } else {
        let message = "A locale is written like fr or fr-CA.";
        Err(Error::field(field, ErrorReason::ValidationFailed, message))
    }
}

/// Checks that the requested currency is the shop's.
pub(crate) fn check_currency(field: &str, currency: &str, shop: &Shop) -> Result<(), Error> {
    if currency == shop.currency {
        return Ok(());
    }
    if comptoir_shop::money::fraction_digits(currency).is_none() {
        return Err(Error::field(
            field,
            ErrorReason::InvalidCurrency,
            "This is not an ISO 4217 currency.",
        ));
    }
    let message = format!("The shop's currency is {}.", shop.currency);
    Err(Error::field(field, ErrorReason::CurrencyMismatch, message))
}

/// A cart with its quote.
pub(crate) fn to_proto(cart: &Cart, quote: Quote) -> pb::Cart {
    let Quote {
        currency,
        lines,
        cost,
        delivery_options,
        delivery,
        codes,
    } = quote;
    pb::Cart {
        id: cart.id.clone(),
        customer_id: cart.customer_id.clone(),
        lines: lines
            .into_iter()
            .map(|line| line_to_proto(line, &currency))
            .collect(),
        currency_code: currency.clone(),
        cost: Some(cost_to_proto(&cost, &currency)),
        email: cart.email.clone(),
        phone: cart.phone.clone(),
        delivery_address: cart.delivery_address.as_ref().map(address::to_proto),
        billing_address: cart.billing_address.as_ref().map(address::to_proto),
        delivery_options: delivery_options
            .iter()
            .map(|option| option_to_proto(option, &currency))
            .collect(),
        selected_delivery_option: delivery.as_ref().map(|option| option_to_proto(option, &currency)),
        discount_codes: codes
            .into_iter()
            .map(|QuotedCode { code, amount, .. }| pb::DiscountCode {
                code,
                applicable: amount > 0,
            })
            .collect(),
        updated_at: Some(to_timestamp(cart.updated_at)),
        order_id: cart.current_order_id().map(str::to_owned),
        version: cart.version,
    }
}

fn line_to_proto(line: QuotedLine, currency: &str) -> pb::CartLine {
    pb::CartLine {
        id: line.line_id,
        variant_id: line.variant.id.clone(),
        quantity: line.quantity,
        unit_price: to_money(line.unit_price, currency),
        line_total: to_money(line.line_total, currency),
        variant: Some(line.variant),
    }
}

/// The totals; orders show them the same way.
pub(crate) fn cost_to_proto(cost: &Cost, currency: &str) -> pb::Cost {
    let Cost {
        subtotal,
        discount_total,
        shipping_total,
        tax_total,
        total,
        taxes,
        discounts: _,
    } = cost;
    pb::Cost {
        subtotal: to_money(*subtotal, currency),
        discount_total: to_money(*discount_total, currency),
        shipping_total: to_money(*shipping_total, currency),
        tax_total: to_money(*tax_total, currency),
        total: to_money(*total, currency),
        taxes: taxes
            .iter()
            .map(
                |TaxLine {
                     name,
                     rate,
                     included,
                     amount,
                 }| pb::TaxLine {
                    name: name.clone(),
                    percent: rate.to_string(),
                    included: *included,
                    amount: to_money(*amount, currency),
                },
            )
            .collect(),
    }
}

/// A delivery option; orders show it the same way.
pub(crate) fn option_to_proto(option: &DeliveryOption, currency: &str) -> pb::DeliveryOption {
    pb::DeliveryOption {
        id: option.id.clone(),
        name: option.name.clone(),
        price: to_money(option.price, currency),
        estimated_days: option.estimated_days.and_then(|days| i32::try_from(days).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_are_language_tags() {
        for good in ["fr", "en-GB", "zh-Hant-TW", "de-1996"] {
            assert!(parse_locale("locale", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "f",
            "français",
            "fr_FR",
            "fr-",
            "en-\r\nBcc: x",
            "fr-toolongpart",
        ] {
            assert!(parse_locale("locale", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn another_currency_is_a_mismatch_and_no_currency_is_invalid() {
        let shop = Shop::parse(comptoir_shop::DEFAULT).unwrap();
        let reason =
            |currency| check_currency("currency_code", currency, &shop).map_err(|error| error.reason());
        assert_eq!(reason("EUR"), Ok(()));
        assert_eq!(reason("USD"), Err(ErrorReason::CurrencyMismatch));
        assert_eq!(reason("EURO"), Err(ErrorReason::InvalidCurrency));
    }
}
