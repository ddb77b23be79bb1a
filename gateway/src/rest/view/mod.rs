//! The JSON of answers, in the shape of the GraphQL types.

mod cart;
mod order;
mod product;
mod user;

use comptoir_proto::types as pb;
use comptoir_shop::money::{format_decimal, fraction_digits};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::schema::{
    CountryCode, CurrencyCode, Name, NameNeeded, Phone, PostalCode, Street, StreetNeeded,
};

pub(crate) use cart::{Cart, CartCost, DeliveryOption};
pub(crate) use order::{FulfillmentStatus, Order, OrderState, PaymentStatus};
pub(crate) use product::{
    Category, Facet, Product, ProductSort, ProductStatus, ProductVariant, categories_of,
};
pub(crate) use user::{SavedAddress, Session, Tokens, User};

/// Declares an enum whose JSON names are those of the GraphQL schema, with conversions from and to the enum of messages.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident of $proto:ty { $first:ident $(, $variant:ident)* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub(crate) enum $name { $first, $($variant),* }

        impl From<$proto> for $name {
            fn from(value: $proto) -> Self {
                match value {
                    <$proto>::Unspecified | <$proto>::$first => Self::$first,
                    $(<$proto>::$variant => Self::$variant,)*
                }
            }
        }

        impl From<$name> for $proto {
            fn from(value: $name) -> Self {
                match value {
                    $name::$first => Self::$first,
                    $($name::$variant => Self::$variant,)*
                }
            }
        }
    };
}
use names;

/// A page of a list. `nextCursor` is null on the last one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T: ToSchema> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
    pub(crate) total_count: i64,
}

/// A complete list.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T: ToSchema> {
    pub(crate) items: Vec<T>,
}

/// A cursor for an answer: null if there is no further page.
pub(crate) fn cursor(token: String) -> Option<String> {
    Some(token).filter(|token| !token.is_empty())
}

/// An amount; `fractionalAmount` is in the currency's smallest unit.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Money {
    /// An exact decimal: "49.90".
    amount: String,
    #[schema(value_type = CurrencyCode)]
    currency_code: String,
    fractional_amount: i64,
    fraction_digits: u32,
}

impl From<pb::Money> for Money {
    fn from(money: pb::Money) -> Self {
        let fraction_digits = fraction_digits(&money.currency_code).unwrap_or(2);
        Self {
            amount: format_decimal(money.minor_units, fraction_digits),
            currency_code: money.currency_code,
            fractional_amount: money.minor_units,
            fraction_digits,
        }
    }
}

/// Converts an amount that services always set.
pub(crate) fn money(money: Option<pb::Money>) -> Money {
    money.unwrap_or_default().into()
}

/// Converts a time that services always set.
pub(crate) fn time(time: Option<prost_types::Timestamp>) -> String {
    maybe_time(time).unwrap_or_else(|| Timestamp::UNIX_EPOCH.to_string())
}

/// Converts a time that may be absent.
pub(crate) fn maybe_time(time: Option<prost_types::Timestamp>) -> Option<String> {
    let time = time?;
    Timestamp::new(time.seconds, time.nanos)
        .ok()
        .map(|time| time.to_string())
}

/// A delivery or billing address.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Address {
    #[schema(value_type = NameNeeded)]
    first_name: String,
    #[schema(value_type = NameNeeded)]
    last_name: String,
    #[schema(value_type = Option<Name>)]
    company: Option<String>,
    #[schema(value_type = StreetNeeded)]
    line1: String,
    #[schema(value_type = Option<Street>)]
    line2: Option<String>,
    #[schema(value_type = NameNeeded)]
    city: String,
    #[schema(value_type = Option<Name>)]
    region: Option<String>,
    #[schema(value_type = PostalCode)]
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    #[schema(value_type = CountryCode)]
    country_code: String,
    #[schema(value_type = Option<Phone>)]
    phone: Option<String>,
}

impl From<pb::Address> for Address {
    fn from(address: pb::Address) -> Self {
        let pb::Address {
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
        } = address;
        Self {
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
}

impl From<Address> for pb::Address {
    fn from(address: Address) -> Self {
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
        } = address;
        Self {
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
}
