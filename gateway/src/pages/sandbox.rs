//! `/sandbox/payments`: the sandbox provider's journal, and the page where a buyer plays the bank.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::orders::v1::{
    GetSandboxPaymentRequest, ListSandboxPaymentsRequest, ResolveSandboxPaymentRequest, SandboxPayment,
};
use comptoir_proto::types::Money;
use comptoir_shop::money::{format_decimal, fraction_digits};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::html::{escape, exact_time, page, time};
use crate::app::App;
use crate::problem::Problem;
use crate::request::accepts_exactly;
use crate::rest::Id;

/// Payments of one page of the journal.
const PAGE: i32 = 1000;
/// The most payments that are shown.
const SHOWN: usize = 100_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(default)]
    order_id: String,
}

/// The journal, newest payment first: a page if the client accepts HTML, else JSON.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut payments = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListSandboxPaymentsRequest {
            order_id: filter.order_id.clone(),
            page_size: PAGE,
            page_token,
        };
        let answer = app.services.sandbox.clone().list_sandbox_payments(request).await;
        let answer = answer.map_err(|status| Error::from_status(&status))?.into_inner();
        payments.extend(answer.payments);
        page_token = answer.next_page_token;
        if page_token.is_empty() || payments.len() >= SHOWN {
            break;
        }
    }
    if !accepts_exactly(&headers, "text/html") {
        return Ok(Json(payments.iter().map(payment_json).collect::<Vec<_>>()).into_response());
    }
    let mut body =
        String::from("<h1>Sandbox payments</h1><p class=\"lead\">What the provider was asked, and did.</p>");
    for payment in payments.iter().take(100) {
        write_payment(&mut body, payment);
    }
    Ok(page("Sandbox payments", &body))
}

/// One payment: a page with two buttons while the bank waits for the buyer.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Id(payment_id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let answer = app
        .services
        .sandbox
        .clone()
        .get_sandbox_payment(GetSandboxPaymentRequest { payment_id })
        .await;
    let payment = answer
        .map_err(|status| Error::from_status(&status))?
        .into_inner()
        .payment
        .unwrap_or_default();
    if accepts_exactly(&headers, "application/json") {
        return Ok(Json(payment_json(&payment)).into_response());
    }
    let mut body = format!(
        "<h1>Your bank asks</h1><p class=\"lead\">A payment of {} to this shop. This bank is a sandbox: no money moves.</p>",
        escape(&amount(payment.amount.as_ref()))
    );
    write_payment(&mut body, &payment);
    if payment.status == "requires_action" {
        body.push_str(
            "<form method=\"post\"><button class=\"yes\" name=\"outcome\" value=\"approve\">Approve</button>\
             <button name=\"outcome\" value=\"decline\">Decline</button></form>",
        );
    }
    Ok(page("Your bank", &body))
}

#[derive(Deserialize)]
pub(super) struct Choice {
    outcome: String,
}

/// Records the buyer's choice, and redirects to the shop.
pub(super) async fn resolve(
    State(app): State<Arc<App>>,
    Id(payment_id): Id,
    Form(choice): Form<Choice>,
) -> Result<Response, Problem> {
    let approve = match choice.outcome.as_str() {
        "approve" => true,
        "decline" => false,
        _ => {
            let message = "The outcome is approve or decline.";
            return Err(Error::field("outcome", ErrorReason::ValidationFailed, message).into());
        }
    };
    let request = ResolveSandboxPaymentRequest {
        payment_id: payment_id.clone(),
        approve,
    };
    let answer = app
        .services
        .sandbox
        .clone()
        .resolve_sandbox_payment(request)
        .await;
    let payment = answer
        .map_err(|status| Error::from_status(&status))?
        .into_inner()
        .payment
        .unwrap_or_default();
    // Its origin was checked when the payment was created.
    let back = payment
        .return_url
        .unwrap_or_else(|| format!("/sandbox/payments/{}", payment.id));
    Ok(Redirect::to(&back).into_response())
}

fn write_payment(body: &mut String, payment: &SandboxPayment) {
    let _ = write!(
        body,
        "<article><header><h2>{}</h2><span class=\"quiet\">{}</span></header>\
         <span class=\"quiet\">{} · {} · captured {} · refunded {}</span>\
         <table><tr><th>When</th><th>Request</th><th>Outcome</th><th>Amount</th></tr>",
        escape(&amount(payment.amount.as_ref())),
        escape(&payment.status),
        escape(&payment.id),
        escape(&payment.order_id),
        escape(&amount(payment.captured.as_ref())),
        escape(&amount(payment.refunded.as_ref()))
    );
    for entry in &payment.entries {
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            time(entry.at.as_ref()),
            escape(&entry.operation),
            escape(&entry.outcome),
            escape(&amount(entry.amount.as_ref()))
        );
    }
    body.push_str("</table></article>");
}

fn amount(money: Option<&Money>) -> String {
    money.map_or_else(String::new, |money| {
        format!("{} {}", decimal(money), money.currency_code)
    })
}

fn decimal(money: &Money) -> String {
    format_decimal(
        money.minor_units,
        fraction_digits(&money.currency_code).unwrap_or(2),
    )
}

fn money_json(money: Option<&Money>) -> Value {
    money.map_or(Value::Null, |money| {
        json!({
            "amount": decimal(money),
            "currencyCode": money.currency_code,
            "fractionalAmount": money.minor_units,
            "fractionDigits": fraction_digits(&money.currency_code).unwrap_or(2),
        })
    })
}

fn payment_json(payment: &SandboxPayment) -> Value {
    let entries = payment.entries.iter().map(|entry| {
        json!({
            "at": exact_time(entry.at.as_ref()),
            "operation": entry.operation,
            "idempotencyKey": entry.idempotency_key,
            "outcome": entry.outcome,
            "amount": money_json(entry.amount.as_ref()),
        })
    });
    json!({
        "id": payment.id,
        "orderId": payment.order_id,
        "status": payment.status,
        "amount": money_json(payment.amount.as_ref()),
        "captured": money_json(payment.captured.as_ref()),
        "refunded": money_json(payment.refunded.as_ref()),
        "returnUrl": payment.return_url,
        "entries": entries.collect::<Vec<_>>(),
    })
}
