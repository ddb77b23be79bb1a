#![doc = include_str!("../README.md")]

mod file;
pub mod money;

pub use self::file::{DEFAULT, DeliveryRule, Shop, TaxRule, countries, is_country};
