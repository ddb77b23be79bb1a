//! Calls of the tests about orders, short.

use std::time::{Duration, Instant};

use comptoir_mesh::{Channel, error::Error, testing::PATIENCE};
use comptoir_proto::orders::v1::{
    ActionRequired, CancelOrderRequest, Cart, CompleteCartFailure, CompleteCartRequest, FulfillOrderRequest,
    GetOrderRequest, ListSandboxPaymentsRequest, MarkDeliveredRequest, Order, OrderState, RefundOrderRequest,
    ResolveSandboxPaymentRequest, SandboxPayment, complete_cart_response::Outcome, get_order_request,
    order_service_client::OrderServiceClient, sandbox_service_client::SandboxServiceClient,
};

use super::{Setup, outcome};

/// What is asked of CompleteCart.
pub(crate) fn request(cart: &Cart, key: &str, token: &str) -> CompleteCartRequest {
    CompleteCartRequest {
        cart_id: cart.id.clone(),
        provider: "sandbox".to_owned(),
        token: token.to_owned(),
        request_id: key.to_owned(),
        client_address: Some("192.0.2.1".to_owned()),
        ..CompleteCartRequest::default()
    }
}

impl Setup {
    pub(crate) fn orders(&self) -> OrderServiceClient<Channel> {
        OrderServiceClient::new(self.channel())
    }

    pub(crate) fn sandbox(&self) -> SandboxServiceClient<Channel> {
        SandboxServiceClient::new(self.channel())
    }

    pub(crate) async fn try_complete(&self, request: CompleteCartRequest) -> Result<Outcome, Error> {
        let answer = outcome(self.carts.clone().complete_cart(request).await)?;
        Ok(answer.outcome.unwrap())
    }

    pub(crate) async fn complete(&self, cart: &Cart, key: &str, token: &str) -> Outcome {
        self.try_complete(request(cart, key, token)).await.unwrap()
    }

    /// An order that was placed by this call.
    pub(crate) async fn place(&self, cart: &Cart, key: &str) -> Order {
        placed(self.complete(cart, key, "tok_visa").await)
    }

    /// A guest's order of these lines, captured.
    pub(crate) async fn paid(&self, lines: &[(&str, i32)]) -> Order {
        let cart = self.ready_cart(lines).await;
        let order = self.place(&cart, "key").await;
        let paid = self.reaches(&order, OrderState::Confirmed).await;
        Order {
            access_token: order.access_token,
            ..paid
        }
    }

    /// The order as staff see it.
    pub(crate) async fn order(&self, id: &str) -> Order {
        let request = GetOrderRequest {
            key: Some(get_order_request::Key::OrderId(id.to_owned())),
            cart_id: None,
        };
        let mut orders = self.orders();
        self.as_staff(orders.get_order(request))
            .await
            .unwrap()
            .into_inner()
            .order
            .unwrap()
    }

    /// Waits until the order is in this state.
    pub(crate) async fn reaches(&self, order: &Order, state: OrderState) -> Order {
        let begun = Instant::now();
        loop {
            let order = self.order(&order.id).await;
            if order.state() == state {
                return order;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{} does not become {state:?}",
                order.id
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The same, while the clock goes on.
    pub(crate) async fn reaches_in_time(&self, order: &Order, state: OrderState) -> Order {
        let ticks = async {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                self.test.clock.advance(Duration::from_secs(1));
            }
        };
        tokio::select! {
            order = self.reaches(order, state) => order,
            () = ticks => unreachable!("time has no end"),
        }
    }

    pub(crate) async fn cancel(&self, order: &Order, key: &str) -> Result<Order, Error> {
        let request = CancelOrderRequest {
            order_id: order.id.clone(),
            access_token: order.access_token.clone(),
            reason: Some("changed my mind".to_owned()),
            request_id: key.to_owned(),
        };
        outcome(self.orders().cancel_order(request).await).map(|answer| answer.order.unwrap())
    }

    pub(crate) async fn refund(
        &self,
        order: &Order,
        amount: Option<&str>,
        key: &str,
    ) -> Result<Order, Error> {
        self.refund_with(RefundOrderRequest {
            order_id: order.id.clone(),
            amount: amount.map(str::to_owned),
            reason: "late".to_owned(),
            restock: false,
            request_id: key.to_owned(),
        })
        .await
    }

    pub(crate) async fn refund_with(&self, request: RefundOrderRequest) -> Result<Order, Error> {
        let mut orders = self.orders();
        outcome(self.as_staff(orders.refund_order(request)).await).map(|answer| answer.order.unwrap())
    }

    pub(crate) async fn fulfill(&self, request: FulfillOrderRequest) -> Result<Order, Error> {
        let mut orders = self.orders();
        outcome(self.as_staff(orders.fulfill_order(request)).await).map(|answer| answer.order.unwrap())
    }

    pub(crate) async fn deliver(&self, order: &Order, fulfillment_id: &str) -> Result<Order, Error> {
        let request = MarkDeliveredRequest {
            order_id: order.id.clone(),
            fulfillment_id: fulfillment_id.to_owned(),
        };
        let mut orders = self.orders();
        outcome(self.as_staff(orders.mark_delivered(request)).await).map(|answer| answer.order.unwrap())
    }

    /// Every payment at the sandbox.
    pub(crate) async fn payments(&self) -> Vec<SandboxPayment> {
        let request = ListSandboxPaymentsRequest {
            page_size: 1_000,
            ..ListSandboxPaymentsRequest::default()
        };
        self.sandbox()
            .list_sandbox_payments(request)
            .await
            .unwrap()
            .into_inner()
            .payments
    }

    /// The buyer at the bank.
    pub(crate) async fn resolve(&self, payment_id: &str, approve: bool) -> Result<SandboxPayment, Error> {
        let request = ResolveSandboxPaymentRequest {
            payment_id: payment_id.to_owned(),
            approve,
        };
        outcome(self.sandbox().resolve_sandbox_payment(request).await).map(|answer| answer.payment.unwrap())
    }
}

pub(crate) fn placed(outcome: Outcome) -> Order {
    match outcome {
        Outcome::Placed(order) => order,
        other => panic!("not placed by this call: {other:?}"),
    }
}

pub(crate) fn accepted(outcome: Outcome) -> Order {
    match outcome {
        Outcome::AlreadyAccepted(order) => order,
        other => panic!("not accepted before: {other:?}"),
    }
}

pub(crate) fn action(outcome: Outcome) -> ActionRequired {
    match outcome {
        Outcome::ActionRequired(action) => action,
        other => panic!("no action is wanted: {other:?}"),
    }
}

pub(crate) fn refused(outcome: Outcome) -> CompleteCartFailure {
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("not refused: {other:?}"),
    }
}

/// The codes of the refusals.
pub(crate) fn codes(failure: &CompleteCartFailure) -> Vec<&str> {
    failure
        .refusals
        .iter()
        .map(|refusal| refusal.code.as_str())
        .collect()
}

/// Whole units of what the shop got less what went back.
pub(crate) fn kept(payments: &[SandboxPayment]) -> i64 {
    let units =
        |money: &Option<comptoir_proto::types::Money>| money.as_ref().map_or(0, |money| money.minor_units);
    payments
        .iter()
        .map(|payment| units(&payment.captured) - units(&payment.refunded))
        .sum()
}
