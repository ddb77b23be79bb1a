//! Orders, for staff.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::State;
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::auth::v1 as auth;
use comptoir_proto::orders::v1 as pb;
use pb::get_order_request::Key;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::backend::present;
use crate::json::Json;
use crate::problem::Problem;
use crate::rest::calls::CallResult as _;
use crate::rest::extract::{Id, IdempotencyKey, OptionalJson, Staff};
use crate::rest::parameters::Parameters;
use crate::rest::quantity::Quantity;
use crate::rest::schema::{self, Amount, FulfillmentId, OrderText, OrderTextNeeded, Text, UnitsShipped};
use crate::rest::store::orders::{CancelInput, KEY, read};
use crate::rest::view::{FulfillmentStatus, Order, OrderState, Page, PaymentStatus, cursor};

/// What is shipped. Without `lines`, everything that is not shipped yet.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FulfillmentInput {
    #[serde(default)]
    lines: Vec<FulfillmentLineInput>,
    #[schema(value_type = Option<OrderText>)]
    tracking_number: Option<String>,
    #[schema(value_type = Option<OrderText>)]
    carrier: Option<String>,
}

/// Units of an order line.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FulfillmentLineInput {
    #[schema(value_type = Text)]
    order_line_id: String,
    #[serde(default)]
    #[schema(value_type = UnitsShipped, required = true)]
    quantity: Quantity,
}

/// The parcel that arrived.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeliverInput {
    #[schema(value_type = FulfillmentId)]
    fulfillment_id: String,
}

/// A refund.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RefundInput {
    /// A decimal. If left out, the whole rest is refunded.
    #[schema(value_type = Option<Amount>)]
    amount: Option<String>,
    #[schema(value_type = OrderTextNeeded)]
    reason: String,
    /// Returns the units to stock.
    #[serde(default)]
    restock: bool,
}

/// Adds the customers of orders.
async fn view(app: &App, orders: Vec<pb::Order>) -> Result<Vec<Order>, Problem> {
    let ids: BTreeSet<String> = orders
        .iter()
        .filter_map(|order| order.customer_id.clone())
        .collect();
    let mut users: HashMap<String, auth::User> = HashMap::new();
    if !ids.is_empty() {
        let request = auth::ListUsersRequest {
            user_ids: ids.into_iter().collect(),
            ..Default::default()
        };
        let found = app.services.auth.clone().list_users(request).await.or_problem()?;
        users.extend(found.users.into_iter().map(|user| (user.id.clone(), user)));
    }
    let show = |order: pb::Order| {
        let customer = order.customer_id.as_ref().and_then(|id| users.get(id)).cloned();
        Order::new(order, customer.map(Into::into))
    };
    Ok(orders.into_iter().map(show).collect())
}

async fn answer(app: &App, order: Option<pb::Order>) -> Result<Json<Order>, Problem> {
    Ok(Json(present(view(app, vec![present(order)?]).await?.pop())?))
}

/// All orders, newest first. Without a state, only those that were PLACED at some time.
#[utoipa::path(
    get,
    path = "/admin/orders",
    params(
        ("state" = Option<OrderState>, Query),
        ("paymentStatus" = Option<PaymentStatus>, Query),
        ("fulfillmentStatus" = Option<FulfillmentStatus>, Query),
        ("placedFrom" = Option<schema::Time>, Query, description = "RFC 3339"),
        ("placedTo" = Option<schema::Time>, Query, description = "RFC 3339"),
        ("customerId" = Option<schema::UserId>, Query),
        ("query" = Option<schema::OrderQuery>, Query, description = "Part of number, e-mail or name"),
        ("limit" = Option<schema::PageSize>, Query),
        ("cursor" = Option<schema::Cursor>, Query),
    ),
    responses((status = 200, body = Page<Order>), (status = 422))
)]
pub(crate) async fn list_all_orders(
    State(app): State<Arc<App>>,
    Staff: Staff,
    mut parameters: Parameters,
) -> Result<Json<Page<Order>>, Problem> {
    let filter = Some(filter(&mut parameters)?);
    let (page_size, page_token) = (parameters.limit(app.env.limit_list)?, parameters.cursor());
    parameters.finish()?;
    let request = pb::ListOrdersRequest {
        page_size,
        page_token,
        all: true,
        filter,
    };
    let paths = &[("filter", ""), ("page_token", "cursor")];
    let found = app
        .services
        .orders
        .clone()
        .list_orders(request)
        .await
        .or_problem_for(paths)?;
    let items = view(&app, found.orders).await?;
    Ok(Json(Page {
        items,
        next_cursor: cursor(found.next_page_token),
        total_count: found.total_count,
    }))
}

