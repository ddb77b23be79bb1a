//! A message's content as plain data: enough to render it in any language at any later time, without any token.

use comptoir_proto::orders::v1::{Order, OrderLine};
use comptoir_proto::types::{Address, Money};
use serde::{Deserialize, Serialize};

use super::plain;

/// The most lines of an order in a mail; carts are limited to fewer.
const MAX_LINES: usize = 200;

/// The subject matter of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// An account's mail. Its token, if it has one, is fetched when it is sent.
    Account(AccountContent),
    /// A change of an order.
    Order(Box<OrderContent>),
}

/// An account's mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountContent {
    /// The mail's id, by which auth issues its token.
    pub mail_id: String,
    /// The name in the greeting.
    pub first_name: Option<String>,
}

/// An order, as mails show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderContent {
    /// The order's number.
    pub number: String,
    /// The name in the greeting.
    pub first_name: Option<String>,
    /// The order's lines.
    pub lines: Vec<Line>,
    /// The order's sums.
    pub cost: Costs,
    /// The delivery address, a line each.
    pub address: Vec<String>,
    /// The country, ISO 3166-1 alpha-2; earlier builds stored it as the address's last line.
    #[serde(default)]
    pub country: Option<String>,
    /// The way of delivery.
    pub delivery: Option<DeliveryWay>,
    /// The amount paid or refunded, in mails about it.
    pub amount: Option<Amount>,
    /// The parcel, in the mail about its dispatch.
    pub parcel: Option<Parcel>,
}

/// An amount in a currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// In the currency's smallest unit.
    pub minor_units: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The product's title.
    pub title: String,
    /// The variant's title, unless it is the placeholder of a product without options.
    pub variant: Option<String>,
    /// How many.
    pub quantity: i32,
    /// The line's total.
    pub total: Amount,
    /// A picture, if there is one that can be shown in a mail.
    pub image: Option<String>,
}

/// The sums of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// The lines.
    pub subtotal: Amount,
    /// The discount, if any.
    pub discount: Option<Amount>,
    /// The delivery.
    pub shipping: Amount,
    /// Taxes by rate.
    pub taxes: Vec<Tax>,
    /// The total that the buyer pays.
    pub total: Amount,
}

/// The tax of one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tax {
    /// Its name.
    pub name: String,
    /// Its rate, a decimal.
    pub percent: String,
    /// Whether prices include it.
    pub included: bool,
    /// The amount.
    pub amount: Amount,
}

/// A way of delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryWay {
    /// Its name.
    pub name: String,
    /// The estimated days.
    pub days: Option<i32>,
}

/// A dispatched parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Its contents.
    pub lines: Vec<ParcelLine>,
    /// The carrier.
    pub carrier: Option<String>,
    /// The tracking number.
    pub tracking_number: Option<String>,
}

/// A line of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelLine {
    /// The product's title.
    pub title: String,
    /// The variant's title, unless it is the placeholder of a product without options.
    pub variant: Option<String>,
    /// How many.
    pub quantity: i32,
}

/// Reads what mails need from an order. `Err` says what is missing.
pub(crate) fn order_content(order: &Order) -> Result<OrderContent, &'static str> {
    let number = plain::optional_line(order.number.as_deref()).ok_or("the order has no number")?;
    let cost = order.cost.as_ref().ok_or("the order has no cost")?;
    let sum = |money: &Option<Money>| money.as_ref().map(amount).ok_or("the order's cost is incomplete");
    let discount = sum(&cost.discount_total)?;
    let address = order.delivery_address.as_ref();
    Ok(OrderContent {
        number,
        first_name: address.and_then(|address| plain::optional_line(Some(&address.first_name))),
        lines: order
            .lines
            .iter()
            .take(MAX_LINES)
            .map(line)
            .collect::<Result<_, _>>()?,
        cost: Costs {
            subtotal: sum(&cost.subtotal)?,
            discount: (discount.minor_units != 0).then_some(discount),
            shipping: sum(&cost.shipping_total)?,
            taxes: cost
                .taxes
                .iter()
                .map(|tax| {
                    Ok(Tax {
                        name: plain::line(&tax.name),
                        percent: plain::line(&tax.percent),
                        included: tax.included,
                        amount: sum(&tax.amount)?,
                    })
                })
                .collect::<Result<_, &'static str>>()?,
            total: sum(&cost.total)?,
        },
        address: address.map(address_lines).unwrap_or_default(),
        country: address.and_then(|address| plain::optional_line(Some(&address.country_code))),
        delivery: order.delivery_option.as_ref().map(|option| DeliveryWay {
            name: plain::line(&option.name),
            days: option.estimated_days,
        }),
        amount: None,
        parcel: None,
    })
}

/// The parcel `fulfillment_id` of an order. `Err` says what is missing.
pub(crate) fn parcel(order: &Order, fulfillment_id: &str) -> Result<Parcel, &'static str> {
    let fulfillment = order
        .fulfillments
        .iter()
        .find(|fulfillment| fulfillment.id == fulfillment_id)
        .ok_or("the order has no such parcel")?;
    let lines = fulfillment
        .lines
        .iter()
        .filter_map(|part| {
            let line = order.lines.iter().find(|line| line.id == part.order_line_id)?;
            Some(ParcelLine {
                title: plain::line(&line.product_title),
                variant: variant(&line.variant_title),
                quantity: part.quantity,
            })
        })
        .collect();
    Ok(Parcel {
        lines,
        carrier: plain::optional_line(fulfillment.carrier.as_deref()),
        tracking_number: plain::optional_line(fulfillment.tracking_number.as_deref()),
    })
}

/// An amount as stored. Its currency is text from an event, so it is checked.
pub(crate) fn amount(money: &Money) -> Amount {
    Amount {
        minor_units: money.minor_units,
        currency: plain::line(&money.currency_code),
    }
}

fn line(line: &OrderLine) -> Result<Line, &'static str> {
    Ok(Line {
        title: plain::line(&line.product_title),
        variant: variant(&line.variant_title),
        quantity: line.quantity,
        total: line
            .line_total
            .as_ref()
            .map(amount)
            .ok_or("an order line has no total")?,
        image: line
            .image_url
            .as_deref()
            .filter(|url| url.starts_with("https://"))
            .map(str::to_owned),
    })
}

/// A variant's title, unless it is the placeholder of an imported product without options.
fn variant(title: &str) -> Option<String> {
    plain::optional_line(Some(title)).filter(|title| !title.eq_ignore_ascii_case("default title"))
}

fn address_lines(address: &Address) -> Vec<String> {
    let name = format!("{} {}", address.first_name, address.last_name);
    let town = format!("{} {}", address.postal_code, address.city);
    [
        Some(name.as_str()),
        address.company.as_deref(),
        Some(&address.line1),
        address.line2.as_deref(),
        Some(&town),
        address.region.as_deref(),
    ]
    .into_iter()
    .filter_map(plain::optional_line)
    .collect()
}
