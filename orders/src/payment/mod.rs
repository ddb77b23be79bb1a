//! The port to payment providers. Every operation is idempotent by its key: an authorisation by the order's id, a
//! capture or refund by its intent's id. An unclear answer is [`Failure::Unknown`], and is asked for again with the
//! same key, never guessed.

pub mod journal;
pub mod sandbox;
pub mod stripe;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::domain::order::Order;

pub use self::{sandbox::Sandbox, stripe::Stripe};

/// The time-out of one call to a provider.
pub const TIMEOUT: Duration = Duration::from_millis(2_500);

/// A payment provider.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Authorises an amount. The order's id is the key: a retry gets the same answer.
    async fn authorize(&self, charge: &Charge) -> Result<Authorization, Failure>;

    /// The state of the order's payment; [`Authorization::Unknown`] if the provider does not know it.
    async fn lookup(&self, charge: &Charge) -> Result<Authorization, Failure>;

    /// Captures the authorised amount. `key` is the intent's.
    async fn capture(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure>;

    /// Voids the authorisation, or cancels an awaited action; a later authorisation is declined. Repeating it changes
    /// nothing.
    async fn void(&self, charge: &Charge) -> Result<Outcome, Failure>;

    /// Refunds a part of the captured amount. `key` is the intent's.
    async fn refund(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure>;
}

/// A payment of an order, for its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The idempotency key.
    pub order_id: String,
    /// The provider's token from the browser.
    pub token: String,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// The page to which the buyer returns after the bank's action.
    pub return_url: Option<String>,
    /// The provider's id, once known.
    pub payment_id: Option<String>,
}

impl Charge {
    /// The payment of this order.
    pub fn of(order: &Order) -> Self {
        let payment = &order.payment;
        Self {
            order_id: order.id.clone(),
            token: payment.token.clone(),
            amount: order.total(),
            currency: order.currency().to_owned(),
            return_url: payment.return_url.clone(),
            payment_id: payment.payment_id.clone(),
        }
    }
}

/// The result of an authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Authorised.
    Authorized {
        /// The provider's id.
        payment_id: String,
    },
    /// The bank requires an action of the buyer.
    RequiresAction {
        /// The provider's id.
        payment_id: String,
        /// The bank's page.
        redirect_url: String,
        /// For the provider's script.
        client_secret: Option<String>,
    },
    /// The bank declined permanently.
    Declined {
        /// The provider's id.
        payment_id: String,
        /// The reason, for people.
        message: String,
    },
    /// The payment was voided before it was authorised.
    Voided {
        /// The provider's id.
        payment_id: String,
    },
    /// The provider does not know it.
    Unknown,
}

/// The result of an operation on an authorised payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, by this call or an earlier one with this key.
    Done,
    /// Failed; a retry may succeed.
    Failed(String),
    /// Refused permanently.
    Refused(String),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may be done or not: ask again with the same key.
    Unknown(String),
    /// Not done, as the provider cannot be reached: ask again later.
    Unavailable(String),
}

/// The providers this process can use, by name.
#[derive(Clone, Default)]
pub struct Providers {
    by_name: BTreeMap<String, Arc<dyn PaymentProvider>>,
}

impl Providers {
    /// Adds a provider.
    #[must_use]
    pub fn with(mut self, name: &str, provider: Arc<dyn PaymentProvider>) -> Self {
        self.by_name.insert(name.to_owned(), provider);
        self
    }

    /// The provider of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn PaymentProvider>> {
        self.by_name.get(name)
    }
}

/// Runs a provider's call, for at most [`TIMEOUT`]: past it the outcome is unknown.
pub async fn bounded<T>(call: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(TIMEOUT, call)
        .await
        .unwrap_or_else(|_| Err(Failure::Unknown("the provider did not answer in time".into())))
}
