//! Stock.

use std::sync::Arc;

use axum::extract::State;
use comptoir_proto::catalog::v1 as pb;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::backend::present;
use crate::json::Json;
use crate::problem::Problem;
use crate::rest::calls::CallResult as _;
use crate::rest::extract::{Id, IdempotencyKey, Staff};
use crate::rest::schema::{self, Delta, StockReason};
use crate::rest::store::orders::KEY;
use crate::rest::view::ProductVariant;

/// A change of the units on hand.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AdjustInput {
    /// Not 0.
    #[schema(value_type = Delta)]
    delta: i32,
    #[schema(value_type = StockReason)]
    reason: String,
}

/// Adds or removes units on hand. What is reserved cannot be removed.
#[utoipa::path(
    post,
    path = "/admin/inventory/{variantId}/adjust",
    request_body = AdjustInput,
    params(("Idempotency-Key" = schema::IdempotencyKey, Header)),
    responses((status = 200, body = ProductVariant), (status = 409), (status = 422))
)]
pub(crate) async fn adjust_stock(
    State(app): State<Arc<App>>,
    Staff: Staff,
    IdempotencyKey(request_id): IdempotencyKey,
    Id(variant_id): Id,
    Json(AdjustInput { delta, reason }): Json<AdjustInput>,
) -> Result<Json<ProductVariant>, Problem> {
    let request = pb::AdjustStockRequest {
        variant_id,
        delta,
        reason,
        request_id,
    };
    let adjusted = app
        .services
        .inventory
        .clone()
        .adjust_stock(request)
        .await
        .or_problem_for(KEY)?;
    Ok(Json(present(adjusted.variant)?.into()))
}
