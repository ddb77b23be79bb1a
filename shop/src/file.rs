//! The shop's settings: one TOML file (`COMPTOIR_SHOP_FILE`), with defaults for a shop in France that delivers in
//! Europe.

use std::{fs, path::Path};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use crate::money::{fraction_digits, parse_decimal};

/// The default file; also an example for your own.
pub const DEFAULT: &str = include_str!("shop.toml");

/// The settings of a shop.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Shown to buyers and in mails.
    pub name: String,
    /// ISO 4217; every price is of this currency.
    pub currency: String,
    /// The currency's decimal digits.
    pub currency_digits: u32,
    /// The time zone of the shop's days.
    pub time_zone: jiff::tz::TimeZone,
    /// BCP 47, the default first.
    pub locales: Vec<String>,
    /// ISO 3166-1 alpha-2: the countries of delivery.
    pub countries: Vec<String>,
    /// Gross prices: tax is part of a price, not added to it.
    pub prices_include_tax: bool,
    /// Delivery options, in the order in which they are shown.
    pub delivery: Vec<DeliveryRule>,
    /// Tax rates; the first with the country applies, else the first without countries.
    pub tax: Vec<TaxRule>,
}

/// A delivery option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRule {
    /// Its id: `standard`.
    pub id: String,
    /// Shown to buyers.
    pub name: String,
    /// The countries where it is offered; empty means every country of the shop.
    pub countries: Vec<String>,
    /// Minor units.
    pub price: i64,
    /// The subtotal after discounts from which it is free, in minor units.
    pub free_from: Option<i64>,
    /// Shown to buyers.
    pub estimated_days: Option<u32>,
}

/// A tax rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRule {
    /// Shown to buyers: `TVA`.
    pub name: String,
    /// A decimal: `5.5`.
    pub percent: rust_decimal::Decimal,
    /// The countries where it applies; empty means everywhere.
    pub countries: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    currency: String,
    time_zone: String,
    locales: Vec<String>,
    countries: Vec<String>,
    #[serde(default = "gross")]
    prices_include_tax: bool,
    delivery: Vec<DeliveryEntry>,
    #[serde(default)]
    tax: Vec<TaxEntry>,
}

fn gross() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveryEntry {
    id: String,
    name: String,
    #[serde(default)]
    countries: Vec<String>,
    price: String,
    free_from: Option<String>,
    estimated_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxEntry {
    name: String,
    percent: String,
    #[serde(default)]
    countries: Vec<String>,
}

impl Shop {
    /// Reads the file, or the built-in one. An error names the wrong entry.
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Self::parse(DEFAULT);
        };
        let text = fs::read_to_string(path)
            .with_context(|| format!("COMPTOIR_SHOP_FILE: cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("COMPTOIR_SHOP_FILE: {}", path.display()))
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        let currency_digits = fraction_digits(&file.currency)
            .with_context(|| format!("currency: {} is not an ISO 4217 currency", file.currency))?;
        let time_zone = jiff::tz::TimeZone::get(&file.time_zone)
            .with_context(|| format!("time_zone: {} is not an IANA time zone", file.time_zone))?;
        ensure!(!file.name.trim().is_empty(), "name: is empty");
        ensure!(!file.locales.is_empty(), "locales: name at least one");
        ensure!(!file.countries.is_empty(), "countries: name at least one");
        check_countries("countries", &file.countries)?;
        ensure!(!file.delivery.is_empty(), "delivery: describe at least one way");
        let amount = |key: &str, text: &str| {
            let amount = parse_decimal(text, currency_digits).with_context(|| format!("{key}: {text:?}"))?;
            ensure!(amount >= 0, "{key}: {text:?} is less than nothing");
            Ok(amount)
        };
        let mut delivery: Vec<DeliveryRule> = Vec::new();
        for entry in file.delivery {
            check_countries("delivery.countries", &entry.countries)?;
            if entry.id.is_empty() || delivery.iter().any(|other| other.id == entry.id) {
                bail!("delivery.id: {:?} is empty or stands there twice", entry.id);
            }
            delivery.push(DeliveryRule {
                price: amount("delivery.price", &entry.price)?,
                free_from: entry
                    .free_from
                    .map(|text| amount("delivery.free_from", &text))
                    .transpose()?,
                id: entry.id,
                name: entry.name,
                countries: entry.countries,
                estimated_days: entry.estimated_days,
            });
        }
        let mut tax = Vec::new();
        for entry in file.tax {
            check_countries("tax.countries", &entry.countries)?;
            let percent: rust_decimal::Decimal = entry
                .percent
                .parse()
                .with_context(|| format!("tax.percent: {:?}", entry.percent))?;
            ensure!(
                (rust_decimal::Decimal::ZERO..=rust_decimal::Decimal::ONE_HUNDRED).contains(&percent)
                    && percent.scale() <= 4,
                "tax.percent: {percent} is not 0 to 100 with at most four digits behind the point"
            );
            tax.push(TaxRule {
                name: entry.name,
                percent,
                countries: entry.countries,
            });
        }
        Ok(Self {
            name: file.name,
            currency: file.currency,
            currency_digits,
            time_zone,
            locales: file.locales,
            countries: file.countries,
            prices_include_tax: file.prices_include_tax,
            delivery,
            tax,
        })
    }

    /// The shop's locale that matches a requested one best: the same, one of the same language, or the shop's first.
    pub fn locale(&self, wanted: Option<&str>) -> &str {
        let language = |locale: &str| locale.split(['-', '_']).next().unwrap_or("").to_lowercase();
        let found = wanted.and_then(|wanted| {
            let exact = self
                .locales
                .iter()
                .find(|locale| locale.eq_ignore_ascii_case(wanted));
            exact.or_else(|| {
                self.locales
                    .iter()
                    .find(|locale| language(locale) == language(wanted))
            })
        });
        found.or(self.locales.first()).map_or("en", String::as_str)
    }
}

fn check_countries(key: &str, countries: &[String]) -> anyhow::Result<()> {
    for country in countries {
        ensure!(
            is_country(country),
            "{key}: {country:?} is not an ISO 3166-1 alpha-2 code"
        );
    }
    Ok(())
}

/// The ISO 3166-1 alpha-2 codes.
pub fn countries() -> &'static [&'static str] {
    rust_iso3166::ALL_ALPHA2
}

/// Whether this is an ISO 3166-1 alpha-2 code, upper case.
pub fn is_country(code: &str) -> bool {
    code.len() == 2
        && code.bytes().all(|byte| byte.is_ascii_uppercase())
        && rust_iso3166::from_alpha2(code).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_shop_is_valid() {
        let shop = Shop::parse(DEFAULT).unwrap();
        assert_eq!((shop.currency.as_str(), shop.currency_digits), ("EUR", 2));
        assert_eq!(shop.locale(Some("en-GB")), "en");
        assert_eq!(shop.locale(Some("de")), "fr");
    }

    #[test]
    fn an_error_names_the_entry() {
        for (from, to, expected) in [
            ("\"EUR\"", "\"EURO\"", "currency"),
            ("Europe/Paris", "Europe/Pariss", "time_zone"),
            ("price = \"4.90\"", "price = \"4.905\"", "delivery.price"),
            ("name = \"Comptoir\"", "nam = \"Comptoir\"", "nam"),
        ] {
            let text = DEFAULT.replacen(from, to, 1);
            assert_ne!(text, DEFAULT, "{from} stands in the default");
            let error = format!("{:#}", Shop::parse(&text).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
