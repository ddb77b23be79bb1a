//! Which messages an event asks for, and their recipients.

use comptoir_events::{AUTH_TOPIC, ORDERS_TOPIC, Record};
use comptoir_proto::auth::v1::{AuthEvent, MailKind, MailRequested, auth_event};
use comptoir_proto::orders::v1::{Order, OrderEvent, order_event};
use jiff::Timestamp;
use prost::Message as _;

use crate::domain::content::{AccountContent, Content, OrderContent, amount, order_content, parcel};
use crate::domain::delivery::{Delivery, State, Template};
use crate::domain::message::{Channel, Recipient};
use crate::domain::plain;
use crate::domain::record::DeadReason;

/// The schema this build reads.
const SCHEMA_VERSION: u32 = 1;
/// The largest event, in bytes: larger than an order of a hundred lines with its history.
pub(crate) const MAX_PAYLOAD: usize = 1024 * 1024;

/// A decoded event.
pub(crate) enum Event {
    Auth(AuthEvent),
    Order(Box<OrderEvent>),
}

/// Why a record cannot be handled; never the event's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) reason: DeadReason,
    pub(crate) error: &'static str,
}

/// Decodes a record's event.
pub(crate) fn decode(record: &Record) -> Result<Event, Refused> {
    let undecodable = |error| Refused {
        reason: DeadReason::DecodeError,
        error,
    };
    if record.payload.len() > MAX_PAYLOAD {
        return Err(undecodable("the event is larger than 1 MiB"));
    }
    let broken = |_| undecodable("the bytes are no event of this topic");
    let (event, version, id, aggregate_id) = match record.topic {
        AUTH_TOPIC => {
            let event = AuthEvent::decode(record.payload.clone()).map_err(broken)?;
            let (version, id, aggregate_id) =
                (event.schema_version, event.id.clone(), event.aggregate_id.clone());
            (Event::Auth(event), version, id, aggregate_id)
        }
        ORDERS_TOPIC => {
            let event = OrderEvent::decode(record.payload.clone()).map_err(broken)?;
            let (version, id, aggregate_id) =
                (event.schema_version, event.id.clone(), event.aggregate_id.clone());
            (Event::Order(Box::new(event)), version, id, aggregate_id)
        }
        _ => return Err(undecodable("a topic this consumer does not read")),
    };
    if version > SCHEMA_VERSION {
        return Err(Refused {
            reason: DeadReason::UnsupportedVersion,
            error: "a schema later than this build's",
        });
    }
    if id != record.id || aggregate_id != record.key {
        return Err(undecodable("the event is not the one its record names"));
    }
    Ok(event)
}

/// The deliveries an event asks for: at most one per channel. `Err` says what is wrong with the event.
pub(crate) fn plan(event: &Event, now: Timestamp) -> Result<Vec<Delivery>, &'static str> {
    match event {
        Event::Auth(event) => match &event.payload {
            Some(auth_event::Payload::MailRequested(request)) => account_mail(event, request, now),
            Some(auth_event::Payload::MailWithheld(_)) => Ok(vec![]),
            // A kind of event that is newer than this build, without any effect here.
            None => Ok(vec![]),
        },
        Event::Order(event) => order_messages(event, now),
    }
}

fn account_mail(
    event: &AuthEvent,
    request: &MailRequested,
    now: Timestamp,
) -> Result<Vec<Delivery>, &'static str> {
    let template = match request.kind() {
        MailKind::Unspecified => return Err("a kind of mail this build does not know"),
        MailKind::ConfirmEmail => Template::EmailConfirm,
        MailKind::PasswordReset => Template::PasswordReset,
        MailKind::EmailChange => Template::EmailChange,
        MailKind::AlreadyRegistered => Template::AlreadyRegistered,
    };
    if template.token_page().is_some() && request.mail_id.is_empty() {
        return Err("the mail has no id");
    }
    let recipient = Recipient::email(&request.email).map_err(|_| "the recipient is no e-mail address")?;
    let content = Content::Account(AccountContent {
        mail_id: request.mail_id.clone(),
        first_name: plain::optional_line(request.first_name.as_deref()),
    });
    let source = Source {
        event_id: &event.id,
        aggregate_id: &event.aggregate_id,
        sequence: event.sequence,
        now,
    };
    Ok(vec![source.delivery(
        Channel::Email,
        template,
        recipient,
        &request.locale,
        content,
    )])
}

