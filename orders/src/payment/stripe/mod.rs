//! Stripe, by its REST interface: an order is one payment intent, captured by hand.
//!
//! An intent is opened first, under a key made of the order's id, and confirmed second: opening it moves no money, so that the
//! bank is only ever asked by way of an intent whose id is known. Whatever answer is lost after that, the intent is retrieved
//! and says what became of it. A failure that Stripe keeps under a key is answered under it for good; then what it may have done
//! is looked for, and only if there is nothing, the next key is tried. Keys do not depend on the process, so two processes that
//! run an order cannot confirm it twice: the second finds the first one's key.

mod amount;
mod client;
pub(crate) mod event;
pub(crate) mod intent;
mod open;
pub(crate) mod signature;

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use comptoir_mesh::{Env, config::Profile};

use self::{
    amount::to_stripe,
    client::{Client, Form, Refusal, Trouble},
    intent::{Intent, Page, REFUND, Refund, Standing, Status, decline, running},
    open::ATTEMPTS,
};
use super::{Authorization, Charge, Failure, Outcome, PaymentProvider};
use crate::config::StripeSettings;

/// The provider's name.
pub const NAME: &str = "stripe";

/// Stripe.
pub struct Stripe {
    client: Client,
}

impl Stripe {
    /// `None` where no key is set.
    pub fn new(settings: &StripeSettings, env: &Env) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(key) = settings.secret_key() else {
            return Ok(None);
        };
        let base = &settings.stripe_base_url;
        let production = env.profile == Profile::Production;
        anyhow::ensure!(
            base.scheme() == "https" || !production,
            "STRIPE_BASE_URL: has to begin with https:// in the production profile, as the key travels there"
        );
        anyhow::ensure!(
            !production || !settings.webhook_secrets().is_empty(),
            "STRIPE_WEBHOOK_SECRET: is needed beside STRIPE_SECRET_KEY in the production profile, and not set: a buyer who \
             never returns from the bank is reported by webhooks"
        );
        let client = Client::new(base.as_str(), key).context("STRIPE_SECRET_KEY")?;
        Ok(Some(Arc::new(Self { client })))
    }

    /// Asks the bank, once for the order however often this is called.
    async fn confirm(&self, charge: &Charge, intent: &Intent) -> Result<Authorization, Failure> {
        let path = format!("/payment_intents/{}/confirm", intent.id);
        let token = if charge.token.starts_with("ctoken_") {
            "confirmation_token"
        } else {
            "payment_method"
        };
        let mut form: Form = vec![(token, charge.token.clone())];
        form.extend(charge.return_url.clone().map(|url| ("return_url", url)));
        for attempt in 0..ATTEMPTS {
            let key = format!("{}:confirm:{attempt}", charge.order_id);
            match self.client.post::<Intent>(&path, &key, &form).await {
                Ok(answer) if !answer.replayed => return answer.body.authorization(),
                Ok(_) => return self.retrieve(&intent.id).await?.authorization(),
                Err(Trouble::Stored) => match self.retrieve(&intent.id).await?.standing() {
                    Standing::Open => {}
                    Standing::Known(authorization) => return Ok(authorization),
                    Standing::Running => return Err(running()),
                },
                Err(Trouble::Refused(refusal)) if refusal.is("payment_intent_unexpected_state") => {
                    return self.retrieve(&intent.id).await?.authorization();
                }
                Err(Trouble::Refused(refusal)) => return Ok(declined(&intent.id, &refusal)),
                Err(Trouble::Failure(failure)) => return Err(failure),
            }
        }
        Err(Failure::Unknown("stripe fails to confirm a payment".into()))
    }

    /// The refund that this key made before.
    async fn refunded(&self, payment_id: &str, key: &str) -> Result<Option<Refund>, Failure> {
        let query = vec![("payment_intent", payment_id.to_owned()), ("limit", "100".into())];
        let page: Page<Refund> = self
            .client
            .get("/refunds", &query)
            .await
            .map_err(Trouble::failure)?;
        let is = |refund: &Refund| refund.metadata.get(REFUND).is_some_and(|id| id == key);
        Ok(page.data.into_iter().find(is))
    }
}

