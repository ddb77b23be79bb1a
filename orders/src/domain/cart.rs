//! A cart as it is stored: one document that is replaced by compare-and-set on its version.
//!
//! Three fields decide whether it can still change: a claim (its completion runs), an order (it was placed) and the
//! cart it was merged into. A cart without all three is open.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::Address;

/// The most used keys stored in a cart. Older ones are found by their order, whose id is derived from the key.
const USED_KEYS: usize = 100;

/// A buyer's cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    /// `cart_` and 128 random bits.
    pub id: String,
    /// Incremented by each change, also by a claim.
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
    /// The id of one of the shop's delivery rules.
    pub delivery_option_id: Option<String>,
    /// As typed, in the buyer's order; distinct, ignoring case.
    pub discount_codes: Vec<String>,
    /// Set while a completion runs, and kept once the order was placed.
    pub claim: Option<Claim>,
    /// Set for good once the order was placed.
    pub order_id: Option<String>,
    /// Keys with a definite refusal, oldest first.
    pub used_keys: Vec<UsedKey>,
    /// The customer's cart into which this guest's cart is merged.
    pub merged_into: Option<String>,
    /// The guests' carts that were merged into this one.
    pub merged_from: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A line: a variant and a quantity. A variant has at most one line in a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `line_…`
    pub id: String,
    pub variant_id: String,
    pub quantity: i32,
    /// The variant when it was last added: shown when the catalogue no longer has it, never charged.
    pub seen: Seen,
}

/// A cart's copy of a variant's description.
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

/// A variant's name: the product's, and the variant's if there are several.
pub fn name(product_title: &str, variant_title: &str) -> String {
    if variant_title.is_empty() || variant_title.eq_ignore_ascii_case("default title") {
        return product_title.to_owned();
    }
    format!("{product_title} ({variant_title})")
}

impl Seen {
    /// Its name.
    pub fn name(&self) -> String {
        name(&self.product_title, &self.variant_title)
    }
}

/// The claim of a completion. At most one at a time: it is written by compare-and-set while there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The idempotency key.
    pub key: String,
    /// The fingerprint of the input.
    pub fingerprint: String,
    /// Derived from owner and key.
    pub order_id: String,
    /// The customer's id, or the cart's for a guest, at the time of the claim.
    pub owner: String,
    pub at: Timestamp,
}

/// A key with a definite refusal; its FAILED order has the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedKey {
    pub key: String,
    pub fingerprint: String,
    pub order_id: String,
    pub owner: String,
}

/// The result of claiming a cart; each but `Missing` carries the current cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// This call wrote the claim.
    Now(Cart),
    /// There is a claim (`cart.claim`): with the same key this is a retry; with another key, that one won. Also after
    /// placing.
    Held(Cart),
    /// The key had a definite refusal on this cart before.
    KeyUsed(Cart, UsedKey),
    /// It was merged into another cart (`cart.merged_into`).
    Merged(Cart),
    /// No such cart.
    Missing,
}

impl Cart {
    /// Whether it can be changed and claimed.
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

    /// The owner of a claim that is made now: the customer, or the cart itself for a guest.
    pub fn owner(&self) -> &str {
        self.customer_id.as_deref().unwrap_or(&self.id)
    }

    /// The billing address; unless set, the delivery address.
    pub fn billing(&self) -> Option<&Address> {
        self.billing_address.as_ref().or(self.delivery_address.as_ref())
    }

    /// Increments the version. Every change of the document calls this.
    pub fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        // A clock that was set back must not make the cart look older.
        self.updated_at = self.updated_at.max(now);
    }

    /// Tries to set `claim`; a store runs this in one atomic step.
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

    /// Releases the claim of `order_id`, and returns whether that changed anything. With `used` the key is stored as
    /// used.
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

    /// Records for good that `order_id` was placed, and returns whether that changed anything.
    pub fn try_mark_ordered(&mut self, order_id: &str, now: Timestamp) -> bool {
        if self.order_id.is_some() || self.claim.as_ref().is_none_or(|claim| claim.order_id != order_id) {
            return false;
        }
        self.order_id = Some(order_id.to_owned());
        self.touch(now);
        true
    }
}
