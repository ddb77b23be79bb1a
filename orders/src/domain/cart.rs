//! A cart as it is stored: one document that is replaced by compare-and-set on its version.
//!
//! Three marks decide whether it can still be changed: a claim (its completion runs), an order (it was placed) and a cart it
//! went into (a guest's lines that moved to the customer's). A cart with none of the three is open.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::Address;

/// How many used-up keys a cart remembers. Older ones are found by their order, whose id is derived from the key.
const USED_KEYS: usize = 100;

/// What a buyer is about to order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    /// `cart_` and 128 random bits.
    pub id: String,
    /// Grows by one with each change, a claim included.
    pub version: i64,
    /// Set once a customer owns it.
    pub customer_id: Option<String>,
    /// BCP 47, for mails.
    pub locale: String,
    /// ISO 4217.
    pub currency: String,
    pub lines: Vec<Line>,
    /// As typed, NFC.
    pub email: Option<String>,
    pub phone: Option<String>,
    pub delivery_address: Option<Address>,
    /// Absent: the delivery address.
    pub billing_address: Option<Address>,
    /// The id of a delivery rule of the shop.
    pub delivery_option_id: Option<String>,
    /// As typed, in the buyer's order; distinct without regard to case.
    pub discount_codes: Vec<String>,
    /// Set while a completion runs, and kept once it was placed.
    pub claim: Option<Claim>,
    /// Set for good once the order was placed.
    pub order_id: Option<String>,
    /// Keys that met a definite refusal, oldest first.
    pub used_keys: Vec<UsedKey>,
    /// The customer's cart this guest's cart goes into.
    pub merged_into: Option<String>,
    /// The guests' carts whose lines are in this one.
    pub merged_from: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Some units of a variant; a variant has at most one line in a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `line_…`
    pub id: String,
    pub variant_id: String,
    pub quantity: i32,
    /// What the variant was when it was last put in: shown when the catalogue no longer has it, never charged.
    pub seen: Seen,
}

/// What a cart remembers of a variant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Minor units.
    pub unit_price: i64,
    pub product_id: String,
    pub product_slug: String,
    pub product_title: String,
    pub variant_title: String,
    pub sku: Option<String>,
    pub image_url: Option<String>,
}

/// What people call a variant: the product, and which variant of it where there are several.
pub fn name(product_title: &str, variant_title: &str) -> String {
    if variant_title.is_empty() || variant_title.eq_ignore_ascii_case("default title") {
        return product_title.to_owned();
    }
    format!("{product_title} ({variant_title})")
}

impl Seen {
    /// What people call it.
    pub fn name(&self) -> String {
        name(&self.product_title, &self.variant_title)
    }
}

/// Who completes the cart. At most one at a time: written while there is none, in one compare-and-set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The idempotency key.
    pub key: String,
    /// A digest of what was asked with the key.
    pub fingerprint: String,
    /// Derived from owner and key.
    pub order_id: String,
    /// The customer's id, or the cart's for a guest, as the claim found it.
    pub owner: String,
    pub at: Timestamp,
}

/// A key that met a definite refusal; its order, FAILED, has the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedKey {
    pub key: String,
    pub fingerprint: String,
    pub order_id: String,
    pub owner: String,
}

/// What came of trying to claim a cart; each but `Missing` carries the cart as it now stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The claim is written, by this call.
    Now(Cart),
    /// A claim stands there already (`cart.claim`): the same key's is a retry, another's wins. Also after placing.
    Held(Cart),
    /// The key met a definite refusal on this cart before.
    KeyUsed(Cart, UsedKey),
    /// Its lines went into another cart (`cart.merged_into`).
    Merged(Cart),
    /// No such cart.
    Missing,
}

impl Cart {
    /// Whether it can be changed, and claimed.
    pub fn is_open(&self) -> bool {
        self.claim.is_none() && self.order_id.is_none() && self.merged_into.is_none()
    }

    /// Whether it is being ordered, or was.
    pub fn is_ordered(&self) -> bool {
        self.claim.is_some() || self.order_id.is_some()
    }

    /// The order it became, or is becoming.
    pub fn current_order_id(&self) -> Option<&str> {
        self.order_id
            .as_deref()
            .or(self.claim.as_ref().map(|claim| claim.order_id.as_str()))
    }

    /// Who a claim made now would belong to: the customer, or the cart itself for a guest.
    pub fn owner(&self) -> &str {
        self.customer_id.as_deref().unwrap_or(&self.id)
    }

    /// Where the bill goes.
    pub fn billing(&self) -> Option<&Address> {
        self.billing_address.as_ref().or(self.delivery_address.as_ref())
    }

    /// The next version, as of `now`. Every change of the document goes through here.
    pub fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        // A clock set back must not make the cart look older to a reader.
        self.updated_at = self.updated_at.max(now);
    }

    /// Tries to write `claim`; a store runs this inside one atomic step.
    pub fn try_claim(mut self, claim: &Claim) -> Claimed {
        if self.is_ordered() {
            return Claimed::Held(self);
        }
        if let Some(used) = self
            .used_keys
            .iter()
            .find(|used| used.key == claim.key && used.owner == claim.owner)
        {
            let used = used.clone();
            return Claimed::KeyUsed(self, used);
        }
        if self.merged_into.is_some() {
            return Claimed::Merged(self);
        }
        self.claim = Some(claim.clone());
        self.touch(claim.at);
        Claimed::Now(self)
    }

    /// Takes the claim of `order_id` off, and says whether that changed anything. A key that is `used` up is remembered.
    pub fn try_release(&mut self, order_id: &str, used: bool, now: Timestamp) -> bool {
        if self.order_id.is_some() || self.claim.as_ref().is_none_or(|claim| claim.order_id != order_id) {
            return false;
        }
        if let Some(claim) = self.claim.take()
            && used
        {
            let Claim {
                key,
                fingerprint,
                order_id,
                owner,
                at: _,
            } = claim;
            self.used_keys.push(UsedKey {
                key,
                fingerprint,
                order_id,
                owner,
            });
            let surplus = self.used_keys.len().saturating_sub(USED_KEYS);
            self.used_keys.drain(..surplus);
        }
        self.touch(now);
        true
    }

    /// Notes for good that `order_id` was placed, and says whether that changed anything.
    pub fn try_mark_ordered(&mut self, order_id: &str, now: Timestamp) -> bool {
        if self.order_id.is_some() || self.claim.as_ref().is_none_or(|claim| claim.order_id != order_id) {
            return false;
        }
        self.order_id = Some(order_id.to_owned());
        self.touch(now);
        true
    }
}
