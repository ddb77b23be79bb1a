//! Places an order. The order is written first, and then moved from step to step; each step's undo is in the same file:
//!
//! 1. [`price`]: lines and prices, read once; a cart that cannot be ordered ends here.
//! 2. The order document, PENDING_PAYMENT, with everything that later steps need; then [`claim`]: one compare-and-set on the
//!    cart, so that at most one order has it. Undone by releasing the cart.
//! 3. [`reserve`]: units are reserved and discount uses counted. Undone by releasing both.
//! 4. [`authorize`]: the payment, under the order's id. Undone by a void.
//! 5. [`confirm`]: reserved becomes sold. Undone by the release of step 3.
//! 6. [`place`]: one document write. The buyer gets the answer; from here on the order cannot fail.
//! 7. [`capture`].
//!
//! The document is written before the claim, so that every claim has an order from which any process can continue, with the
//! payment's token. Until the claim is written, the order has no effect.

mod authorize;
mod capture;
mod claim;
mod confirm;
mod place;
mod price;
mod reserve;
pub(crate) mod undo;

use std::sync::Arc;

use comptoir_mesh::{Caller, Error, ErrorReason, error::Reason as _};
use comptoir_proto::orders::v1::{
    ActionRequired, CompleteCartFailure, CompleteCartRequest, CompleteCartResponse,
    complete_cart_response::Outcome,
};
use url::Url;

use self::price::{price, refusal};
use crate::{
    carts::Carts,
    convert::{cart as convert_cart, order as convert, to_timestamp},
    domain::{
        cart::Cart,
        order::{HistoryEntry, Lease, Order, Payment, Refusal, SYSTEM, State, key_reused},
    },
    engine::{
        Engine, LEASE, Reply, RunResult, clone_error, first_answer, in_progress, outbox, patience, run::Run,
    },
    fail_points,
    keys::{check_key, fingerprint},
};

/// The longest token and return address.
const MAX_TOKEN: usize = comptoir_mesh::lengths::PAYMENT_TOKEN_BYTES;
/// When to retry if too many holds are open.
const HOLDS_RETRY: std::time::Duration = std::time::Duration::from_secs(60);

/// Completes carts.
#[derive(Clone)]
pub(crate) struct Checkout {
    engine: Engine,
    carts: Carts,
}

/// The checked request.
#[derive(Clone)]
struct CompleteRequest {
    key: String,
    provider: String,
    token: String,
    return_url: Option<String>,
    expected_total: Option<i64>,
    client_address: Option<String>,
    fingerprint: String,
    /// The account's address, if auth returned it.
    account_email: Option<String>,
}

/// How a call got its order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// This call placed it.
    Created,
    /// The order, or its run, existed before.
    Existing,
}

impl Checkout {
    /// Completes carts on this engine.
    pub(crate) fn new(engine: Engine, carts: Carts) -> Self {
        Self { engine, carts }
    }

    /// Places the order of a cart: exactly one for a key, at most one for a cart.
    pub(crate) async fn complete(
        &self,
        caller: &Caller,
        request: CompleteCartRequest,
    ) -> Result<CompleteCartResponse, Error> {
        let cart_id = request.cart_id.clone();
        check_key(&request.request_id)?;
        let cart = self.carts.find(caller, &cart_id).await?;
        let mut asked = self.asked(&cart_id, request)?;
        // A guest's key finds its order after the cart became a customer's.
        let mut owners = vec![cart.owner(), cart.id.as_str(), cart_id.as_str()];
        owners.extend(
            cart.claim
                .as_ref()
                .filter(|claim| claim.key == asked.key)
                .map(|claim| claim.owner.as_str()),
        );
        owners.dedup();
        for owner in owners {
            let order_id = self.engine.keys.order_id(owner, &asked.key);
            let running = self.engine.running(&order_id).flatten();
            if running.is_some_and(|running| running != asked.fingerprint) {
                return Err(key_reused());
            }
            if let Some(order) = self.engine.stores.orders.order(&order_id).await? {
                return self.again(order, &asked, &cart).await;
            }
        }
        asked.account_email = self.account_email(&cart).await?;
        self.begin(cart, asked).await
    }

