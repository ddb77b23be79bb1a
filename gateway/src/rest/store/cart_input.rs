//! Carts in requests.

use comptoir_mesh::Error;
use comptoir_proto::orders::v1 as pb;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::rest::extract::nullable;
use crate::rest::quantity::Quantity;
use crate::rest::schema::{
    CurrencyCode, DiscountCodes, EmailOrEmpty, LanguageTag, NewLines, Phone, Text, Units, VariantId,
};
use crate::rest::view::Address;

/// A new cart.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CartInput {
    #[serde(default)]
    #[schema(value_type = NewLines)]
    lines: Vec<CartLineInput>,
    #[schema(value_type = Option<EmailOrEmpty>)]
    email: Option<String>,
    /// The shop's currency. Another one is CURRENCY_MISMATCH.
    #[schema(value_type = Option<CurrencyCode>)]
    currency_code: Option<String>,
    /// BCP 47, for mails.
    #[schema(value_type = Option<LanguageTag>)]
    locale: Option<String>,
}

/// Units of a variant.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CartLineInput {
    #[schema(value_type = VariantId)]
    variant_id: String,
    #[serde(default)]
    #[schema(value_type = Units, required = true)]
    quantity: Quantity,
}

/// A line's quantity.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CartLineUpdate {
    #[serde(default)]
    #[schema(value_type = Units, required = true)]
    pub(crate) quantity: Quantity,
}

/// A change of a cart. What is left out stays.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CartUpdate {
    /// Null removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<EmailOrEmpty>)]
    email: Option<Option<String>>,
    /// Null removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Phone>)]
    phone: Option<Option<String>>,
    delivery_address: Option<Address>,
    /// If null, the delivery address is also the billing address.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Address>)]
    billing_address: Option<Option<Address>>,
    #[schema(value_type = Option<Text>)]
    delivery_option_id: Option<String>,
    #[schema(value_type = Option<DiscountCodes>)]
    discount_codes: Option<Vec<String>>,
    /// BCP 47, for mails.
    #[schema(value_type = Option<LanguageTag>)]
    locale: Option<String>,
}

impl CartLineInput {
    /// Converts it for messages. `path` is the path of its fields in the body.
    pub(crate) fn read(self, path: &str) -> Result<pb::CartLineInput, Error> {
        let quantity = self.quantity.read(&format!("{path}quantity"))?;
        Ok(pb::CartLineInput {
            variant_id: self.variant_id,
            quantity,
        })
    }
}

impl CartInput {
    /// Converts it for messages.
    pub(crate) fn read(self) -> Result<pb::CreateCartRequest, Error> {
        let lines = self
            .lines
            .into_iter()
            .enumerate()
            .map(|(n, line)| line.read(&format!("lines.{n}.")));
        Ok(pb::CreateCartRequest {
            lines: lines.collect::<Result<_, Error>>()?,
            email: self.email,
            currency_code: self.currency_code,
            locale: self.locale,
        })
    }
}

impl CartUpdate {
    /// Converts it for messages.
    pub(crate) fn read(self, cart_id: String) -> pb::UpdateCartRequest {
        pb::UpdateCartRequest {
            cart_id,
            email: self.email.map(Option::unwrap_or_default),
            phone: self.phone.map(Option::unwrap_or_default),
            delivery_address: self.delivery_address.map(Address::into),
            remove_billing_address: matches!(self.billing_address, Some(None)),
            billing_address: self.billing_address.flatten().map(Address::into),
            delivery_option_id: self.delivery_option_id,
            discount_codes: self.discount_codes.map(|codes| pb::DiscountCodes { codes }),
            locale: self.locale,
        }
    }
}
