//! Renders messages: a text and an HTML part from the same content, in the recipient's language.
//!
//! Everything in an HTML part is escaped; user text in a text part is reduced to one line ([`crate::domain::plain`]),
//! so that it can forge neither a header nor a line. Templates are compiled in.

use std::sync::Arc;

use comptoir_shop::Shop;
use jiff::Timestamp;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{
    AutoEscape, Environment, Output, State, UndefinedBehavior, Value, context, escape_formatter,
};
use serde::Serialize;
use url::Url;

use self::words::Language;
use crate::config::Sender;
use crate::domain::content::{Amount, Content, OrderContent};
use crate::domain::delivery::Delivery;
use crate::domain::message::{Channel, Message, Subject};
use crate::domain::plain;

mod countries;
mod money;
mod templates;
mod words;

/// A token for a mail's link, and when it expires.
pub(crate) struct Token {
    pub(crate) token: String,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Renders the messages of one shop.
pub(crate) struct Renderer {
    templates: Environment<'static>,
    shop: Arc<Shop>,
    storefront: Url,
    from: String,
}

/// A message could not be rendered: a defect of a template or of its input.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(String);

#[derive(Serialize)]
struct OrderView<'a> {
    number: &'a str,
    lines: Vec<LineView<'a>>,
    pictures: bool,
    sums: Vec<SumView>,
    address: Vec<&'a str>,
    delivery: Option<String>,
}

#[derive(Serialize)]
struct LineView<'a> {
    title: &'a str,
    variant: Option<&'a str>,
    quantity: i32,
    total: String,
    image: Option<&'a str>,
}

#[derive(Serialize)]
struct SumView {
    label: String,
    value: String,
    strong: bool,
}

