//! Carts.

use comptoir_proto::orders::v1 as pb;
use comptoir_proto::types;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Address, Money, Order, ProductVariant, money, time};
use crate::rest::schema::{CartId, CartLineId, CurrencyCode, Time};

/// A cart at current prices. Anyone who has a guest cart's id may read and change it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cart {
    #[schema(value_type = CartId)]
    id: String,
    lines: Vec<CartLine>,
    total_quantity: i32,
    #[schema(value_type = CurrencyCode)]
    currency_code: String,
    cost: CartCost,
    email: Option<String>,
    phone: Option<String>,
    delivery_address: Option<Address>,
    /// If null, the delivery address is also the billing address.
    billing_address: Option<Address>,
    delivery_options: Vec<DeliveryOption>,
    selected_delivery_option: Option<DeliveryOption>,
    discount_codes: Vec<DiscountCode>,
    #[schema(value_type = Time)]
    updated_at: String,
    /// Set while the cart is being completed, and for good after the order was placed.
    order: Option<Order>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CartLine {
    #[schema(value_type = CartLineId)]
    id: String,
    variant: ProductVariant,
    quantity: i32,
    unit_price: Money,
    line_total: Money,
}

impl From<pb::CartLine> for CartLine {
    fn from(line: pb::CartLine) -> Self {
        let variant = match line.variant {
            Some(variant) => variant.into(),
            None => ProductVariant::unavailable(&line.variant_id, line.unit_price.clone()),
        };
        Self {
            id: line.id,
            variant,
            quantity: line.quantity,
            unit_price: money(line.unit_price),
            line_total: money(line.line_total),
        }
    }
}

/// The cost of a cart or order. If prices include tax, `taxTotal` is contained in `total`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CartCost {
    subtotal: Money,
    discount_total: Money,
    shipping_total: Money,
    tax_total: Money,
    total: Money,
    taxes: Vec<TaxLine>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TaxLine {
    name: String,
    /// A decimal: "5.5".
    percent: String,
    included: bool,
    amount: Money,
}

impl CartCost {
    /// A missing amount is zero in `currency`.
    pub(crate) fn new(cost: Option<pb::Cost>, currency: &str) -> Self {
        let cost = cost.unwrap_or_default();
        let none = || types::Money {
            minor_units: 0,
            currency_code: currency.to_owned(),
        };
        let amount = |amount: Option<types::Money>| Money::from(amount.unwrap_or_else(none));
        let tax = |tax: pb::TaxLine| TaxLine {
            name: tax.name,
            percent: tax.percent,
            included: tax.included,
            amount: amount(tax.amount),
        };
        Self {
            taxes: cost.taxes.into_iter().map(tax).collect(),
            subtotal: amount(cost.subtotal),
            discount_total: amount(cost.discount_total),
            shipping_total: amount(cost.shipping_total),
            tax_total: amount(cost.tax_total),
            total: amount(cost.total),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryOption {
    id: String,
    name: String,
    price: Money,
    estimated_days: Option<i32>,
}

impl From<pb::DeliveryOption> for DeliveryOption {
    fn from(option: pb::DeliveryOption) -> Self {
        Self {
            id: option.id,
            name: option.name,
            price: money(option.price),
            estimated_days: option.estimated_days,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DiscountCode {
    code: String,
    /// Whether it reduces the total of the current cart.
    applicable: bool,
}

impl Cart {
    /// A cart, with its order if it has one.
    pub(crate) fn new(cart: pb::Cart, order: Option<Order>) -> Self {
        let code = |code: pb::DiscountCode| DiscountCode {
            code: code.code,
            applicable: code.applicable,
        };
        Self {
            total_quantity: cart
                .lines
                .iter()
                .fold(0, |sum, line| sum.saturating_add(line.quantity)),
            cost: CartCost::new(cart.cost, &cart.currency_code),
            id: cart.id,
            lines: cart.lines.into_iter().map(CartLine::from).collect(),
            currency_code: cart.currency_code,
            email: cart.email,
            phone: cart.phone,
            delivery_address: cart.delivery_address.map(Address::from),
            billing_address: cart.billing_address.map(Address::from),
            delivery_options: cart
                .delivery_options
                .into_iter()
                .map(DeliveryOption::from)
                .collect(),
            selected_delivery_option: cart.selected_delivery_option.map(DeliveryOption::from),
            discount_codes: cart.discount_codes.into_iter().map(code).collect(),
            updated_at: time(cart.updated_at),
            order,
        }
    }
}