/// A refusal before the bank was asked, or the bank's.
fn declined(payment_id: &str, refusal: &Refusal) -> Authorization {
    let of_the_token = refusal.is("resource_missing")
        && refusal
            .param
            .as_deref()
            .is_some_and(|param| matches!(param, "payment_method" | "confirmation_token"));
    let message = if refusal.is_of_the_card() {
        decline(refusal.message.as_deref())
    } else if of_the_token {
        "The payment token is not one the provider gave out.".to_owned()
    } else {
        // Stripe's message is for the shop's operator.
        tracing::warn!(
            payment.id = payment_id,
            stripe.refusal = refusal.text(),
            "Stripe takes no such payment"
        );
        "The payment provider does not take this payment.".to_owned()
    };
    Authorization::Declined {
        payment_id: payment_id.to_owned(),
        message,
    }
}

/// Nothing is to be paid, so Stripe is not asked: it takes no payments of nothing.
fn free(charge: &Charge) -> Option<Authorization> {
    (charge.amount == 0).then(|| Authorization::Authorized {
        payment_id: String::new(),
    })
}

#[async_trait]
impl PaymentProvider for Stripe {
    async fn authorize(&self, charge: &Charge) -> Result<Authorization, Failure> {
        if let Some(free) = free(charge) {
            return Ok(free);
        }
        let intent = match self.intent(charge).await? {
            Ok(intent) => intent.of(charge)?,
            Err(refusal) => return Ok(declined("", &refusal)),
        };
        match intent.standing() {
            Standing::Open => self.confirm(charge, &intent).await,
            Standing::Known(authorization) => Ok(authorization),
            Standing::Running => Err(running()),
        }
    }

    async fn lookup(&self, charge: &Charge) -> Result<Authorization, Failure> {
        if let Some(free) = free(charge) {
            return Ok(free);
        }
        let Ok(intent) = self.late_intent(charge).await? else {
            return Ok(Authorization::Unknown);
        };
        match intent.of(charge)?.standing() {
            Standing::Open => Ok(Authorization::Unknown),
            Standing::Known(authorization) => Ok(authorization),
            Standing::Running => Err(running()),
        }
    }

