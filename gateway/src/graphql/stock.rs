//! The stock ledger, for STAFF and ADMIN.

use async_graphql::{Context, ID, Object, SimpleObject};
use comptoir_proto::catalog::v1 as pb;

use super::connection::connection;
use super::scalars::DateTime;
use super::user_errors::{check_idempotency_key, mutation_result, payload};
use super::variant::ProductVariant;
use crate::backend::{Failure, RequestData, Services, require_staff};

#[derive(SimpleObject, Clone)]
pub(super) struct StockMovement {
    id: ID,
    delta: i32,
    reason: String,
    actor: String,
    order_id: Option<ID>,
    created_at: DateTime,
}

impl From<pb::StockMovement> for StockMovement {
    fn from(movement: pb::StockMovement) -> Self {
        Self {
            id: ID(movement.id),
            delta: movement.delta,
            reason: movement.reason,
            actor: movement.actor,
            order_id: movement.order_id.map(ID),
            created_at: DateTime::of(movement.created_at),
        }
    }
}

connection!(StockMovementConnection, StockMovementEdge, StockMovement);
payload!(VariantPayload {
    variant: ProductVariant
});

#[derive(Default)]
pub(super) struct StockMutation;

#[Object]
impl StockMutation {
    async fn inventory_adjust(
        &self,
        ctx: &Context<'_>,
        variant_id: ID,
        delta: i32,
        reason: String,
        idempotency_key: String,
    ) -> Result<VariantPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        if let Err(refused) = check_idempotency_key(&idempotency_key) {
            return Ok(Err(refused).into());
        }
        let mut client = ctx.data_unchecked::<Services>().inventory.clone();
        let request = pb::AdjustStockRequest {
            variant_id: variant_id.0,
            delta,
            reason,
            request_id: idempotency_key,
        };
        let answer = client.adjust_stock(request).await;
        let result = mutation_result(answer, &[("request_id", "idempotencyKey")], |answer| {
            answer.variant
        })?;
        Ok(result.map(|variant| ProductVariant::new(data, variant)).into())
    }
}
