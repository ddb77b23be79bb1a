//! `SandboxService`: what the built-in provider was asked and did, and the buyer at its bank.

use std::sync::Arc;

use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::orders::v1::{
    GetSandboxPaymentRequest, GetSandboxPaymentResponse, ListSandboxPaymentsRequest,
    ListSandboxPaymentsResponse, ResolveSandboxPaymentRequest, ResolveSandboxPaymentResponse, SandboxEntry,
    SandboxPayment, sandbox_service_server::SandboxService,
};
use tonic::{Request, Response, Status};

use crate::{
    convert::{to_money, to_timestamp},
    domain::order::Order,
    engine::Engine,
    payment::{
        Sandbox,
        sandbox::{Entry, Payment},
    },
};

/// Payments a page has unless asked otherwise, and at most.
const PAGE: usize = 100;
const MOST: usize = 1_000;

/// The sandbox, for tests and the page that plays the bank.
pub(crate) struct SandboxHandler {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) engine: Engine,
}

fn not_found() -> Error {
    Error::new(ErrorReason::NotFound, "There is no such payment.")
}

#[tonic::async_trait]
impl SandboxService for SandboxHandler {
    async fn list_sandbox_payments(
        &self,
        request: Request<ListSandboxPaymentsRequest>,
    ) -> Result<Response<ListSandboxPaymentsResponse>, Status> {
        let ListSandboxPaymentsRequest {
            order_id,
            page_size,
            page_token,
        } = request.into_inner();
        if !order_id.is_empty() {
            let payments = self
                .sandbox
                .payment_of(&order_id)
                .await
                .iter()
                .map(to_proto)
                .collect();
            return Ok(Response::new(ListSandboxPaymentsResponse {
                payments,
                next_page_token: String::new(),
            }));
        }
        let limit = match usize::try_from(page_size) {
            Ok(0) => PAGE,
            Ok(size) if size <= MOST => size,
            _ => {
                let message = "A page has 1 to 1000 payments.";
                return Err(Error::field("page_size", ErrorReason::LimitOutOfRange, message).into());
            }
        };
        let skip: usize = match page_token.as_str() {
            "" => 0,
            token => token.parse().map_err(|_| {
                Error::field(
                    "page_token",
                    ErrorReason::ValidationFailed,
                    "This cursor was never given out.",
                )
            })?,
        };
        let payments = self.sandbox.list(skip, limit).await;
        let next_page_token = if payments.len() == limit {
            (skip + limit).to_string()
        } else {
            String::new()
        };
        let payments = payments.iter().map(to_proto).collect();
        Ok(Response::new(ListSandboxPaymentsResponse {
            payments,
            next_page_token,
        }))
    }

    async fn get_sandbox_payment(
        &self,
        request: Request<GetSandboxPaymentRequest>,
    ) -> Result<Response<GetSandboxPaymentResponse>, Status> {
        let payment = self
            .sandbox
            .get(&request.into_inner().payment_id)
            .await
            .ok_or_else(not_found)?;
        Ok(Response::new(GetSandboxPaymentResponse {
            payment: Some(to_proto(&payment)),
        }))
    }

    async fn resolve_sandbox_payment(
        &self,
        request: Request<ResolveSandboxPaymentRequest>,
    ) -> Result<Response<ResolveSandboxPaymentResponse>, Status> {
        let ResolveSandboxPaymentRequest { payment_id, approve } = request.into_inner();
        let payment = self.sandbox.resolve(&payment_id, approve).await?;
        // The order goes on from here, as after a provider's webhook: also where a drive runs that looked before the buyer acted.
        // Should it not get far, the sweeper takes it on.
        let acted = |order: &Order| !order.awaits_action();
        let _ = self.engine.settle(&payment.order_id, acted).await;
        let payment = self.sandbox.get(&payment_id).await.unwrap_or(payment);
        Ok(Response::new(ResolveSandboxPaymentResponse {
            payment: Some(to_proto(&payment)),
        }))
    }
}

fn to_proto(payment: &Payment) -> SandboxPayment {
    let currency = payment.currency.as_str();
    SandboxPayment {
        id: payment.id.clone(),
        order_id: payment.order_id.clone(),
        status: payment.status.name().to_owned(),
        amount: to_money(payment.amount, currency),
        captured: to_money(payment.captured, currency),
        refunded: to_money(payment.refunded, currency),
        return_url: payment.return_url.clone(),
        entries: payment.entries.iter().map(entry_to_proto).collect(),
    }
}

fn entry_to_proto(entry: &Entry) -> SandboxEntry {
    SandboxEntry {
        at: Some(to_timestamp(entry.at)),
        operation: entry.operation.clone(),
        idempotency_key: entry.key.clone(),
        outcome: entry.outcome.clone(),
        amount: to_money(entry.amount, &entry.currency),
    }
}
