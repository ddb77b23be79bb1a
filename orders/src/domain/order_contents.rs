//! The contents of an order: lines, prices and addresses. They are written once and never change.

use serde::{Deserialize, Serialize};

use super::{address::Address, delivery::DeliveryOption, pricing::Cost};

/// The contents of an order. Amounts are minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// As typed, NFC.
    pub email: String,
    /// As typed.
    pub phone: Option<String>,
    /// BCP 47, for mails.
    pub locale: String,
    /// ISO 4217.
    pub currency: String,
    /// At least one.
    pub lines: Vec<OrderLine>,
    /// The totals.
    pub cost: Cost,
    /// The delivery address.
    pub delivery_address: Address,
    /// The billing address.
    pub billing_address: Address,
    /// The delivery option.
    pub delivery_option: DeliveryOption,
    /// Applied codes, which count as used.
    pub discounts: Vec<UsedDiscount>,
}

/// A line: a variant as it was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Unique within the order.
    pub id: String,
    /// In the catalogue.
    pub variant_id: String,
    /// In the catalogue.
    pub product_id: String,
    /// Its title at the time.
    pub product_title: String,
    /// Its title at the time.
    pub variant_title: String,
    /// Its value at the time.
    pub sku: Option<String>,
    /// Its value at the time.
    pub image_url: Option<String>,
    /// 1 or more.
    pub quantity: i32,
    /// Of one unit.
    pub unit_price: i64,
    /// Of all units.
    pub line_total: i64,
}

/// An applied discount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedDiscount {
    /// Begins with `disc_`.
    pub id: String,
    /// As typed.
    pub code: String,
    /// The customer for whom the use counts: a user's id, or a guest's normalised e-mail address.
    pub customer: String,
    /// Other names under which it counts: the normalised addresses of the account and of the order.
    #[serde(default)]
    pub also: Vec<String>,
}

impl UsedDiscount {
    /// Every name under which it counts.
    pub fn customers(&self) -> Vec<String> {
        std::iter::once(&self.customer)
            .chain(&self.also)
            .cloned()
            .collect()
    }
}