fn filter(parameters: &mut Parameters) -> Result<pb::OrderFilter, Problem> {
    let otherwise = ErrorReason::ValidationFailed;
    let state = parameters.name::<OrderState>("state", otherwise)?;
    let payment = parameters.name::<PaymentStatus>("paymentStatus", otherwise)?;
    let fulfillment = parameters.name::<FulfillmentStatus>("fulfillmentStatus", otherwise)?;
    Ok(pb::OrderFilter {
        state: state.map_or(0, |state| pb::OrderState::from(state).into()),
        payment_status: payment.map_or(0, |status| pb::PaymentStatus::from(status).into()),
        fulfillment_status: fulfillment.map_or(0, |status| pb::FulfillmentStatus::from(status).into()),
        placed_from: parameters.time("placedFrom")?,
        placed_to: parameters.time("placedTo")?,
        customer_id: parameters.text("customerId").unwrap_or_default(),
        query: parameters.text("query").unwrap_or_default(),
    })
}

/// Any order.
#[utoipa::path(get, path = "/admin/orders/{id}", responses((status = 200, body = Order)))]
pub(crate) async fn get_any_order(
    State(app): State<Arc<App>>,
    Staff: Staff,
    Id(order_id): Id,
) -> Result<Json<Order>, Problem> {
    let request = pb::GetOrderRequest {
        key: Some(Key::OrderId(order_id)),
        cart_id: None,
    };
    let order = read(&app, request).await?;
    answer(&app, Some(order)).await
}

/// Ships units of a CONFIRMED order.
#[utoipa::path(
    post,
    path = "/admin/orders/{id}/fulfill",
    request_body = Option<FulfillmentInput>,
    params(("Idempotency-Key" = schema::IdempotencyKey, Header)),
    responses((status = 200, body = Order), (status = 409), (status = 422))
)]
pub(crate) async fn fulfill_order(
    State(app): State<Arc<App>>,
    Staff: Staff,
    IdempotencyKey(request_id): IdempotencyKey,
    Id(order_id): Id,
    OptionalJson(input): OptionalJson<FulfillmentInput>,
) -> Result<Json<Order>, Problem> {
    let line = |(n, line): (usize, FulfillmentLineInput)| {
        let quantity = line.quantity.read(&format!("lines.{n}.quantity"))?;
        Ok(pb::FulfilledLine {
            order_line_id: line.order_line_id,
            quantity,
        })
    };
    let lines = input
        .lines
        .into_iter()
        .enumerate()
        .map(line)
        .collect::<Result<_, Error>>()?;
    let FulfillmentInput {
        tracking_number,
        carrier,
        ..
    } = FulfillmentInput {
        lines: Vec::new(),
        ..input
    };
    let request = pb::FulfillOrderRequest {
        order_id,
        lines,
        tracking_number,
        carrier,
        request_id,
    };
    let fulfilled = app
        .services
        .orders
        .clone()
        .fulfill_order(request)
        .await
        .or_problem_for(KEY)?;
    answer(&app, fulfilled.order).await
}

/// Marks a parcel as delivered. When all are, the order is COMPLETED.
#[utoipa::path(
    post,
    path = "/admin/orders/{id}/deliver",
    request_body = DeliverInput,
    responses((status = 200, body = Order), (status = 409))
)]
pub(crate) async fn deliver_order(
    State(app): State<Arc<App>>,
    Staff: Staff,
    Id(order_id): Id,
    Json(DeliverInput { fulfillment_id }): Json<DeliverInput>,
) -> Result<Json<Order>, Problem> {
    let request = pb::MarkDeliveredRequest {
        order_id,
        fulfillment_id,
    };
    let delivered = app
        .services
        .orders
        .clone()
        .mark_delivered(request)
        .await
        .or_problem()?;
    answer(&app, delivered.order).await
}

/// Refunds money.
#[utoipa::path(
    post,
    path = "/admin/orders/{id}/refund",
    request_body = RefundInput,
    params(("Idempotency-Key" = schema::IdempotencyKey, Header)),
    responses((status = 200, body = Order), (status = 402), (status = 409), (status = 422))
)]
pub(crate) async fn refund_order(
    State(app): State<Arc<App>>,
    Staff: Staff,
    IdempotencyKey(request_id): IdempotencyKey,
    Id(order_id): Id,
    Json(RefundInput {
        amount,
        reason,
        restock,
    }): Json<RefundInput>,
) -> Result<Json<Order>, Problem> {
    let request = pb::RefundOrderRequest {
        order_id,
        amount,
        reason,
        restock,
        request_id,
    };
    let refunded = app
        .services
        .orders
        .clone()
        .refund_order(request)
        .await
        .or_problem_for(KEY)?;
    answer(&app, refunded.order).await
}

/// Cancels an order of which nothing was shipped. The payment is voided or refunded.
#[utoipa::path(
    post,
    path = "/admin/orders/{id}/cancel",
    request_body = Option<CancelInput>,
    params(("Idempotency-Key" = schema::IdempotencyKey, Header)),
    responses((status = 200, body = Order), (status = 402), (status = 409), (status = 422))
)]
pub(crate) async fn cancel_any_order(
    State(app): State<Arc<App>>,
    Staff: Staff,
    IdempotencyKey(request_id): IdempotencyKey,
    Id(order_id): Id,
    OptionalJson(input): OptionalJson<CancelInput>,
) -> Result<Json<Order>, Problem> {
    let request = pb::CancelOrderRequest {
        order_id,
        access_token: None,
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
    answer(&app, canceled.order).await
}
