//! Allowed destinations of text messages: some cost fifty times as much as others, and fraudsters who earn from them
//! place orders with their own numbers.

use std::str::FromStr;

use comptoir_mesh::phone::{self, Number};

use super::message::Invalid;

/// An allowed destination of text messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A country with a numbering plan, ISO 3166-1 alpha-2.
    Country(String),
    /// Every number with this prefix, digits only.
    Prefix(String),
}

impl Destination {
    /// The country with this code, if it has a numbering plan.
    pub fn country(code: &str) -> Option<Self> {
        phone::has_plan(code).then(|| Self::Country(code.to_owned()))
    }

    /// Whether the number, which begins with a +, is in the destination.
    pub fn takes(&self, number: &str) -> bool {
        let Some(digits) = number.strip_prefix('+') else {
            return false;
        };
        match self {
            Self::Prefix(prefix) => digits.starts_with(prefix.as_str()),
            Self::Country(code) => Number::parse(number, None).is_some_and(|number| number.is_of(code)),
        }
    }
}

impl FromStr for Destination {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if let Some(prefix) = text.strip_prefix('+') {
            let good = (1..=8).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_digit());
            return good
                .then(|| Self::Prefix(prefix.to_owned()))
                .ok_or(Invalid("no dialling prefix such as +33"));
        }
        Self::country(text).ok_or(Invalid(
            "no country such as FR, and no dialling prefix such as +33",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(destination: &str, number: &str) -> bool {
        destination.parse::<Destination>().unwrap().takes(number)
    }

    #[test]
    fn a_number_goes_where_its_plan_says() {
        assert!(takes("FR", "+33612345678"));
        assert!(!takes("FR", "+262692123456"), "Réunion is a place of its own");
        assert!(takes("US", "+12125550100") && takes("CA", "+14165550100"));
        assert!(
            !takes("US", "+18765550100") && !takes("CA", "+18765550100"),
            "Jamaica"
        );
        assert!(!takes("RU", "+77012345678") && takes("KZ", "+77012345678"));
        assert!(takes("+3906", "+390612345678") && !takes("+3906", "+393123456789"));
        assert!(
            !takes("FR", "0612345678"),
            "a number without its country goes nowhere"
        );
    }

    #[test]
    fn a_destination_is_a_country_or_a_prefix() {
        for wrong in ["", "+", "fr", "FRA", "ZZ", "33", "+33x", "+123456789"] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong:?}");
        }
    }
}
