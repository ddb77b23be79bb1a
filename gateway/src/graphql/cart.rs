//! Carts.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use comptoir_proto::orders::v1 as pb;
use comptoir_proto::types;

use super::address::Address;
use super::money::{Money, money};
use super::order::Order;
use super::scalars::{DateTime, Decimal};
use super::user_errors::payload;
use super::variant::ProductVariant;
use crate::backend::{Failure, RequestData, Services, optional};

pub(super) struct CartLine(pb::CartLine);

#[Object]
impl CartLine {
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// The variant as the catalogue has it now. If it is no longer available, what the cart remembers of it, with
    /// availableForSale false.
    async fn variant(&self, ctx: &Context<'_>) -> Result<ProductVariant, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        // The variant in a cart lacks the figures that only staff may see.
        let known = if data.is_staff() {
            None
        } else {
            self.0.variant.clone()
        };
        if let Some(variant) = known {
            return Ok(ProductVariant::new(data, variant));
        }
        let found = data.loaders.variants.one(&self.0.variant_id).await?;
        Ok(match found.or_else(|| self.0.variant.clone().map(Arc::new)) {
            Some(variant) => ProductVariant::new(data, variant),
            None => ProductVariant::unavailable(&self.0.variant_id, self.0.unit_price.clone()),
        })
    }

    async fn quantity(&self) -> i32 {
        self.0.quantity
    }

    async fn unit_price(&self) -> Money {
        money(self.0.unit_price.clone())
    }

    async fn line_total(&self) -> Money {
        money(self.0.line_total.clone())
    }
}

#[derive(SimpleObject)]
pub(super) struct CartCost {
    subtotal: Money,
    discount_total: Money,
    shipping_total: Money,
    tax_total: Money,
    total: Money,
    taxes: Vec<TaxLine>,
}

/// One for each rate. If prices include tax, taxTotal is the tax contained in total, and is not added to it.
#[derive(SimpleObject)]
pub(super) struct TaxLine {
    name: String,
    percent: Decimal,
    included: bool,
    amount: Money,
}

impl CartCost {
    /// The cost of a cart or order. A missing amount is zero in `currency`.
    pub(super) fn new(cost: Option<&pb::Cost>, currency: &str) -> Self {
        let cost = cost.cloned().unwrap_or_default();
        let none = || types::Money {
            minor_units: 0,
            currency_code: currency.to_owned(),
        };
        let amount = |amount: Option<types::Money>| Money::from(amount.unwrap_or_else(none));
        let tax = |tax: pb::TaxLine| TaxLine {
            name: tax.name,
            percent: Decimal::new(tax.percent),
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

#[derive(SimpleObject)]
pub(super) struct DeliveryOption {
    id: ID,
    name: String,
    price: Money,
    estimated_days: Option<i32>,
}

impl From<pb::DeliveryOption> for DeliveryOption {
    fn from(option: pb::DeliveryOption) -> Self {
        Self {
            id: ID(option.id),
            name: option.name,
            price: money(option.price),
            estimated_days: option.estimated_days,
        }
    }
}

#[derive(SimpleObject)]
pub(super) struct DiscountCode {
    code: String,
    applicable: bool,
}

pub(super) struct Cart(Arc<pb::Cart>);

impl Cart {
    /// A cart of the answer, which makes the answer private to the caller.
    pub(super) fn new(data: &RequestData, cart: impl Into<Arc<pb::Cart>>) -> Self {
        data.private();
        Self(cart.into())
    }

    /// The cart with this id, if the caller may see it.
    pub(super) async fn read(ctx: &Context<'_>, cart_id: String) -> Result<Option<Self>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        data.private();
        let mut client = ctx.data_unchecked::<Services>().carts.clone();
        let answer = optional(client.get_cart(pb::GetCartRequest { cart_id }).await)?;
        Ok(answer
            .and_then(|answer| answer.cart)
            .map(|cart| Self::new(data, cart)))
    }
}

/// A guest's cart: its id is an unguessable capability (128 random bits), and anyone who has it may read and change the
/// cart. After a customer took it over (cartAttach), only that customer may. Prices are current.
#[Object]
impl Cart {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn lines(&self) -> Vec<CartLine> {
        self.0.lines.iter().cloned().map(CartLine).collect()
    }

    async fn total_quantity(&self) -> i32 {
        self.0
            .lines
            .iter()
            .fold(0, |sum, line| sum.saturating_add(line.quantity))
    }

    async fn currency_code(&self) -> &str {
        &self.0.currency_code
    }

    async fn cost(&self) -> CartCost {
        CartCost::new(self.0.cost.as_ref(), &self.0.currency_code)
    }

    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// If billingAddress is null, the delivery address is also the billing address.
    async fn delivery_address(&self) -> Option<Address> {
        self.0.delivery_address.clone().map(Address::from)
    }

    async fn billing_address(&self) -> Option<Address> {
        self.0.billing_address.clone().map(Address::from)
    }

    async fn delivery_options(&self) -> Vec<DeliveryOption> {
        self.0
            .delivery_options
            .iter()
            .cloned()
            .map(DeliveryOption::from)
            .collect()
    }

    async fn selected_delivery_option(&self) -> Option<DeliveryOption> {
        self.0.selected_delivery_option.clone().map(DeliveryOption::from)
    }

    async fn discount_codes(&self) -> Vec<DiscountCode> {
        let code = |code: &pb::DiscountCode| DiscountCode {
            code: code.code.clone(),
            applicable: code.applicable,
        };
        self.0.discount_codes.iter().map(code).collect()
    }

    async fn updated_at(&self) -> DateTime {
        DateTime::of(self.0.updated_at)
    }

    /// Set while the cart is being completed, and for good after the order was placed. Changes are then refused with
    /// CART_ALREADY_ORDERED.
    async fn order(&self, ctx: &Context<'_>) -> Result<Option<Order>, Failure> {
        let Some(order_id) = self.0.order_id.clone() else {
            return Ok(None);
        };
        let key = pb::get_order_request::Key::OrderId(order_id);
        Order::read(
            ctx,
            pb::GetOrderRequest {
                key: Some(key),
                cart_id: Some(self.0.id.clone()),
            },
        )
        .await
    }
}

payload!(CartPayload { cart: Cart });
