//! Orders of the customer, or of the holder of an access token.

use std::sync::Arc;

use axum::extract::State;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::orders::v1 as pb;
use pb::get_order_request::Key;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::backend::{Paths, present};
use crate::json::Json;
use crate::problem::Problem;
use crate::rest::calls::CallResult as _;
use crate::rest::extract::{Id, IdempotencyKey, OptionalJson, SignedIn};
use crate::rest::parameters::Parameters;
use crate::rest::schema::{self, OrderText};
use crate::rest::view::{Order, Page, cursor};

/// The path of an idempotency key.
pub(crate) const KEY: Paths = &[("request_id", "idempotencyKey")];

/// Why an order is canceled.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CancelInput {
    #[schema(value_type = Option<OrderText>)]
    pub(crate) reason: Option<String>,
}

/// Reads an order.
pub(crate) async fn read(app: &App, request: pb::GetOrderRequest) -> Result<pb::Order, Problem> {
    Ok(present(
        app.services
            .orders
            .clone()
            .get_order(request)
            .await
            .or_problem()?
            .order,
    )?)
}

/// `None` if it does not exist, or the caller may not see it.
pub(crate) fn if_found<T>(found: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(problem)
            if matches!(
                problem.error().reason(),
                ErrorReason::NotFound | ErrorReason::Forbidden
            ) =>
        {
            Ok(None)
        }
        Err(problem) => Err(problem),
    }
}

/// Refuses the access token of another order.
pub(crate) fn check_order_id(order: &pb::Order, order_id: &str) -> Result<(), Problem> {
    if order.id == order_id {
        return Ok(());
    }
    Err(Problem::new(
        ErrorReason::NotFound,
        "There is no such order, or it is not yours.",
    ))
}

/// The orders of the signed-in customer, newest first.
#[utoipa::path(
    get,
    path = "/store/orders",
    params(("limit" = Option<schema::PageSize>, Query), ("cursor" = Option<schema::Cursor>, Query)),
    security(("bearer" = [])),
    responses((status = 200, body = Page<Order>))
)]
pub(crate) async fn list_orders(
    State(app): State<Arc<App>>,
    SignedIn(_): SignedIn,
    mut parameters: Parameters,
) -> Result<Json<Page<Order>>, Problem> {
    let (page_size, page_token) = (parameters.limit(app.env.limit_list)?, parameters.cursor());
    parameters.finish()?;
    let request = pb::ListOrdersRequest {
        page_size,
        page_token,
        ..Default::default()
    };
    let found = app
        .services
        .orders
        .clone()
        .list_orders(request)
        .await
        .or_problem_for(&[("page_token", "cursor")])?;
    let items = found
        .orders
        .into_iter()
        .map(|order| Order::new(order, None))
        .collect();
    Ok(Json(Page {
        items,
        next_cursor: cursor(found.next_page_token),
        total_count: found.total_count,
    }))
}

/// An order of the customer, or of the holder of its access token.
#[utoipa::path(
    get,
    path = "/store/orders/{id}",
    params(("accessToken" = Option<schema::AccessToken>, Query, description = "A guest's right to the order")),
    responses((status = 200, body = Order))
)]
pub(crate) async fn get_order(
    State(app): State<Arc<App>>,
    Id(order_id): Id,
    mut parameters: Parameters,
) -> Result<Json<Order>, Problem> {
    let access_token = parameters.text("accessToken");
    parameters.finish()?;
    let key = access_token.map_or_else(|| Key::OrderId(order_id.clone()), Key::AccessToken);
    let order = read(
        &app,
        pb::GetOrderRequest {
            key: Some(key),
            cart_id: None,
        },
    )
    .await?;
    check_order_id(&order, &order_id)?;
    Ok(Json(Order::new(order, None)))
}

/// Cancels an order of which nothing was shipped. The payment is voided or refunded.
#[utoipa::path(
    post,
    path = "/store/orders/{id}/cancel",
    request_body = Option<CancelInput>,
    params(
        ("Idempotency-Key" = schema::IdempotencyKey, Header),
        ("accessToken" = Option<schema::AccessToken>, Query, description = "A guest's right to the order"),
    ),
    responses((status = 200, body = Order), (status = 402), (status = 409), (status = 422))
)]
pub(crate) async fn cancel_order(
    State(app): State<Arc<App>>,
    IdempotencyKey(request_id): IdempotencyKey,
    Id(order_id): Id,
    mut parameters: Parameters,
    OptionalJson(input): OptionalJson<CancelInput>,
) -> Result<Json<Order>, Problem> {
    let access_token = parameters.text("accessToken");
    parameters.finish()?;
    let request = pb::CancelOrderRequest {
        order_id,
        access_token,
        reason: input.reason,
        request_id,
    };
    let canceled = app
        .services
        .orders
        .clone()
        .cancel_order(request)
        .await
        .or_problem_for(KEY)?;
    Ok(Json(Order::new(present(canceled.order)?, None)))
}