    async fn capture(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure> {
        if free(charge).is_some() {
            return Ok(Outcome::Done);
        }
        let (Ok(id), Some(amount)) = (self.intent_id(charge).await?, to_stripe(amount, &charge.currency))
        else {
            return Ok(Outcome::Refused("there is no such payment at stripe".into()));
        };
        let path = format!("/payment_intents/{id}/capture");
        let form = vec![("amount_to_capture", amount.to_string())];
        for attempt in 0..ATTEMPTS {
            let key = format!("{key}:{attempt}");
            let refusal = match self.client.post::<Intent>(&path, &key, &form).await {
                Ok(answer) => return answer.body.captured(amount),
                Err(Trouble::Stored) => None,
                Err(Trouble::Refused(refusal)) => Some(refusal),
                Err(Trouble::Failure(failure)) => return Err(failure),
            };
            let outcome = self.retrieve(&id).await?.captured(amount)?;
            match (outcome, refusal) {
                (Outcome::Failed(_), None) => {}
                (Outcome::Failed(_), Some(refusal)) if refusal.is("charge_expired_for_capture") => {
                    return Ok(Outcome::Refused(refusal.text()));
                }
                (Outcome::Failed(_), Some(refusal)) => return Ok(Outcome::Failed(refusal.text())),
                (outcome, _) => return Ok(outcome),
            }
        }
        Err(Failure::Unknown("stripe fails to capture a payment".into()))
    }

    async fn void(&self, charge: &Charge) -> Result<Outcome, Failure> {
        if free(charge).is_some() {
            return Ok(Outcome::Done);
        }
        // One that was never opened is opened to be cancelled, so that a call that is still under way finds it so.
        let Ok(mut intent) = self.late_intent(charge).await? else {
            return Ok(Outcome::Done);
        };
        let path = format!("/payment_intents/{}/cancel", intent.id);
        for attempt in 0..ATTEMPTS {
            match intent.status {
                Status::Canceled => return Ok(Outcome::Done),
                Status::Succeeded => {
                    return Ok(Outcome::Refused("the payment was captured at stripe".into()));
                }
                _ => {}
            }
            let key = format!("{}:void:{attempt}", charge.order_id);
            let refusal = match self.client.post::<Intent>(&path, &key, &Form::new()).await {
                Ok(answer) if answer.body.status == Status::Canceled => return Ok(Outcome::Done),
                Ok(_) | Err(Trouble::Stored) => None,
                Err(Trouble::Refused(refusal)) => Some(refusal),
                Err(Trouble::Failure(failure)) => return Err(failure),
            };
            intent = self.retrieve(&intent.id).await?;
            if let Some(refusal) = refusal
                && !matches!(intent.status, Status::Canceled | Status::Succeeded)
            {
                return Ok(Outcome::Failed(refusal.text()));
            }
        }
        Err(Failure::Unknown("stripe fails to cancel a payment".into()))
    }

    async fn refund(&self, charge: &Charge, key: &str, amount: i64) -> Result<Outcome, Failure> {
        let (Ok(id), Some(amount)) = (self.intent_id(charge).await?, to_stripe(amount, &charge.currency))
        else {
            return Ok(Outcome::Refused(
                "the amount cannot be paid back at stripe".into(),
            ));
        };
        let form = vec![
            ("payment_intent", id.clone()),
            ("amount", amount.to_string()),
            ("metadata[order_id]", charge.order_id.clone()),
            ("metadata[refund_id]", key.to_owned()),
        ];
        for attempt in 0..ATTEMPTS {
            let attempted = format!("{key}:{attempt}");
            let refusal = match self.client.post::<Refund>("/refunds", &attempted, &form).await {
                Ok(answer) => return Ok(answer.body.outcome()),
                Err(Trouble::Stored) => None,
                Err(Trouble::Refused(refusal)) => Some(refusal),
                Err(Trouble::Failure(failure)) => return Err(failure),
            };
            match (self.refunded(&id, key).await?, refusal) {
                (Some(refund), _) => return Ok(refund.outcome()),
                (None, Some(refusal)) => return Ok(Outcome::Refused(refusal.text())),
                (None, None) => {}
            }
        }
        Err(Failure::Unknown("stripe fails to give money back".into()))
    }
}

#[cfg(test)]
mod tests {
    use comptoir_mesh::{config::Secret, testing::TestEnv};

    use super::*;

    fn settings(key: &str, secrets: &str, base: &str) -> StripeSettings {
        StripeSettings {
            stripe_secret_key: Some(Secret::new(key)),
            stripe_webhook_secret: Some(Secret::new(secrets)),
            stripe_base_url: base.parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn settings_that_would_lose_payments_are_refused_in_production() {
        let mut test = TestEnv::new();
        let env = &mut test.env;
        let (https, http) = ("https://api.stripe.com", "http://127.0.0.1:1");
        let open = |settings, env: &Env| {
            Stripe::new(&settings, env)
                .map(|stripe| stripe.is_some())
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            open(settings(" ", "whsec", https), env),
            Ok(false),
            "an empty key counts as unset"
        );
        assert_eq!(open(settings("sk", "", http), env), Ok(true));
        env.profile = Profile::Production;
        assert_eq!(open(settings("sk", "whsec", https), env), Ok(true));
        for secrets in ["", " , "] {
            let error = open(settings("sk", secrets, https), env).unwrap_err();
            assert!(error.starts_with("STRIPE_WEBHOOK_SECRET: "), "{error}");
        }
        let error = open(settings("sk", "whsec", http), env).unwrap_err();
        assert!(error.starts_with("STRIPE_BASE_URL: "), "{error}");
    }

    #[test]
    fn several_secrets_are_given_by_commas() {
        let settings = settings("sk", "whsec_new, whsec_old,,", "https://api.stripe.com");
        let secrets = settings.webhook_secrets();
        let secrets: Vec<_> = secrets.iter().map(Secret::reveal).collect();
        assert_eq!(secrets, ["whsec_new", "whsec_old"]);
        assert_eq!(
            format!("{settings:?}").matches("***").count(),
            2,
            "nothing is printed"
        );
    }
}
