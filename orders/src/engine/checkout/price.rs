//! Step 1: lines and prices, read once and written into the order.

use comptoir_mesh::{Error, ErrorReason, error::Reason as _};

use crate::{
    accounts,
    domain::{
        cart::Cart,
        order::{Contents, OrderLine, Refusal, UsedDiscount},
    },
    quote::{Pricer, Quote, QuotedLine},
};

/// The contents of the order, or why the cart cannot be ordered. The outer error is a failed read.
pub(crate) async fn price(
    pricer: &Pricer,
    cart: &Cart,
    account_email: Option<&str>,
    expected_total: Option<i64>,
) -> Result<Result<Contents, Vec<Refusal>>, Error> {
    let missing = missing(cart, account_email);
    if !missing.is_empty() {
        return Ok(Err(missing));
    }
    let quote = match pricer.quote(cart, account_email).await {
        Ok(quote) => quote,
        Err(error) if error.reason() == ErrorReason::QuantityOutOfRange => return Ok(Err(refusals(&error))),
        Err(error) => return Err(error),
    };
    Ok(contents(cart, quote, account_email, expected_total))
}

/// The required fields of an order.
fn missing(cart: &Cart, account_email: Option<&str>) -> Vec<Refusal> {
    let needed = [
        (cart.lines.is_empty(), "lines", "The cart is empty."),
        (
            cart.email.is_none() && account_email.is_none(),
            "email",
            "An e-mail address is needed.",
        ),
        (
            cart.delivery_address.is_none(),
            "delivery_address",
            "A delivery address is needed.",
        ),
        (
            cart.delivery_option_id.is_none(),
            "delivery_option_id",
            "A delivery option has to be selected.",
        ),
    ];
    needed
        .into_iter()
        .filter(|(absent, _, _)| *absent)
        .map(|(_, field, message)| refusal(ErrorReason::ValidationFailed, field, message))
        .collect()
}

fn contents(
    cart: &Cart,
    quote: Quote,
    account_email: Option<&str>,
    expected_total: Option<i64>,
) -> Result<Contents, Vec<Refusal>> {
    let in_the_way: Vec<_> = quote
        .refusals()
        .into_iter()
        .map(|violation| refusal(violation.reason, &violation.field, &violation.message))
        .collect();
    if !in_the_way.is_empty() {
        return Err(in_the_way);
    }
    let discounts = discounts(cart, account_email, &quote);
    let email = cart.email.as_deref().or(account_email).map(str::to_owned);
    let (Some(email), Some(delivery_address), Some(delivery_option)) =
        (email, cart.delivery_address.clone(), quote.delivery)
    else {
        let message = "The selected delivery option is not offered for this address.";
        return Err(vec![refusal(
            ErrorReason::ValidationFailed,
            "delivery_option_id",
            message,
        )]);
    };
    if expected_total.is_some_and(|expected| expected != quote.cost.total) {
        let message = "The total is not the expected one any more.";
        return Err(vec![refusal(
            ErrorReason::PriceChanged,
            "expected_total",
            message,
        )]);
    }
    Ok(Contents {
        email,
        phone: cart.phone.clone(),
        locale: cart.locale.clone(),
        currency: quote.currency,
        lines: quote.lines.into_iter().map(line).collect(),
        cost: quote.cost,
        billing_address: cart.billing().unwrap_or(&delivery_address).clone(),
        delivery_address,
        delivery_option,
        discounts,
    })
}

fn line(line: QuotedLine) -> OrderLine {
    let image = line.variant.image.or(line.variant.product_image);
    OrderLine {
        id: line.line_id,
        variant_id: line.variant.id,
        product_id: line.variant.product_id,
        product_title: line.variant.product_title,
        variant_title: line.variant.title,
        sku: line.variant.sku,
        image_url: image.map(|image| image.url),
        quantity: line.quantity,
        unit_price: line.unit_price,
        line_total: line.line_total,
    }
}

/// Only codes with an effect count as used.
fn discounts(cart: &Cart, account_email: Option<&str>, quote: &Quote) -> Vec<UsedDiscount> {
    let mut names = accounts::names(cart, account_email).into_iter();
    let customer = names.next().unwrap_or_default();
    let also: Vec<String> = names.collect();
    quote
        .applied()
        .map(|(id, code)| UsedDiscount {
            id: id.to_owned(),
            code: code.to_owned(),
            customer: customer.clone(),
            also: also.clone(),
        })
        .collect()
}

/// A refusal about one field; `field` is a dotted path, or empty.
pub(crate) fn refusal(reason: ErrorReason, field: &str, message: &str) -> Refusal {
    let field = field
        .split('.')
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    Refusal {
        code: reason.code().to_owned(),
        field,
        message: message.to_owned(),
    }
}

/// An error, as refusals.
pub(crate) fn refusals(error: &Error) -> Vec<Refusal> {
    if error.field_violations().is_empty() {
        return vec![refusal(error.reason(), "", error.message())];
    }
    let each = error.field_violations().iter();
    each.map(|violation| refusal(violation.reason, &violation.field, &violation.message))
        .collect()
}