    /// The account's address, for an order without an address and for counting codes. If neither needs it, auth may be
    /// unreachable.
    async fn account_email(&self, cart: &Cart) -> Result<Option<String>, Error> {
        match self.carts.accounts.email(cart).await {
            Err(_) if cart.email.is_some() && cart.discount_codes.is_empty() => Ok(None),
            answer => answer,
        }
    }

    fn asked(&self, cart_id: &str, request: CompleteCartRequest) -> Result<CompleteRequest, Error> {
        let CompleteCartRequest {
            provider,
            token,
            return_url,
            request_id,
            expected_total,
            client_address,
            ..
        } = request;
        let refuse = |field: &str, message: &str| Error::field(field, ErrorReason::ValidationFailed, message);
        if self.engine.peers.providers.get(&provider).is_none() {
            return Err(refuse("provider", "There is no such payment provider."));
        }
        let printable =
            |text: &str| text.len() <= MAX_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_empty() || !printable(&token) {
            return Err(refuse("token", "This is not a token of the payment provider."));
        }
        let return_url = return_url
            .map(|url| {
                way_back(&url).ok_or_else(|| refuse("return_url", "This is not an address to come back to."))
            })
            .transpose()?;
        let digits = self.engine.env.shop.currency_digits;
        let expected_total = expected_total
            .map(|text| comptoir_shop::money::parse_decimal(&text, digits))
            .transpose()
            .map_err(|error| refuse("expected_total", &error.to_string()))?;
        let expected = expected_total.map_or_else(String::new, |total| total.to_string());
        let fingerprint = fingerprint(&[cart_id, &provider, &token, &expected]);
        Ok(CompleteRequest {
            key: request_id,
            provider,
            token,
            return_url,
            expected_total,
            client_address,
            fingerprint,
            account_email: None,
        })
    }

    /// The key has an order: returns its answer, or continues it.
    async fn again(
        &self,
        order: Order,
        asked: &CompleteRequest,
        cart: &Cart,
    ) -> Result<CompleteCartResponse, Error> {
        if order.fingerprint != asked.fingerprint {
            return Err(key_reused());
        }
        if order.was_placed() || order.state.is_final() {
            return self.answer(&order, Origin::Existing, cart).await;
        }
        let id = order.id.clone();
        let until = tokio::time::Instant::now() + patience();
        loop {
            let resumed = id.clone();
            let drive = |engine: Engine, reply| async move { engine.resume(&resumed, &reply).await };
            let (progress, began) = self
                .engine
                .start_or_join(&order.id, Some(&asked.fingerprint), drive);
            let answer = tokio::time::timeout_at(until, first_answer(progress)).await;
            let (answer, own) = answer.map_err(|_| in_progress())?;
            let order = answer.map_err(|error| clone_error(&error))?;
            let origin = if began && own {
                Origin::Created
            } else {
                Origin::Existing
            };
            if order.was_placed() || order.state.is_final() || order.lease.is_none() {
                return self.answer(&order, origin, cart).await;
            }
            // Another process runs it, or one did and died.
            let pause = tokio::time::Instant::now() + std::time::Duration::from_millis(100);
            if pause >= until {
                return Err(in_progress());
            }
            tokio::time::sleep_until(pause).await;
        }
    }

    async fn begin(&self, cart: Cart, asked: CompleteRequest) -> Result<CompleteCartResponse, Error> {
        let until = tokio::time::Instant::now() + patience();
        let order_id = self.engine.keys.order_id(cart.owner(), &asked.key);
        let begun = (cart.clone(), asked.clone(), order_id.clone());
        let (progress, began) =
            self.engine
                .start_or_join(&order_id, Some(&asked.fingerprint), |engine, reply| async move {
                    let (cart, asked, order_id) = begun;
                    begin(engine, cart, asked, order_id, &reply).await
                });
        let (answer, own) = tokio::time::timeout_at(until, first_answer(progress))
            .await
            .map_err(|_| in_progress())?;
        let order = answer.map_err(|error| clone_error(&error))?;
        if order.fingerprint != asked.fingerprint {
            return Err(key_reused());
        }
        let origin = if began && own {
            Origin::Created
        } else {
            Origin::Existing
        };
        self.answer(&order, origin, &cart).await
    }

