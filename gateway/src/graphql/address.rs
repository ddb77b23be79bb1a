//! Postal addresses.

use async_graphql::{InputObject, SimpleObject};
use comptoir_proto::types as pb;

#[derive(SimpleObject, Clone, Debug)]
pub(super) struct Address {
    first_name: String,
    last_name: String,
    company: Option<String>,
    line1: String,
    line2: Option<String>,
    city: String,
    region: Option<String>,
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    country_code: String,
    phone: Option<String>,
}

#[derive(InputObject)]
pub(super) struct AddressInput {
    first_name: String,
    last_name: String,
    company: Option<String>,
    line1: String,
    line2: Option<String>,
    city: String,
    region: Option<String>,
    postal_code: String,
    country_code: String,
    phone: Option<String>,
}

impl From<pb::Address> for Address {
    fn from(address: pb::Address) -> Self {
        Self {
            first_name: address.first_name,
            last_name: address.last_name,
            company: address.company,
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            region: address.region,
            postal_code: address.postal_code,
            country_code: address.country_code,
            phone: address.phone,
        }
    }
}

impl From<AddressInput> for pb::Address {
    fn from(address: AddressInput) -> Self {
        Self {
            first_name: address.first_name,
            last_name: address.last_name,
            company: address.company,
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            region: address.region,
            postal_code: address.postal_code,
            country_code: address.country_code,
            phone: address.phone,
        }
    }
}
