//! What was bought, for how much and where it goes: written once into an order, never changed after.

use serde::{Deserialize, Serialize};

use super::{address::Address, delivery::DeliveryOption, pricing::Cost};

/// What was bought. Amounts are minor units of `currency`.
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
    /// What it comes to.
    pub cost: Cost,
    /// Where it goes.
    pub delivery_address: Address,
    /// Where the bill goes.
    pub billing_address: Address,
    /// How it goes.
    pub delivery_option: DeliveryOption,
    /// Codes that took something off, and count as used.
    pub discounts: Vec<UsedDiscount>,
}

/// Some units of a variant as they were bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Unique within the order.
    pub id: String,
    /// In the catalogue.
    pub variant_id: String,
    /// In the catalogue.
    pub product_id: String,
    /// As it was called then.
    pub product_title: String,
    /// As it was called then.
    pub variant_title: String,
    /// As it was then.
    pub sku: Option<String>,
    /// As it was then.
    pub image_url: Option<String>,
    /// 1 or more.
    pub quantity: i32,
    /// Of one unit.
    pub unit_price: i64,
    /// Of all units.
    pub line_total: i64,
}

/// A discount that took something off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedDiscount {
    /// Begins with `disc_`.
    pub id: String,
    /// As typed.
    pub code: String,
    /// Whom the use counts for: a user's id, or a guest's normalised e-mail.
    pub customer: String,
    /// What else it counts under: the normalised addresses of the account and of the order.
    #[serde(default)]
    pub also: Vec<String>,
}

impl UsedDiscount {
    /// Every name it counts under.
    pub fn customers(&self) -> Vec<String> {
        std::iter::once(&self.customer)
            .chain(&self.also)
            .cloned()
            .collect()
    }
}
