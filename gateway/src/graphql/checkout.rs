//! Completing a cart.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};
use comptoir_proto::orders::v1 as pb;
use pb::complete_cart_response::Outcome;

use super::cart::Cart;
use super::order::Order;
use super::scalars::{DateTime, Decimal};
use super::user_errors::{UserError, as_user_errors, check_idempotency_key};
use crate::backend::{Failure, Paths, RequestData, Services, camel_case, present, return_url};

const PATHS: Paths = &[
    ("request_id", "idempotencyKey"),
    ("provider", "payment.provider"),
    ("token", "payment.token"),
    ("return_url", "payment.returnUrl"),
];

/// provider is "sandbox" or "stripe". token is what the provider gave the browser, never a card number. returnUrl is where
/// the buyer returns to after authentication by the bank. Its origin must be one of COMPTOIR_CORS_ORIGINS, otherwise
/// URL_NOT_ALLOWED.
#[derive(InputObject)]
pub(super) struct PaymentInput {
    provider: String,
    token: String,
    return_url: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CartCompleteSuccess {
    order: Order,
}

/// The same idempotency key already placed this order. Nothing was done again.
#[derive(SimpleObject)]
pub(super) struct CartCompleteAlreadyAccepted {
    order: Order,
}

/// Send the buyer to redirectUrl, or pass clientSecret to the provider's script. Then call cartComplete again with the same
/// key and input: it succeeds, fails, or returns this again. If the buyer never returns, the provider's webhook completes
/// the order. At expiresAt the stock is released and the order is FAILED.
#[derive(SimpleObject)]
pub(super) struct CartCompleteActionRequired {
    order: Order,
    payment_id: ID,
    redirect_url: String,
    client_secret: Option<String>,
    expires_at: DateTime,
}

pub(super) struct CartCompleteFailed {
    user_errors: Vec<UserError>,
    cart: Option<Arc<pb::Cart>>,
    cart_id: String,
}

/// cart is the current cart, so that a new price or a missing unit can be shown. The key is used up: the next attempt needs
/// a new one.
#[Object]
impl CartCompleteFailed {
    async fn user_errors(&self) -> &[UserError] {
        &self.user_errors
    }

    async fn cart(&self, ctx: &Context<'_>) -> Result<Option<Cart>, Failure> {
        match &self.cart {
            Some(cart) => Ok(Some(Cart::new(ctx.data_unchecked(), cart.clone()))),
            None => Cart::read(ctx, self.cart_id.clone()).await,
        }
    }
}

#[derive(Union)]
pub(super) enum CartCompleteResult {
    Success(CartCompleteSuccess),
    AlreadyAccepted(CartCompleteAlreadyAccepted),
    ActionRequired(CartCompleteActionRequired),
    Failed(CartCompleteFailed),
}

#[derive(Default)]
pub(super) struct CheckoutMutation;

#[Object]
impl CheckoutMutation {
    /// Places the order exactly once for an idempotencyKey, and at most one order for a cart. expectedTotal, if given, must
    /// equal the total, otherwise PRICE_CHANGED. Without an e-mail address, delivery address or delivery option:
    /// VALIDATION_FAILED with the field.
    async fn cart_complete(
        &self,
        ctx: &Context<'_>,
        cart_id: ID,
        payment: PaymentInput,
        idempotency_key: String,
        expected_total: Option<Decimal>,
    ) -> Result<CartCompleteResult, Failure> {
        let services = ctx.data_unchecked::<Services>();
        let data = ctx.data_unchecked::<RequestData>();
        let failed = |user_errors| {
            let cart_id = cart_id.0.clone();
            Ok(CartCompleteResult::Failed(CartCompleteFailed {
                user_errors,
                cart: None,
                cart_id,
            }))
        };
        if let Err(user_errors) = check_idempotency_key(&idempotency_key) {
            return failed(user_errors);
        }
        let return_url = match payment.return_url.map(|url| return_url(&services.settings, &url)) {
            Some(Err(error)) => return failed(as_user_errors(error.into(), PATHS)?),
            Some(Ok(url)) => Some(url),
            None => None,
        };
        let request = pb::CompleteCartRequest {
            cart_id: cart_id.0.clone(),
            provider: payment.provider,
            token: payment.token,
            return_url,
            request_id: idempotency_key,
            expected_total: expected_total.map(Decimal::into_string),
            client_address: Some(data.client_address.to_string()),
        };
        match services.carts.clone().complete_cart(request).await {
            Ok(answer) => outcome(data, present(answer.into_inner().outcome)?, &cart_id),
            Err(status) => failed(as_user_errors(status.into(), PATHS)?),
        }
    }
}

fn outcome(data: &RequestData, outcome: Outcome, cart_id: &ID) -> Result<CartCompleteResult, Failure> {
    Ok(match outcome {
        Outcome::Placed(order) => CartCompleteResult::Success(CartCompleteSuccess {
            order: Order::new(data, order),
        }),
        Outcome::AlreadyAccepted(order) => CartCompleteResult::AlreadyAccepted(CartCompleteAlreadyAccepted {
            order: Order::new(data, order),
        }),
        Outcome::ActionRequired(action) => CartCompleteResult::ActionRequired(CartCompleteActionRequired {
            order: Order::new(data, present(action.order)?),
            payment_id: ID(action.payment_id),
            redirect_url: action.redirect_url,
            client_secret: action.client_secret,
            expires_at: DateTime::of(action.expires_at),
        }),
        Outcome::Failed(failure) => CartCompleteResult::Failed(CartCompleteFailed {
            user_errors: failure.refusals.iter().map(user_error).collect(),
            cart: failure.cart.map(Arc::new),
            cart_id: cart_id.0.clone(),
        }),
    })
}

fn user_error(refusal: &pb::Refusal) -> UserError {
    let field = refusal.field.iter().map(|part| camel_case(part)).collect();
    UserError::at(&refusal.code, field, &refusal.message)
}