    /// Begins with a cart as it was read, whatever happened to it since.
    #[cfg(test)]
    pub(crate) async fn begin_as_found(&self, cart: Cart, key: &str) -> Result<CompleteCartResponse, Error> {
        let request = CompleteCartRequest {
            provider: "sandbox".into(),
            token: "tok_visa".into(),
            request_id: key.into(),
            ..CompleteCartRequest::default()
        };
        let asked = self.asked(&cart.id, request)?;
        self.begin(cart, asked).await
    }

    /// The answer for the buyer.
    async fn answer(
        &self,
        order: &Order,
        origin: Origin,
        cart: &Cart,
    ) -> Result<CompleteCartResponse, Error> {
        let shown = || convert::to_proto(order, Some(self.engine.keys.access_token(&order.id)));
        let outcome = if order.was_placed() {
            match origin {
                Origin::Created => Outcome::Placed(shown()),
                Origin::Existing => Outcome::AlreadyAccepted(shown()),
            }
        } else if let (State::PendingPayment, Some(action)) = (order.state, &order.payment.action) {
            Outcome::ActionRequired(ActionRequired {
                order: Some(shown()),
                payment_id: order.payment.payment_id.clone().unwrap_or_default(),
                redirect_url: action.redirect_url.clone(),
                client_secret: action.client_secret.clone(),
                expires_at: order.hold_expires_at.map(to_timestamp),
            })
        } else if order.state == State::Failed {
            Outcome::Failed(self.failure(&order.failing, origin, cart).await?)
        } else if order.state == State::Canceled {
            let canceled = refusal(
                ErrorReason::InvalidState,
                "",
                "The order of this idempotency key was CANCELED; it cannot become PLACED.",
            );
            Outcome::Failed(self.failure(&[canceled], origin, cart).await?)
        } else {
            return Err(in_progress());
        };
        Ok(CompleteCartResponse {
            outcome: Some(outcome),
        })
    }

    async fn failure(
        &self,
        refusals: &[Refusal],
        origin: Origin,
        cart: &Cart,
    ) -> Result<CompleteCartFailure, Error> {
        if let [first, ..] = refusals {
            let is = |reason: ErrorReason| first.code == reason.code();
            if is(ErrorReason::CartAlreadyOrdered) {
                return Err(Error::new(ErrorReason::CartAlreadyOrdered, &first.message));
            }
            if is(ErrorReason::ReservationLimit) {
                let refused = Error::new(ErrorReason::ReservationLimit, &first.message);
                return Err(refused.with_retry_after(HOLDS_RETRY));
            }
        }
        // The present cart, so that the client can show a new price or a missing unit. If it cannot be read, the
        // refusal is returned without it.
        let cart = match self.engine.stores.carts.cart(&cart.id).await? {
            Some(cart) => {
                let quote = self.carts.quote(&cart).await;
                quote.ok().map(|quote| convert_cart::to_proto(&cart, quote))
            }
            None => None,
        };
        let refusals = refusals.iter().map(convert::refusal_to_proto).collect();
        Ok(CompleteCartFailure {
            refusals,
            cart,
            replayed: origin == Origin::Existing,
        })
    }
}

/// Writes the order, and runs it.
async fn begin(
    engine: Engine,
    cart: Cart,
    asked: CompleteRequest,
    order_id: String,
    reply: &Reply,
) -> RunResult {
    let priced = if cart.is_ordered() {
        let (reason, message) = claim::already_ordered();
        Err(vec![refusal(reason, "cart_id", message)])
    } else {
        let email = asked.account_email.as_deref();
        price(&engine.peers.pricer, &cart, email, asked.expected_total)
            .await
            .map_err(Arc::new)?
    };
    let holder = engine.env.ids.new_id("drv_");
    let mut order = new_order(&engine, &cart, asked, order_id, &holder);
    let mut payloads = Vec::new();
    match priced {
        Ok(contents) => order.contents = Some(contents),
        Err(refusals) => {
            // There is nothing to undo; the document is the key's answer.
            let now = engine.now();
            let first = refusals
                .first()
                .map(|refusal| (refusal.code.clone(), refusal.message.clone()));
            let (code, message) = first.unwrap_or_default();
            order.failing = refusals;
            order.unasked = true;
            order
                .transition(State::Failed, SYSTEM, Some(message), now)
                .map_err(Arc::new)?;
            order.lease = None;
            payloads.push(failed(code));
        }
    }
    let entries = outbox::entries(&mut order, payloads, &engine.env);
    let inserted = fail_points::CREATE
        .around(engine.stores.orders.insert_order(&order, &entries))
        .await;
    if inserted.map_err(Arc::new)? {
        return Run::new(engine, order, holder, true).run(reply).await;
    }
    // Another process was first.
    engine.resume(&order.id, reply).await
}

