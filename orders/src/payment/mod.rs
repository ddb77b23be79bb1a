//! The port to payment providers. Every operation is idempotent by the key it is called with: an authorisation by the order's
//! id, a capture or refund by its intent's id. What cannot be told from an answer is [`Failure::Unknown`], and is asked again
//! with the same key, never guessed.

pub mod journal;
pub mod sandbox;
pub mod stripe;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::domain::order::Order;

pub use self::{sandbox::Sandbox, stripe::Stripe};

/// How long a provider may take for one call.
pub const TIMEOUT: Duration = Duration::from_millis(2_500);

/// A payment provider.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Sets an amount aside. The order's id is the key: the same again gives the same answer.
    async fn authorize(&self, charge: &Charge) -> Result<Authorization, Failure>;

    /// What became of the payment of this order; [`Authorization::Unknown`] when it never heard of it.
    async fn lookup(&self, charge: &Charge) -> Result<Authorization, Failure>;

    /// Takes the authorised amount. `key` is the intent's.
    async fn capture(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure>;

    /// Lets the authorisation go, or gives an action that is awaited up; an authorisation that comes later is declined.
    /// Repeating it changes nothing.
    async fn void(&self, charge: &Charge) -> Result<Outcome, Failure>;

    /// Gives a part of the captured amount back. `key` is the intent's.
    async fn refund(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure>;
}

/// A payment of an order: what to set aside, and what was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The idempotency key.
    pub order_id: String,
    /// What the provider gave the browser.
    pub token: String,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// Where the buyer comes back to after an action of the bank.
    pub return_url: Option<String>,
    /// The provider's id, once it told it.
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

/// What came of an authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Set aside.
    Authorized {
        /// The provider's id.
        payment_id: String,
    },
    /// The bank wants something of the buyer.
    RequiresAction {
        /// The provider's id.
        payment_id: String,
        /// Where the buyer has to go.
        redirect_url: String,
        /// For the provider's own script.
        client_secret: Option<String>,
    },
    /// The bank said no, for good.
    Declined {
        /// The provider's id.
        payment_id: String,
        /// For people.
        message: String,
    },
    /// The payment was let go before it was authorised.
    Voided {
        /// The provider's id.
        payment_id: String,
    },
    /// The provider never heard of it.
    Unknown,
}

/// What came of an operation on an authorised payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, by this call or an earlier one with this key.
    Done,
    /// Not done this time; trying again may help.
    Failed(String),
    /// Refused for good.
    Refused(String),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Perhaps done, perhaps not: ask again with the same key.
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
