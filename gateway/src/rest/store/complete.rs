//! Completes a cart.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, http::HeaderName};
use comptoir_mesh::Error;
use comptoir_mesh::error::{ErrorReason, Reason as _, Violation};
use comptoir_proto::orders::v1 as pb;
use http::StatusCode;
use pb::complete_cart_response::Outcome;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::carts::view;
use crate::app::App;
use crate::backend::{Paths, argument_path, present, renamed, return_url};
use crate::json::Json;
use crate::problem::Problem;
use crate::request::Client;
use crate::rest::calls::CallResult as _;
use crate::rest::extract::{Id, IdempotencyKey};
use crate::rest::openapi::CartProblemSchema;
use crate::rest::schema::{self, PaymentId, PaymentToken, Price, ProviderName, ReturnUrl, Time};
use crate::rest::view::{Order, time};

const REPLAYED: [(HeaderName, &str); 1] = [(HeaderName::from_static("idempotent-replayed"), "true")];
const PATHS: Paths = &[
    ("provider", "payment.provider"),
    ("token", "payment.token"),
    ("return_url", "payment.returnUrl"),
    ("request_id", "idempotencyKey"),
];

/// The payment of a cart.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompleteInput {
    payment: PaymentInput,
    /// A decimal. If the total differs: PRICE_CHANGED.
    #[schema(value_type = Option<Price>)]
    expected_total: Option<String>,
}

/// The token that the provider gave the browser, never a card number.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PaymentInput {
    /// "sandbox" or "stripe".
    #[schema(value_type = ProviderName)]
    provider: String,
    #[schema(value_type = PaymentToken)]
    token: String,
    /// Where the buyer returns to after authentication by the bank.
    #[schema(value_type = Option<ReturnUrl>)]
    return_url: Option<String>,
}

/// The order that was placed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Placed {
    order: Order,
}

/// The buyer's bank requires authentication. Call again with the same key afterwards.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionRequired {
    order: Order,
    #[schema(value_type = PaymentId)]
    payment_id: String,
    redirect_url: String,
    client_secret: Option<String>,
    /// When the units are released and the order fails.
    #[schema(value_type = Time)]
    expires_at: String,
}

/// Places the order exactly once for a key, and at most one for a cart. A refusal contains the current `cart`.
#[utoipa::path(
    post,
    path = "/store/carts/{id}/complete",
    request_body = CompleteInput,
    params(("Idempotency-Key" = schema::IdempotencyKey, Header, description = "1 to 255 printable ASCII characters")),
    responses(
        (status = 201, description = "Placed", body = Placed),
        (status = 202, description = "The buyer's bank wants an action", body = ActionRequired),
        (
            status = 200,
            description = "Placed before with this key",
            body = Placed,
            headers(("Idempotent-Replayed" = String, description = "true"))
        ),
        (status = 400, body = CartProblemSchema, content_type = "application/problem+json"),
        (status = 402, body = CartProblemSchema, content_type = "application/problem+json"),
        (status = 409, body = CartProblemSchema, content_type = "application/problem+json"),
        (status = 422, body = CartProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn complete_cart(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    IdempotencyKey(request_id): IdempotencyKey,
    Id(cart_id): Id,
    Json(input): Json<CompleteInput>,
) -> Result<Response, Problem> {
    let CompleteInput {
        payment,
        expected_total,
    } = input;
    let return_url = payment
        .return_url
        .map(|url| return_url(&app.services.settings, &url))
        .transpose()
        .map_err(|error| renamed(error, PATHS))?;
    let request = pb::CompleteCartRequest {
        cart_id: cart_id.clone(),
        provider: payment.provider,
        token: payment.token,
        return_url,
        request_id,
        expected_total,
        client_address: Some(client.address.to_string()),
    };
    match app
        .services
        .carts
        .clone()
        .complete_cart(request)
        .await
        .or_problem_for(PATHS)
    {
        Ok(answer) => outcome(&app, present(answer.outcome)?).await,
        Err(problem) => Err(with_cart(&app, problem, cart_id).await),
    }
}

async fn outcome(app: &App, outcome: Outcome) -> Result<Response, Problem> {
    let placed = |order| {
        Json(Placed {
            order: Order::new(order, None),
        })
    };
    Ok(match outcome {
        Outcome::Placed(order) => (StatusCode::CREATED, placed(order)).into_response(),
        Outcome::AlreadyAccepted(order) => (REPLAYED, placed(order)).into_response(),
        Outcome::ActionRequired(action) => {
            let required = ActionRequired {
                order: Order::new(present(action.order)?, None),
                payment_id: action.payment_id,
                redirect_url: action.redirect_url,
                client_secret: action.client_secret,
                expires_at: time(action.expires_at),
            };
            (StatusCode::ACCEPTED, Json(required)).into_response()
        }
        Outcome::Failed(failure) => {
            let mut problem = Problem::from(refusal(&failure.refusals));
            if let Some(cart) = failure.cart {
                problem = problem.with("cart", json(&view(app, cart).await?)?);
            }
            if failure.replayed {
                (REPLAYED, problem).into_response()
            } else {
                problem.into_response()
            }
        }
    })
}

/// Converts a definite refusal to an error. The first reason decides about the status.
fn refusal(refusals: &[pb::Refusal]) -> Error {
    let reason = |refusal: &pb::Refusal| {
        ErrorReason::from_code(&refusal.code).unwrap_or(ErrorReason::ValidationFailed)
    };
    let Some(first) = refusals.first() else {
        return Error::new(ErrorReason::PaymentFailed, "The order was not placed.");
    };
    let fields = refusals
        .iter()
        .filter(|refusal| !refusal.field.is_empty())
        .map(|refusal| {
            let field = argument_path(&refusal.field.join("."), PATHS).join(".");
            Violation::new(field, reason(refusal), refusal.message.as_str())
        });
    let fields: Vec<Violation> = fields.collect();
    if first.field.is_empty() {
        Error::new(reason(first), first.message.as_str())
    } else {
        Error::violations(fields)
    }
}

/// Adds the current cart to a refusal that concerns it, if it can be read.
async fn with_cart(app: &App, problem: Problem, cart_id: String) -> Problem {
    if !matches!(problem.status().as_u16(), 400 | 402 | 409 | 422) {
        return problem;
    }
    let Ok(found) = app
        .services
        .carts
        .clone()
        .get_cart(pb::GetCartRequest { cart_id })
        .await
        .or_problem()
    else {
        return problem;
    };
    let Some(cart) = found.cart else { return problem };
    match view(app, cart).await.and_then(|cart| json(&cart)) {
        Ok(cart) => problem.with("cart", cart),
        Err(_) => problem,
    }
}

fn json(value: &impl Serialize) -> Result<serde_json::Value, Problem> {
    serde_json::to_value(value).map_err(|error| Error::internal(error).into())
}
