//! What a cart comes to now: reads the catalogue and the discounts, once, and hands the rest to [`crate::domain::pricing`].
//! Carts are shown by it, and a checkout writes it into its order; after that nothing reads prices again.

use std::{collections::HashMap, sync::Arc};

use comptoir_mesh::{
    Env, Error,
    channel::Channel,
    error::{ErrorReason, Violation},
};
use comptoir_proto::catalog::v1::{
    BatchGetVariantsRequest, Image, ProductStatus, Variant, catalog_service_client::CatalogServiceClient,
};
use comptoir_shop::money::money;

use crate::{
    accounts,
    domain::{
        cart::{Cart, Line, Seen},
        delivery::{self, DeliveryOption},
        discount::{Discount, fold},
        pricing::{self, Cost, Input, Offer, PricedLine},
        tax,
    },
    store::{DiscountStore, Found},
};

/// Variants the catalogue gives in one call.
const BATCH: usize = 100;

/// Reads what a cart's cost depends on.
#[derive(Clone)]
pub(crate) struct Pricer {
    catalog: CatalogServiceClient<Channel>,
    discounts: Arc<dyn DiscountStore>,
    env: Env,
}

/// What a cart comes to at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quote {
    /// ISO 4217, of every amount.
    pub currency: String,
    pub lines: Vec<QuotedLine>,
    pub cost: Cost,
    /// Those for the delivery address; none without one.
    pub delivery_options: Vec<DeliveryOption>,
    /// The chosen one, as long as it is offered.
    pub delivery: Option<DeliveryOption>,
    pub codes: Vec<QuotedCode>,
}

/// A line at today's price.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QuotedLine {
    pub line_id: String,
    pub quantity: i32,
    pub unit_price: i64,
    pub line_total: i64,
    /// The product is ACTIVE and priced in the shop's currency. How many units are left is for a reservation to say.
    pub for_sale: bool,
    /// What people call what is not for sale: the variant, or the product where all of it is off sale.
    pub name: String,
    /// As the catalogue has it, or what the cart remembers; without stock figures that are staff's.
    pub variant: Variant,
}

/// A code in the cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuotedCode {
    /// As typed.
    pub code: String,
    /// Of the discount it names.
    pub discount_id: Option<String>,
    /// What it takes off; 0 when it does not apply as the cart stands.
    pub amount: i64,
    /// Why it cannot be used whatever stands in the cart, if so.
    pub refusal: Option<ErrorReason>,
}

/// Variants as the catalogue gave them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variants(HashMap<String, Option<Variant>>);

impl Quote {
    /// What stands in the way of ordering at these terms: lines that are not for sale any more, codes that cannot be used. Paths
    /// are into the cart.
    pub(crate) fn refusals(&self) -> Vec<Violation> {
        let lines = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| !line.for_sale)
            .map(|(n, line)| {
                let message = format!("{} is not for sale any more.", line.name);
                Violation::new(
                    format!("lines.{n}.variant_id"),
                    ErrorReason::ProductUnavailable,
                    message,
                )
            });
        let codes = self.codes.iter().enumerate().filter_map(|(n, code)| {
            Some(Violation::new(
                format!("discount_codes.{n}"),
                code.refusal?,
                code_message(code.refusal?),
            ))
        });
        lines.chain(codes).collect()
    }

    /// The discounts that take something off: id and code.
    pub(crate) fn applied(&self) -> impl Iterator<Item = (&str, &str)> {
        self.codes
            .iter()
            .filter(|code| code.amount > 0)
            .filter_map(|code| Some((code.discount_id.as_deref()?, code.code.as_str())))
    }
}

/// A sentence for why a code cannot be used.
pub(crate) fn code_message(reason: ErrorReason) -> &'static str {
    match reason {
        ErrorReason::DiscountCodeExpired => "This code cannot be used at this time.",
        ErrorReason::DiscountCodeLimitReached => "This code was used as often as it may be.",
        _ => "There is no such code.",
    }
}

impl Pricer {
    /// Reads from this catalogue and these discounts.
    pub(crate) fn new(catalog: Channel, discounts: Arc<dyn DiscountStore>, env: Env) -> Self {
        Self {
            catalog: CatalogServiceClient::new(catalog),
            discounts,
            env,
        }
    }

