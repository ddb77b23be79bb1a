//! The sandbox as it is called. What it was asked for runs to its end in a task of its own, as at a provider elsewhere that
//! does not stop half way when its caller hangs up: else an entry could be in the journal and not in memory, and the same key
//! would move the money once more.

use async_trait::async_trait;
use comptoir_mesh::Error;

use super::{Payment, Sandbox};
use crate::payment::{Authorization, Charge, Failure, Outcome, PaymentProvider};

async fn to_its_end<T: Send + 'static>(
    operation: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let ended = tokio::spawn(operation).await;
    ended.unwrap_or_else(|error| Err(Failure::Unknown(error.to_string())))
}

impl Sandbox {
    /// Plays the buyer at the bank. Repeating the same choice changes nothing.
    pub async fn resolve(&self, payment_id: &str, approve: bool) -> Result<Payment, Error> {
        let (sandbox, payment_id) = (self.clone(), payment_id.to_owned());
        let decided = tokio::spawn(async move { sandbox.decide(&payment_id, approve).await });
        decided.await.map_err(Error::internal)?
    }
}

#[async_trait]
impl PaymentProvider for Sandbox {
    async fn authorize(&self, charge: &Charge) -> Result<Authorization, Failure> {
        let (sandbox, charge) = (self.clone(), charge.clone());
        to_its_end(async move { sandbox.set_aside(&charge).await }).await
    }

    async fn lookup(&self, charge: &Charge) -> Result<Authorization, Failure> {
        let payment = self.payment_of(&charge.order_id).await;
        Ok(payment.map_or(Authorization::Unknown, |payment| payment.authorization()))
    }

    async fn capture(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure> {
        let (sandbox, order_id, key) = (self.clone(), charge.order_id.clone(), key.to_owned());
        to_its_end(async move { sandbox.take(&order_id, &key, amount).await }).await
    }

    async fn void(&self, charge: &Charge) -> Result<Outcome, Failure> {
        let (sandbox, order_id) = (self.clone(), charge.order_id.clone());
        to_its_end(async move { sandbox.let_go(&order_id).await }).await
    }

    async fn refund(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure> {
        let (sandbox, order_id, key) = (self.clone(), charge.order_id.clone(), key.to_owned());
        to_its_end(async move { sandbox.give_back(&order_id, &key, amount).await }).await
    }
}
