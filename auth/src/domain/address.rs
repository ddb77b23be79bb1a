//! The addresses a user keeps.

use serde::{Deserialize, Serialize};

use super::user::User;

/// Bounds the size of the user's document.
pub(crate) const MAX_ADDRESSES: usize = 50;

/// Where something is delivered to, or who is billed. Every text was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Company.
    pub company: Option<String>,
    /// Street and number.
    pub line1: String,
    /// Second line.
    pub line2: Option<String>,
    /// Town.
    pub city: String,
    /// State, province or the like.
    pub region: Option<String>,
    /// Postal code; empty in countries without them.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country_code: String,
    /// Telephone number as typed.
    pub phone: Option<String>,
}

/// One of a user's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedAddress {
    /// Begins with `addr_`.
    pub id: String,
    /// The address.
    pub address: Address,
    /// Whether it is the default address. At most one is.
    pub is_default: bool,
}

/// Why an address cannot be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The user has no address with this id.
    Unknown,
    /// The user has the maximal number of addresses.
    Full,
}

impl User {
    /// Replaces the address `id`, or adds it when it is `new`.
    pub(crate) fn save_address(
        &mut self,
        id: &str,
        new: bool,
        address: Address,
        is_default: Option<bool>,
    ) -> Result<(), Refusal> {
        if new {
            if self.addresses.len() >= MAX_ADDRESSES {
                return Err(Refusal::Full);
            }
            self.addresses.push(SavedAddress {
                id: id.to_owned(),
                address,
                is_default: false,
            });
        } else {
            let saved = self
                .addresses
                .iter_mut()
                .find(|saved| saved.id == id)
                .ok_or(Refusal::Unknown)?;
            saved.address = address;
        }
        match is_default {
            Some(true) => {
                for saved in &mut self.addresses {
                    saved.is_default = saved.id == id;
                }
            }
            Some(false) => {
                for saved in self.addresses.iter_mut().filter(|saved| saved.id == id) {
                    saved.is_default = false;
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Removes the address `id`.
    pub(crate) fn delete_address(&mut self, id: &str) -> Result<(), Refusal> {
        let before = self.addresses.len();
        self.addresses.retain(|saved| saved.id != id);
        if self.addresses.len() == before {
            Err(Refusal::Unknown)
        } else {
            Ok(())
        }
    }
}