impl Renderer {
    /// Links lead to `storefront`, never to a request's host.
    pub(crate) fn new(shop: Arc<Shop>, storefront: Url, from: &Sender) -> Result<Self, Error> {
        let mut templates = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        templates.set_syntax(syntax.map_err(Error::from)?);
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|name| {
            if name.ends_with(".html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        templates.set_formatter(format);
        for (name, source) in templates::ALL {
            templates.add_template(name, source)?;
        }
        let from = from.header(&shop.name);
        Ok(Self {
            templates,
            shop,
            storefront,
            from,
        })
    }

    /// Renders a delivery's message. Mails with a link need its `token`.
    pub(crate) fn render(
        &self,
        delivery: &Delivery,
        token: Option<&Token>,
        now: Timestamp,
    ) -> Result<Message, Error> {
        let language = Language::choose(&delivery.locale, &self.shop.locales);
        let context = self.context(delivery, token, now, language)?;
        let name = |kind: &str| format!("{}/{}.{kind}", language.code(), delivery.template.as_str());
        let (from, subject, text, html) = match delivery.channel {
            Channel::Sms => (
                String::new(),
                Subject::default(),
                self.write(&name("sms"), &context)?.trim().to_owned(),
                String::new(),
            ),
            Channel::Email => {
                let text = self.write(&name("txt"), &context)?;
                let (subject, text) = text
                    .split_once("\n\n")
                    .ok_or_else(|| Error("no subject".to_owned()))?;
                let subject = Subject::new(subject).map_err(|error| Error(error.to_string()))?;
                let html = context! { subject => subject.as_str(), ..context };
                (
                    self.from.clone(),
                    subject,
                    text.to_owned(),
                    self.write(&name("html"), &html)?,
                )
            }
        };
        Ok(Message {
            id: delivery.message_id(),
            channel: delivery.channel,
            from,
            to: delivery.recipient.clone(),
            subject,
            text,
            html,
        })
    }

    fn context(
        &self,
        delivery: &Delivery,
        token: Option<&Token>,
        now: Timestamp,
        language: Language,
    ) -> Result<Value, Error> {
        let shared = context! {
            shop => plain::line(&self.shop.name),
            home => self.storefront.as_str().trim_end_matches('/'),
            lang => language.code(),
            t => Value::from(Serde(language.words())),
        };
        Ok(match &delivery.content {
            Content::Account(account) => {
                let greeting = context! { name => account.first_name.as_deref(), ..shared };
                match delivery.template.token_page() {
                    None => greeting,
                    Some(page) => {
                        let token = token.ok_or_else(|| Error("no token".to_owned()))?;
                        let link = self.link(page, &token.token)?;
                        // A token without an expiry is valid for a day.
                        let left = token
                            .expires_at
                            .map_or(std::time::Duration::from_secs(24 * 3600), |end| {
                                std::time::Duration::try_from(end.duration_since(now)).unwrap_or_default()
                            });
                        context! { link => link.as_str(), valid_for => language.duration(left), ..greeting }
                    }
                }
            }
            Content::Order(order) => context! {
                name => order.first_name.as_deref(),
                order => Value::from(Serde(view(order, language))),
                free => order.cost.total.minor_units == 0,
                amount => order.amount.as_ref().map(|amount| money::format(amount, language)),
                parcel => order.parcel.as_ref().map(|parcel| Value::from(Serde(parcel))),
                ..shared
            },
        })
    }

    fn link(&self, page: &str, token: &str) -> Result<Url, Error> {
        let mut link = self.storefront.clone();
        link.path_segments_mut()
            .map_err(|()| Error("the storefront has no path".to_owned()))?
            .pop_if_empty()
            .push(page);
        link.query_pairs_mut().clear().append_pair("token", token);
        Ok(link)
    }

    fn write(&self, name: &str, context: &Value) -> Result<String, Error> {
        Ok(self.templates.get_template(name)?.render(context)?)
    }
}

fn view(order: &OrderContent, language: Language) -> OrderView<'_> {
    let words = language.words();
    let cost = &order.cost;
    let mut sums = Vec::new();
    let mut sum = |label: String, value: String, strong: bool| sums.push(SumView { label, value, strong });
    let format = |amount: &Amount| money::format(amount, language);
    sum(words.subtotal.to_owned(), format(&cost.subtotal), false);
    if let Some(discount) = &cost.discount {
        // Shown as a deduction, whatever the sign in the order.
        let off = Amount {
            minor_units: discount.minor_units.saturating_abs().saturating_neg(),
            ..discount.clone()
        };
        sum(words.discount.to_owned(), format(&off), false);
    }
    sum(words.shipping.to_owned(), format(&cost.shipping), false);
    for tax in cost.taxes.iter().filter(|tax| !tax.included) {
        sum(language.tax(tax), format(&tax.amount), false);
    }
    sum(words.total.to_owned(), format(&cost.total), true);
    for tax in cost.taxes.iter().filter(|tax| tax.included) {
        sum(language.tax(tax), format(&tax.amount), false);
    }
    OrderView {
        number: &order.number,
        pictures: order.lines.iter().any(|line| line.image.is_some()),
        lines: order
            .lines
            .iter()
            .map(|line| LineView {
                title: &line.title,
                variant: line.variant.as_deref(),
                quantity: line.quantity,
                total: format(&line.total),
                image: line.image.as_deref(),
            })
            .collect(),
        sums,
        address: order
            .address
            .iter()
            .map(String::as_str)
            .chain(
                order
                    .country
                    .as_deref()
                    .map(|code| countries::name(code, language)),
            )
            .collect(),
        delivery: order
            .delivery
            .as_ref()
            .map(|way| language.delivery(&way.name, way.days)),
    }
}

/// Escapes HTML. The template engine's own escaping includes slashes, which makes links unreadable in the source.
fn format(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    let Some(text) = value
        .as_str()
        .filter(|_| matches!(state.auto_escape(), AutoEscape::Html) && !value.is_safe())
    else {
        return escape_formatter(out, state, value);
    };
    for piece in text.split_inclusive(['&', '<', '>', '"', '\'']) {
        let (plain, escaped) = match piece.as_bytes().last() {
            Some(b'&') => (&piece[..piece.len() - 1], "&amp;"),
            Some(b'<') => (&piece[..piece.len() - 1], "&lt;"),
            Some(b'>') => (&piece[..piece.len() - 1], "&gt;"),
            Some(b'"') => (&piece[..piece.len() - 1], "&quot;"),
            Some(b'\'') => (&piece[..piece.len() - 1], "&#39;"),
            _ => (piece, ""),
        };
        out.write_str(plain)?;
        out.write_str(escaped)?;
    }
    Ok(())
}

impl From<minijinja::Error> for Error {
    fn from(error: minijinja::Error) -> Self {
        // The kind and the place, not the values, which are the recipient's.
        Self(format!(
            "template {}, line {}: {}",
            error.name().unwrap_or("?"),
            error.line().unwrap_or(0),
            error.kind()
        ))
    }
}
