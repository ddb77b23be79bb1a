//! Mutations of orders.

use async_graphql::{Context, ID, InputObject, Object};
use comptoir_proto::orders::v1 as pb;

use super::order::{Order, OrderPayload};
use super::scalars::Decimal;
use super::user_errors::{check_idempotency_key, mutation_result};
use crate::backend::{Failure, Paths, RequestData, Services, require_staff};

const PATHS: Paths = &[("order_id", "id"), ("request_id", "idempotencyKey")];
const FULFILL_PATHS: Paths = &[
    ("order_id", "id"),
    ("request_id", "idempotencyKey"),
    ("", "input"),
];

#[derive(InputObject, Default)]
pub(super) struct FulfillmentInput {
    lines: Option<Vec<FulfillmentLineInput>>,
    tracking_number: Option<String>,
    carrier: Option<String>,
}

#[derive(InputObject)]
pub(super) struct FulfillmentLineInput {
    order_line_id: ID,
    quantity: i32,
}

#[derive(Default)]
pub(super) struct OrderMutation;

#[Object]
impl OrderMutation {
    /// For the owner, for a guest with accessToken, and for STAFF, until something was shipped. The payment is voided or
    /// refunded.
    async fn order_cancel(
        &self,
        ctx: &Context<'_>,
        id: ID,
        access_token: Option<String>,
        reason: Option<String>,
        idempotency_key: String,
    ) -> Result<OrderPayload, Failure> {
        if let Err(refused) = check_idempotency_key(&idempotency_key) {
            return Ok(Err(refused).into());
        }
        let mut client = ctx.data_unchecked::<Services>().orders.clone();
        let request = pb::CancelOrderRequest {
            order_id: id.0,
            access_token,
            reason,
            request_id: idempotency_key,
        };
        let result = mutation_result(client.cancel_order(request).await, PATHS, |answer| answer.order)?;
        Ok(result.map(|order| Order::new(ctx.data_unchecked(), order)).into())
    }

    async fn order_fulfill(
        &self,
        ctx: &Context<'_>,
        id: ID,
        input: Option<FulfillmentInput>,
        idempotency_key: String,
    ) -> Result<OrderPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        if let Err(refused) = check_idempotency_key(&idempotency_key) {
            return Ok(Err(refused).into());
        }
        let mut client = ctx.data_unchecked::<Services>().orders.clone();
        let input = input.unwrap_or_default();
        let line = |line: FulfillmentLineInput| pb::FulfilledLine {
            order_line_id: line.order_line_id.0,
            quantity: line.quantity,
        };
        let request = pb::FulfillOrderRequest {
            order_id: id.0,
            lines: input.lines.unwrap_or_default().into_iter().map(line).collect(),
            tracking_number: input.tracking_number,
            carrier: input.carrier,
            request_id: idempotency_key,
        };
        let result = mutation_result(client.fulfill_order(request).await, FULFILL_PATHS, |answer| {
            answer.order
        })?;
        Ok(result.map(|order| Order::new(data, order)).into())
    }

    async fn order_mark_delivered(
        &self,
        ctx: &Context<'_>,
        id: ID,
        fulfillment_id: ID,
    ) -> Result<OrderPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().orders.clone();
        let request = pb::MarkDeliveredRequest {
            order_id: id.0,
            fulfillment_id: fulfillment_id.0,
        };
        let result = mutation_result(client.mark_delivered(request).await, PATHS, |answer| answer.order)?;
        Ok(result.map(|order| Order::new(data, order)).into())
    }

    /// If amount is left out, the whole rest is refunded.
    async fn order_refund(
        &self,
        ctx: &Context<'_>,
        id: ID,
        amount: Option<Decimal>,
        reason: String,
        #[graphql(default_with = "Some(false)")] restock: Option<bool>,
        idempotency_key: String,
    ) -> Result<OrderPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        if let Err(refused) = check_idempotency_key(&idempotency_key) {
            return Ok(Err(refused).into());
        }
        let mut client = ctx.data_unchecked::<Services>().orders.clone();
        let request = pb::RefundOrderRequest {
            order_id: id.0,
            amount: amount.map(Decimal::into_string),
            reason,
            restock: restock.unwrap_or_default(),
            request_id: idempotency_key,
        };
        let result = mutation_result(client.refund_order(request).await, PATHS, |answer| answer.order)?;
        Ok(result.map(|order| Order::new(data, order)).into())
    }
}