    /// What the cart comes to now: one call to the catalogue, one read of the discounts. A code counts by the account's address
    /// too, where it is given.
    pub(crate) async fn quote(&self, cart: &Cart, account_email: Option<&str>) -> Result<Quote, Error> {
        let mut variants = Variants::default();
        self.read(
            &mut variants,
            cart.lines.iter().map(|line| line.variant_id.as_str()),
        )
        .await?;
        self.quote_with(cart, &variants, account_email).await
    }

    /// Reads those variants that were not read yet.
    pub(crate) async fn read<'a>(
        &self,
        variants: &mut Variants,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let mut missing: Vec<String> = Vec::new();
        for id in ids {
            if variants.0.contains_key(id) {
                continue;
            }
            // Until the catalogue says otherwise. What cannot be an id is not worth asking about.
            variants.0.insert(id.to_owned(), None);
            if is_plausible(id) {
                missing.push(id.to_owned());
            }
        }
        for batch in missing.chunks(BATCH) {
            let request = BatchGetVariantsRequest {
                variant_ids: batch.to_vec(),
            };
            let answer = self.catalog.clone().batch_get_variants(request).await;
            let answer = answer.map_err(|status| Error::from_status(&status))?.into_inner();
            for mut variant in answer.variants {
                variant.quantity_on_hand = None;
                variant.quantity_reserved = None;
                variants.0.insert(variant.id.clone(), Some(variant));
            }
        }
        Ok(())
    }

    /// Whether the variant can be put into a cart, and what to remember of it.
    pub(crate) fn seen(&self, variants: &Variants, id: &str) -> Option<Seen> {
        let variant = variants.get(id).filter(|variant| self.for_sale(variant))?;
        let image = variant.image.as_ref().or(variant.product_image.as_ref());
        Some(Seen {
            unit_price: variant.price.as_ref()?.minor_units,
            product_id: variant.product_id.clone(),
            product_slug: variant.product_slug.clone(),
            product_title: variant.product_title.clone(),
            variant_title: variant.title.clone(),
            sku: variant.sku.clone(),
            image_url: image.map(|image| image.url.clone()),
        })
    }

    /// What the cart comes to with these variants, which hold all of the cart's.
    pub(crate) async fn quote_with(
        &self,
        cart: &Cart,
        variants: &Variants,
        account_email: Option<&str>,
    ) -> Result<Quote, Error> {
        let shop = &self.env.shop;
        let lines = cart
            .lines
            .iter()
            .map(|line| self.quoted_line(line, variants.get(&line.variant_id)))
            .collect::<Result<Vec<_>, _>>()?;
        let (mut codes, offers) = self.codes(cart, &accounts::names(cart, account_email)).await?;
        let country = cart
            .delivery_address
            .as_ref()
            .map(|address| address.country_code.as_str());
        let rules: Vec<_> =
            country.map_or_else(Vec::new, |country| delivery::offered(shop, country).collect());
        let chosen = rules
            .iter()
            .find(|rule| cart.delivery_option_id.as_ref() == Some(&rule.id));
        let priced: Vec<_> = lines
            .iter()
            .map(|line| PricedLine {
                quantity: line.quantity,
                unit_price: line.unit_price,
            })
            .collect();
        let offered: Vec<Offer> = offers.iter().map(|(_, offer)| *offer).collect();
        let cost = pricing::price(&Input {
            lines: &priced,
            offers: &offered,
            delivery: chosen.map(|rule| delivery::terms(rule)),
            taxes: &tax::taxes(shop, country),
            prices_include_tax: shop.prices_include_tax,
        })?;
        for ((at, _), amount) in offers.iter().zip(&cost.discounts) {
            codes[*at].amount = *amount;
        }
        let goods = cost.subtotal - cost.discount_total;
        let delivery_options: Vec<_> = rules
            .iter()
            .map(|rule| DeliveryOption {
                id: rule.id.clone(),
                name: rule.name.clone(),
                price: delivery::terms(rule).price_for(goods),
                estimated_days: rule.estimated_days,
            })
            .collect();
        let delivery = chosen
            .and_then(|rule| delivery_options.iter().find(|option| option.id == rule.id))
            .cloned();
        Ok(Quote {
            currency: shop.currency.clone(),
            lines,
            cost,
            delivery_options,
            delivery,
            codes,
        })
    }

    /// Each code of the cart, and the offers of those that this customer can use, by their place among the codes.
    async fn codes(
        &self,
        cart: &Cart,
        customers: &[String],
    ) -> Result<(Vec<QuotedCode>, Vec<(usize, Offer)>), Error> {
        if cart.discount_codes.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let folded: Vec<String> = cart.discount_codes.iter().map(|code| fold(code)).collect();
        let found = self.discounts.discounts_by_code(&folded, customers).await?;
        let mut offers = Vec::new();
        let mut codes = Vec::new();
        for (code, folded) in cart.discount_codes.iter().zip(&folded) {
            let found = found.iter().find(|found| fold(&found.discount.code) == *folded);
            let refusal = found.map_or(Some(ErrorReason::DiscountCodeInvalid), |found| {
                self.code_refusal(found)
            });
            if let (Some(found), None) = (found, refusal) {
                offers.push((codes.len(), found.discount.offer()));
            }
            let discount_id = found.map(|found| found.discount.id.clone());
            codes.push(QuotedCode {
                code: code.clone(),
                discount_id,
                amount: 0,
                refusal,
            });
        }
        Ok((codes, offers))
    }

    fn code_refusal(&self, found: &Found) -> Option<ErrorReason> {
        let Discount {
            currency,
            usage_limit,
            usage_limit_per_customer,
            ..
        } = &found.discount;
        if *currency != self.env.shop.currency {
            return Some(ErrorReason::DiscountCodeInvalid);
        }
        if let Some(refusal) = found.discount.refusal(self.env.clock.now()) {
            return Some(refusal);
        }
        let reached = |limit: &Option<i32>, used| limit.is_some_and(|limit| used >= i64::from(limit));
        let full = reached(usage_limit, found.times_used)
            || reached(usage_limit_per_customer, found.times_used_by_customer);
        full.then_some(ErrorReason::DiscountCodeLimitReached)
    }

    fn for_sale(&self, variant: &Variant) -> bool {
        variant.product_status() == ProductStatus::Active
            && variant
                .price
                .as_ref()
                .is_some_and(|price| price.minor_units >= 0 && price.currency_code == self.env.shop.currency)
    }

    fn quoted_line(&self, line: &Line, variant: Option<&Variant>) -> Result<QuotedLine, Error> {
        let for_sale = variant.is_some_and(|variant| self.for_sale(variant));
        let name = variant.map_or_else(|| line.seen.name(), |variant| variant.product_title.clone());
        let variant = variant.cloned().unwrap_or_else(|| self.remembered(line));
        let unit_price = match &variant.price {
            Some(price) if for_sale => price.minor_units,
            _ => line.seen.unit_price,
        };
        Ok(QuotedLine {
            line_id: line.id.clone(),
            quantity: line.quantity,
            unit_price,
            line_total: pricing::line_total(unit_price, line.quantity)?,
            for_sale,
            name,
            variant,
        })
    }

    /// A variant that is gone, as the cart remembers it.
    fn remembered(&self, line: &Line) -> Variant {
        let Seen {
            unit_price,
            product_id,
            product_slug,
            product_title,
            variant_title,
            sku,
            image_url,
        } = line.seen.clone();
        Variant {
            id: line.variant_id.clone(),
            product_id,
            sku,
            title: variant_title,
            price: Some(money(unit_price, &self.env.shop.currency)),
            image: image_url.map(|url| Image {
                url,
                ..Image::default()
            }),
            product_title,
            product_slug,
            product_status: ProductStatus::Archived.into(),
            ..Variant::default()
        }
    }
}

/// Whether a variant could have this id.
fn is_plausible(id: &str) -> bool {
    id.starts_with("var_")
        && id.len() <= 64
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Variants {
    fn get(&self, id: &str) -> Option<&Variant> {
        self.0.get(id)?.as_ref()
    }
}

impl From<pricing::Overflow> for Error {
    fn from(_: pricing::Overflow) -> Self {
        Self::new(
            ErrorReason::QuantityOutOfRange,
            "The cart comes to more than can be charged.",
        )
    }
}