fn failed(code: String) -> comptoir_proto::orders::v1::order_event::Payload {
    use comptoir_proto::orders::v1::{OrderFailed, order_event::Payload};
    Payload::Failed(OrderFailed { code })
}

fn new_order(engine: &Engine, cart: &Cart, asked: CompleteRequest, order_id: String, holder: &str) -> Order {
    let now = engine.now();
    Order {
        id: order_id,
        revision: 1,
        version: 1,
        cart_id: cart.id.clone(),
        cart_version: cart.version,
        owner: cart.owner().to_owned(),
        customer_id: cart.customer_id.clone(),
        account_email: asked.account_email,
        key: asked.key,
        fingerprint: asked.fingerprint,
        expected_total: asked.expected_total,
        client_address: asked.client_address,
        number: None,
        state: State::PendingPayment,
        contents: None,
        payment: Payment {
            provider: asked.provider,
            token: asked.token,
            return_url: asked.return_url,
            payment_id: None,
            action: None,
            events: Vec::new(),
            capture: None,
            refunds: Vec::new(),
        },
        hold_expires_at: None,
        failing: Vec::new(),
        unasked: false,
        cancel: None,
        restocked: false,
        fulfillments: Vec::new(),
        history: vec![HistoryEntry {
            at: now,
            from: None,
            to: State::PendingPayment,
            actor: crate::domain::order::BUYER.to_owned(),
            reason: None,
        }],
        requests: Vec::new(),
        events: 0,
        lease: Some(Lease {
            holder: holder.to_owned(),
            until: now + LEASE,
        }),
        wake_at: None,
        attempts: 0,
        created_at: now,
        placed_at: None,
        updated_at: now,
    }
}

impl Run {
    /// From PENDING_PAYMENT to PLACED.
    pub(crate) async fn pay(&mut self) -> Result<(), crate::engine::Halt> {
        // While an action is awaited, the steps before it are done.
        if self.order.payment.action.is_none() {
            self.claim().await?;
            self.reserve().await?;
            self.use_discounts().await?;
        }
        let payment_id = self.authorize().await?;
        self.confirm().await?;
        self.place(payment_id).await
    }
}

/// The page to which the buyer returns: a web address, normalised as browsers do.
fn way_back(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_TOKEN)?;
    let plain = url.has_host() && url.username().is_empty() && url.password().is_none();
    let good = plain && matches!(url.scheme(), "http" | "https") && url.as_str().len() <= MAX_TOKEN;
    good.then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::way_back;

    #[test]
    fn the_way_back_is_written_out_as_browsers_read_it() {
        for (text, written) in [
            (
                "https://shop.example/back?order=1#paid",
                "https://shop.example/back?order=1#paid",
            ),
            (
                r"http://localhost:3000\@evil.example/",
                "http://localhost:3000/@evil.example/",
            ),
            ("HTTPS:shop.example", "https://shop.example/"),
            (" https://shop.example/a\tb\n", "https://shop.example/ab"),
            ("https://shop.example/é", "https://shop.example/%C3%A9"),
        ] {
            assert_eq!(way_back(text).as_deref(), Some(written), "{text:?}");
        }
        let long = format!("https://shop.example/{}", "é".repeat(400));
        for text in [
            "",
            "/back",
            "javascript:alert(1)",
            "https://ada:pw@shop.example/",
            "https://ada@shop.example/",
            &long,
        ] {
            assert_eq!(way_back(text), None, "{text:?}");
        }
    }
}