fn order_messages(event: &OrderEvent, now: Timestamp) -> Result<Vec<Delivery>, &'static str> {
    use order_event::Payload;
    let Some(payload) = &event.payload else {
        return Ok(vec![]);
    };
    let order = event.order.as_ref().ok_or("the event has no order")?;
    let (template, content) = match payload {
        Payload::Placed(_) => (Template::OrderPlaced, order_content(order)?),
        Payload::Paid(paid) => {
            let paid = paid
                .amount
                .as_ref()
                .map(amount)
                .ok_or("the payment has no amount")?;
            (
                Template::OrderPaid,
                OrderContent {
                    amount: Some(paid),
                    ..order_content(order)?
                },
            )
        }
        Payload::Shipped(shipped) => {
            let parcel = parcel(order, &shipped.fulfillment_id)?;
            (
                Template::OrderShipped,
                OrderContent {
                    parcel: Some(parcel),
                    ..order_content(order)?
                },
            )
        }
        // An order without a number was never placed, so its buyer gets no mail about its end.
        Payload::Canceled(_) if order.number.is_none() => return Ok(vec![]),
        Payload::Canceled(canceled) => {
            let refunded = canceled
                .refunded
                .as_ref()
                .filter(|money| money.minor_units > 0)
                .map(amount);
            (
                Template::OrderCanceled,
                OrderContent {
                    amount: refunded,
                    ..order_content(order)?
                },
            )
        }
        Payload::Refunded(refund) => {
            let refunded = refund
                .amount
                .as_ref()
                .map(amount)
                .ok_or("the refund has no amount")?;
            (
                Template::OrderRefunded,
                OrderContent {
                    amount: Some(refunded),
                    ..order_content(order)?
                },
            )
        }
        // Staff act on a refused capture; a failed order was never placed; the recipient knows of a parcel's arrival.
        Payload::CaptureRefused(_) | Payload::VoidRefused(_) | Payload::Failed(_) | Payload::Delivered(_) => {
            return Ok(vec![]);
        }
    };
    let recipient = Recipient::email(&order.email).map_err(|_| "the buyer's address is no e-mail address")?;
    let content = Content::Order(Box::new(content));
    let source = Source {
        event_id: &event.id,
        aggregate_id: &event.aggregate_id,
        sequence: event.sequence,
        now,
    };
    let mail = source.delivery(
        Channel::Email,
        template,
        recipient,
        &order.locale,
        content.clone(),
    );
    let mut deliveries = vec![Delivery {
        unconfirmed: !order.email_confirmed && by_buyer(payload),
        ..mail
    }];
    if template == Template::OrderShipped
        && let Some(phone) = phone(order)
    {
        deliveries.push(source.delivery(Channel::Sms, template, phone, &order.locale, content));
    }
    Ok(deliveries)
}

/// Whether a buyer alone can cause it: an attacker cannot flood a mailbox by what only staff do.
fn by_buyer(payload: &order_event::Payload) -> bool {
    use order_event::Payload;
    matches!(
        payload,
        Payload::Placed(_) | Payload::Paid(_) | Payload::Canceled(_)
    )
}

/// The number for text messages: the order's, or the delivery address's. Without a country code it is read as a number
/// in the country of delivery. An invalid number is ignored: the mail is sent.
fn phone(order: &Order) -> Option<Recipient> {
    let of_address = order
        .delivery_address
        .as_ref()
        .and_then(|address| address.phone.as_deref());
    let country = order
        .delivery_address
        .as_ref()
        .map(|address| address.country_code.as_str());
    [order.phone.as_deref(), of_address]
        .into_iter()
        .flatten()
        .find_map(|number| Recipient::phone(number, country).ok())
}

struct Source<'a> {
    event_id: &'a str,
    aggregate_id: &'a str,
    sequence: u64,
    now: Timestamp,
}

impl Source<'_> {
    fn delivery(
        &self,
        channel: Channel,
        template: Template,
        recipient: Recipient,
        locale: &str,
        content: Content,
    ) -> Delivery {
        Delivery {
            id: Delivery::derive_id(self.event_id, channel),
            version: 1,
            event_id: self.event_id.to_owned(),
            aggregate_id: self.aggregate_id.to_owned(),
            sequence: self.sequence,
            channel,
            template,
            recipient,
            locale: plain::line(locale),
            content,
            state: State::Pending { due: self.now },
            attempts: 0,
            round: 0,
            last_error: None,
            unconfirmed: false,
            created_at: self.now,
            sent_at: None,
        }
    }
}
