//! What a message says, as plain data: enough to write it in any language at any later time, and never a token.

use comptoir_proto::orders::v1::{Order, OrderLine};
use comptoir_proto::types::{Address, Money};
use serde::{Deserialize, Serialize};

use super::plain;

/// The most lines of an order a mail repeats; carts are limited to fewer.
const MAX_LINES: usize = 200;

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// An account's mail; its token, where it has one, is fetched when it is sent.
    Account(AccountContent),
    /// A change of an order.
    Order(Box<OrderContent>),
}

/// An account's mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountContent {
    /// Names the mail to auth, which makes its token.
    pub mail_id: String,
    /// Whom to greet.
    pub first_name: Option<String>,
}

/// An order as its mails show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderContent {
    /// What a person reads out.
    pub number: String,
    /// Whom to greet.
    pub first_name: Option<String>,
    /// What was bought.
    pub lines: Vec<Line>,
    /// What it comes to.
    pub cost: Costs,
    /// The delivery address, a line each.
    pub address: Vec<String>,
    /// Its country, ISO 3166-1 alpha-2; earlier builds kept it as the address's last line.
    #[serde(default)]
    pub country: Option<String>,
    /// The way of delivery.
    pub delivery: Option<DeliveryWay>,
    /// What was paid or went back, in the mails that say so.
    pub amount: Option<Amount>,
    /// The parcel that left, in the mail that says so.
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

/// Some units of what was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The product's title.
    pub title: String,
    /// The variant's title, where it says anything.
    pub variant: Option<String>,
    /// How many.
    pub quantity: i32,
    /// What all of them cost.
    pub total: Amount,
    /// A picture, where it has one that can be shown in a mail.
    pub image: Option<String>,
}

/// The sums of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// The lines.
    pub subtotal: Amount,
    /// What is taken off, when anything is.
    pub discount: Option<Amount>,
    /// The delivery.
    pub shipping: Amount,
    /// Taxes by rate.
    pub taxes: Vec<Tax>,
    /// What the buyer pays.
    pub total: Amount,
}

/// The tax of one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tax {
    /// Its name.
    pub name: String,
    /// Its rate, a decimal.
    pub percent: String,
    /// Part of the prices already.
    pub included: bool,
    /// How much it is.
    pub amount: Amount,
}

/// A way of delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryWay {
    /// Its name.
    pub name: String,
    /// How many days it takes.
    pub days: Option<i32>,
}

/// A parcel that left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// What is in it.
    pub lines: Vec<ParcelLine>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// Its number there.
    pub tracking_number: Option<String>,
}

/// Some units in a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelLine {
    /// The product's title.
    pub title: String,
    /// The variant's title, where it says anything.
    pub variant: Option<String>,
    /// How many.
    pub quantity: i32,
}

/// Reads what mails need of an order. `Err` says what is missing.
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

/// An amount as it is kept; its currency is text of an event as well.
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

/// A variant's title, unless it is the one that imported products without options have.
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
