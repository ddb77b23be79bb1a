//! Buyer, addresses, delivery and discount codes.

use comptoir_mesh::{
    Caller, Error,
    error::{ErrorReason, Violation},
    phone,
};
use comptoir_proto::orders::v1 as pb;
use comptoir_shop::Shop;

use super::{Carts, Edit};
use crate::{
    convert::{Problems, address, cart as convert, discount::parse_code},
    domain::{address::Address, cart::Cart, delivery, discount::fold, edit::variants_with},
    quote::{Quote, Variants, code_message},
};

/// The most codes of a cart.
const CODES: usize = comptoir_mesh::lengths::DISCOUNT_CODES;

/// The change; `None` keeps a field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Update {
    email: Option<Option<String>>,
    phone: Option<Option<String>>,
    locale: Option<String>,
    delivery_address: Option<Address>,
    billing_address: Option<Option<Address>>,
    delivery_option_id: Option<String>,
    /// With their positions in the request.
    codes: Option<Vec<(usize, String)>>,
}

impl Carts {
    /// Applies the update.
    pub(crate) async fn update(
        &self,
        caller: &Caller,
        id: &str,
        update: Update,
    ) -> Result<(Cart, Quote), Error> {
        self.edit(caller, id, &update).await
    }
}

impl Update {
    /// Reads a request, and collects all violations.
    pub(crate) fn parse(request: pb::UpdateCartRequest, shop: &Shop) -> Result<Self, Error> {
        let mut problems = Problems::default();
        let email = request
            .email
            .and_then(|email| problems.take(convert::parse_email("email", &email)));
        let phone = request
            .phone
            .and_then(|phone| problems.take(phone::check("phone", &phone)));
        let locale = request
            .locale
            .and_then(|locale| problems.take(convert::parse_locale("locale", &locale)));
        let delivery_address = request.delivery_address.and_then(|address| {
            problems.take(
                address::parse("delivery_address", &address).and_then(|address| destination(address, shop)),
            )
        });
        if request.billing_address.is_some() && request.remove_billing_address {
            let message = "Either give a billing address or remove it.";
            problems.push(Violation::new(
                "remove_billing_address",
                ErrorReason::ValidationFailed,
                message,
            ));
        }
        let billing_address = if request.remove_billing_address {
            Some(None)
        } else {
            request.billing_address.and_then(|address| {
                problems
                    .take(address::parse("billing_address", &address))
                    .map(Some)
            })
        };
        let codes = request
            .discount_codes
            .and_then(|codes| problems.take(parse_codes(&codes.codes)));
        problems.check()?;
        Ok(Self {
            email,
            phone,
            locale,
            delivery_address,
            billing_address,
            delivery_option_id: request.delivery_option_id,
            codes,
        })
    }
}

fn destination(address: Address, shop: &Shop) -> Result<Address, Error> {
    if delivery::delivers_to(shop, &address.country_code) {
        return Ok(address);
    }
    let message = format!("The shop does not deliver to {}.", address.country_code);
    Err(Error::field(
        "delivery_address.country_code",
        ErrorReason::DestinationNotAllowed,
        message,
    ))
}

/// Each code once, ignoring case, with its position.
fn parse_codes(codes: &[String]) -> Result<Vec<(usize, String)>, Error> {
    if codes.len() > CODES {
        let message = format!("A cart takes at most {CODES} codes.");
        return Err(Error::field(
            "discount_codes.codes",
            ErrorReason::ValidationFailed,
            message,
        ));
    }
    let mut problems = Problems::default();
    let mut kept: Vec<(usize, String)> = Vec::new();
    for (n, code) in codes.iter().enumerate() {
        let field = format!("discount_codes.codes.{n}");
        match parse_code(&field, code) {
            Ok(code) => {
                if kept.iter().all(|(_, other)| fold(other) != fold(&code)) {
                    kept.push((n, code));
                }
            }
            // For a buyer, an impossible code is an unknown code.
            Err(error) if error.reason() == ErrorReason::ValidationFailed => {
                let reason = ErrorReason::DiscountCodeInvalid;
                problems.push(Violation::new(field, reason, code_message(reason)));
            }
            Err(error) => {
                problems.take::<()>(Err(error));
            }
        }
    }
    problems.check()?;
    Ok(kept)
}

impl Edit for Update {
    fn variants<'a>(&'a self, cart: &'a Cart) -> Result<Vec<&'a str>, Error> {
        Ok(variants_with(cart, &[]))
    }

    fn apply(&self, cart: &mut Cart, carts: &Carts, _: &Variants) -> Result<(), Error> {
        let update = self.clone();
        if let Some(email) = update.email {
            cart.email = email;
        }
        if let Some(phone) = update.phone {
            cart.phone = phone;
        }
        if let Some(locale) = update.locale {
            cart.locale = locale;
        }
        if let Some(address) = update.delivery_address {
            cart.delivery_address = Some(address);
        }
        if let Some(address) = update.billing_address {
            cart.billing_address = address;
        }
        if let Some(codes) = update.codes {
            cart.discount_codes = codes.into_iter().map(|(_, code)| code).collect();
        }
        self.choose_delivery(cart, &carts.env.shop)
    }

    fn check(&self, quote: &Quote) -> Result<(), Error> {
        let named = self.codes.iter().flatten();
        let refused: Vec<_> = named
            .zip(&quote.codes)
            .filter_map(|((n, _), quoted)| {
                let reason = quoted.refusal?;
                Some(Violation::new(
                    format!("discount_codes.codes.{n}"),
                    reason,
                    code_message(reason),
                ))
            })
            .collect();
        if refused.is_empty() {
            Ok(())
        } else {
            Err(Error::violations(refused))
        }
    }
}

impl Update {
    /// Sets the chosen delivery option, and drops one that is not offered for the cart's address.
    fn choose_delivery(&self, cart: &mut Cart, shop: &Shop) -> Result<(), Error> {
        let country = cart
            .delivery_address
            .as_ref()
            .map(|address| address.country_code.as_str());
        let offered = |id: &str| country.is_some_and(|country| delivery::option(shop, country, id).is_some());
        if let Some(id) = &self.delivery_option_id {
            if !offered(id) {
                let message = match country {
                    Some(country) => format!("This delivery option is not offered for {country}."),
                    None => "Give the delivery address first.".to_owned(),
                };
                return Err(Error::field(
                    "delivery_option_id",
                    ErrorReason::ValidationFailed,
                    message,
                ));
            }
            cart.delivery_option_id = Some(id.clone());
        } else if cart.delivery_option_id.as_deref().is_some_and(|id| !offered(id)) {
            cart.delivery_option_id = None;
        }
        Ok(())
    }
}
