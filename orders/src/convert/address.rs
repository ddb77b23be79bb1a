//! Addresses.

use comptoir_mesh::{
    Error,
    error::{ErrorReason, Violation},
    lengths, phone, text,
};
use comptoir_proto::types;
use comptoir_shop::is_country;

use super::Problems;
use crate::domain::address::Address;

const NAME: usize = lengths::NAME;
const STREET: usize = lengths::STREET;
const POSTAL_CODE: usize = lengths::POSTAL_CODE;

/// Countries whose mail has no postal codes (Universal Postal Union, addressing systems).
const WITHOUT_POSTAL_CODE: &[&str] = &[
    "AE", "AG", "AO", "AW", "BF", "BI", "BJ", "BO", "BS", "BW", "BZ", "CD", "CF", "CG", "CI", "CK", "CM",
    "CW", "DJ", "DM", "ER", "FJ", "GA", "GD", "GH", "GM", "GQ", "GY", "HK", "JM", "KI", "KM", "KN", "KP",
    "LC", "ML", "MO", "MR", "MW", "NR", "NU", "QA", "RW", "SB", "SC", "SL", "SR", "ST", "SY", "TD", "TF",
    "TG", "TK", "TO", "TT", "TV", "UG", "VU", "YE", "ZW",
];

/// Reads an address; `field` is its path in the request.
pub(crate) fn parse(field: &str, address: &types::Address) -> Result<Address, Error> {
    let mut problems = Problems::default();
    let mut required = |name: &str, value: &str, max: usize| {
        let path = format!("{field}.{name}");
        match text::line(&path, value, max) {
            Ok(text) if text.is_empty() => {
                let message = "This part of the address is needed.";
                problems.push(Violation::new(path, ErrorReason::ValidationFailed, message));
                None
            }
            checked => problems.take(checked),
        }
    };
    let first_name = required("first_name", &address.first_name, NAME);
    let last_name = required("last_name", &address.last_name, NAME);
    let line1 = required("line1", &address.line1, STREET);
    let city = required("city", &address.city, NAME);
    let country_code = required("country_code", &address.country_code, NAME);
    let postal_code = if WITHOUT_POSTAL_CODE.contains(&address.country_code.trim()) {
        problems.take(text::line(
            &format!("{field}.postal_code"),
            &address.postal_code,
            POSTAL_CODE,
        ))
    } else {
        required("postal_code", &address.postal_code, POSTAL_CODE)
    };
    let mut optional = |name: &str, value: Option<&String>, max: usize| {
        let checked = text::line(&format!("{field}.{name}"), value.map_or("", String::as_str), max);
        problems.take(checked).filter(|text| !text.is_empty())
    };
    let company = optional("company", address.company.as_ref(), NAME);
    let line2 = optional("line2", address.line2.as_ref(), STREET);
    let region = optional("region", address.region.as_ref(), NAME);
    let phone = match address.phone.as_deref() {
        Some(typed) => problems
            .take(phone::check(&format!("{field}.phone"), typed))
            .flatten(),
        None => None,
    };
    if let Some(code) = country_code.as_deref().filter(|code| !is_country(code)) {
        let message = format!("{code} is not a country's code of two capital letters.");
        let path = format!("{field}.country_code");
        problems.push(Violation::new(path, ErrorReason::ValidationFailed, message));
    }
    problems.check()?;
    // Each is present if there was no violation.
    Ok(Address {
        first_name: first_name.unwrap_or_default(),
        last_name: last_name.unwrap_or_default(),
        company,
        line1: line1.unwrap_or_default(),
        line2,
        city: city.unwrap_or_default(),
        region,
        postal_code: postal_code.unwrap_or_default(),
        country_code: country_code.unwrap_or_default(),
        phone,
    })
}

/// The contract's form.
pub(crate) fn to_proto(address: &Address) -> types::Address {
    let Address {
        first_name,
        last_name,
        company,
        line1,
        line2,
        city,
        region,
        postal_code,
        country_code,
        phone,
    } = address.clone();
    types::Address {
        first_name,
        last_name,
        company,
        line1,
        line2,
        city,
        region,
        postal_code,
        country_code,
        phone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> types::Address {
        types::Address {
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            line1: "12 rue de la Paix".to_owned(),
            city: "Paris".to_owned(),
            postal_code: "75002".to_owned(),
            country_code: "FR".to_owned(),
            ..types::Address::default()
        }
    }

    #[test]
    fn every_part_that_is_wrong_is_named() {
        let address = types::Address {
            first_name: "A\u{202E}da".to_owned(),
            line1: "x".repeat(1_000_000),
            city: " ".to_owned(),
            country_code: "fr".to_owned(),
            phone: Some("call me".to_owned()),
            ..ada()
        };
        let error = parse("delivery_address", &address).unwrap_err();
        let named: Vec<_> = error
            .field_violations()
            .iter()
            .map(|violation| (violation.field.as_str(), violation.reason))
            .collect();
        assert_eq!(
            named,
            [
                ("delivery_address.first_name", ErrorReason::InvalidText),
                ("delivery_address.line1", ErrorReason::InvalidText),
                ("delivery_address.city", ErrorReason::ValidationFailed),
                ("delivery_address.phone", ErrorReason::ValidationFailed),
                ("delivery_address.country_code", ErrorReason::ValidationFailed),
            ]
        );
    }

    #[test]
    fn names_are_kept_in_nfc_and_empty_options_are_none() {
        let address = types::Address {
            last_name: " Zoe\u{0308} ".to_owned(),
            line2: Some(" ".to_owned()),
            ..ada()
        };
        let parsed = parse("a", &address).unwrap();
        assert_eq!((parsed.last_name.as_str(), parsed.line2), ("Zoë", None));
    }

    #[test]
    fn a_postal_code_is_needed_where_there_are_any() {
        let without = types::Address {
            postal_code: String::new(),
            ..ada()
        };
        assert!(parse("a", &without).is_err());
        assert!(
            parse(
                "a",
                &types::Address {
                    country_code: "HK".to_owned(),
                    ..without
                }
            )
            .is_ok()
        );
    }
}
