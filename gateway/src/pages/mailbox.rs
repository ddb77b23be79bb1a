//! `/mailbox`: the messages of the development mailbox, as a page or as JSON.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use comptoir_mesh::Error;
use comptoir_proto::notifier::v1::{ListMailboxRequest, MailboxMessage};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::html::{escape, exact_time, page, time};
use crate::app::App;
use crate::problem::Problem;
use crate::request::accepts_exactly;

/// Messages of one page.
const SHOWN: i32 = 200;

#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    to: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    id: String,
    channel: String,
    to: String,
    subject: String,
    text: String,
    html: String,
    created_at: String,
}

impl From<MailboxMessage> for Message {
    fn from(message: MailboxMessage) -> Self {
        Self {
            created_at: exact_time(message.created_at.as_ref()),
            id: message.id,
            channel: message.channel,
            to: message.to,
            subject: message.subject,
            text: message.text,
            html: message.html,
        }
    }
}

/// The messages, newest first: a page if the client accepts HTML, else JSON.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let request = ListMailboxRequest {
        to: filter.to.clone(),
        page_size: SHOWN,
        page_token: String::new(),
    };
    let answer = app.services.notifier.clone().list_mailbox(request).await;
    let messages = answer
        .map_err(|status| Error::from_status(&status))?
        .into_inner()
        .messages;
    if !accepts_exactly(&headers, "text/html") {
        let messages: Vec<Message> = messages.into_iter().map(Message::from).collect();
        return Ok(Json(messages).into_response());
    }
    let mut body = String::from(
        "<h1>Mailbox</h1><p class=\"lead\">What the shop sent, newest first. Nothing left this machine.</p>",
    );
    let _ = write!(
        body,
        "<form method=\"get\"><input type=\"search\" name=\"to\" value=\"{}\" placeholder=\"Recipient\" \
         aria-label=\"Recipient\"><button>Filter</button></form><p></p>",
        escape(&filter.to)
    );
    if messages.is_empty() {
        body.push_str("<p class=\"quiet\">No message.</p>");
    }
    for message in &messages {
        write_message(&mut body, message);
    }
    Ok(page("Mailbox", &body))
}

fn write_message(body: &mut String, message: &MailboxMessage) {
    let subject = if message.channel == "sms" {
        "Text message"
    } else {
        &message.subject
    };
    let _ = write!(
        body,
        "<article><header><h2>{}</h2><span class=\"quiet\">{}</span></header><span class=\"quiet\">to {}</span>",
        escape(subject),
        time(message.created_at.as_ref()),
        escape(&message.to)
    );
    if message.html.is_empty() {
        let _ = write!(body, "<pre>{}</pre>", escape(&message.text));
    } else {
        // The sandbox forbids the mail's scripts and forms, and allows links in a new window.
        let _ = write!(
            body,
            "<iframe title=\"The mail\" loading=\"lazy\" sandbox=\"allow-popups\" srcdoc=\"{}\"></iframe>\
             <details><summary>As text</summary><pre>{}</pre></details>",
            escape(&message.html),
            escape(&message.text)
        );
    }
    body.push_str("</article>");
}
