//! The built-in provider for development and tests. It stands for a provider elsewhere: what it acknowledged is in a journal
//! of its own, synced at each entry, and survives a crash of the process.
//!
//! Tokens: `tok_visa` succeeds · `tok_declined`, `tok_insufficient_funds` are declined · `tok_requires_action` waits for the
//! buyer · `tok_timeout` is accepted, and its answer lost once · `tok_unavailable` never answers · `tok_capture_fails` is
//! authorised, and its capture fails once.

mod provider;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use comptoir_mesh::{Env, Error, clock::Clock, error::ErrorReason, ids::Ids};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Authorization, Charge, Failure, Outcome, journal::Journal};

/// The provider's name.
pub const NAME: &str = "sandbox";

/// The sandbox.
#[derive(Clone)]
pub struct Sandbox {
    journal: Journal,
    clock: Arc<dyn Clock>,
    ids: Ids,
    index: Arc<Mutex<Index>>,
}

#[derive(Default)]
struct Index {
    by_order: HashMap<String, Arc<tokio::sync::Mutex<Option<Payment>>>>,
    order_of: HashMap<String, String>,
    /// Order ids, the oldest payment first.
    sequence: Vec<String>,
}

/// A payment at the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Begins with `pay_`.
    pub id: String,
    /// The order it is for; its key.
    pub order_id: String,
    /// The state.
    pub status: Status,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// The captured amount.
    pub captured: i64,
    /// The refunded amount.
    pub refunded: i64,
    /// Where the buyer goes after the bank.
    pub return_url: Option<String>,
    /// What it was asked and did, in order.
    pub entries: Vec<Entry>,
    token: String,
    done: HashSet<String>,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The buyer has to act.
    RequiresAction,
    /// Authorised.
    Authorized,
    /// Taken.
    Captured,
    /// Let go.
    Canceled,
    /// Refused.
    Declined,
}

impl Status {
    /// The name it has in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequiresAction => "requires_action",
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Canceled => "canceled",
            Self::Declined => "declined",
        }
    }
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The payment's id.
    pub payment_id: String,
    /// The order it is for.
    pub order_id: String,
    /// authorize, capture, void, refund or resolve.
    pub operation: String,
    /// What it was called with.
    pub key: String,
    /// ok, declined, requires_action, lost, failed or replayed.
    pub outcome: String,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// Where the payment stands after it.
    pub status: Status,
    /// What the browser was given, in the first entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Where the buyer goes after the bank, in the first entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
}

impl Payment {
    /// The payment that its first entry makes.
    fn new(entry: &Entry) -> Self {
        Self {
            id: entry.payment_id.clone(),
            order_id: entry.order_id.clone(),
            status: entry.status,
            amount: entry.amount,
            currency: entry.currency.clone(),
            captured: 0,
            refunded: 0,
            return_url: entry.return_url.clone(),
            entries: Vec::new(),
            token: entry.token.clone().unwrap_or_default(),
            done: HashSet::new(),
        }
    }

    fn apply(&mut self, entry: Entry) {
        self.status = entry.status;
        if entry.outcome == "ok" {
            match entry.operation.as_str() {
                "capture" => self.captured += entry.amount,
                "refund" => self.refunded += entry.amount,
                _ => {}
            }
            self.done.insert(entry.key.clone());
        }
        self.entries.push(entry);
    }

    /// Whether the journal holds an entry of this operation and outcome.
    fn has(&self, operation: &str, outcome: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.operation == operation && entry.outcome == outcome)
    }

    fn authorization(&self) -> Authorization {
        let payment_id = self.id.clone();
        match self.status {
            Status::RequiresAction => Authorization::RequiresAction {
                redirect_url: format!("/sandbox/payments/{payment_id}"),
                payment_id,
                client_secret: None,
            },
            Status::Authorized | Status::Captured => Authorization::Authorized { payment_id },
            Status::Declined => Authorization::Declined {
                payment_id,
                message: decline_message(&self.token),
            },
            Status::Canceled => Authorization::Voided { payment_id },
        }
    }
}

fn decline_message(token: &str) -> String {
    match token {
        "tok_insufficient_funds" => "The card has not enough funds.".into(),
        "tok_declined" | "tok_requires_action" => "The bank declined the payment.".into(),
        _ => "The payment token is not one the provider gave out.".into(),
    }
}

/// What an operation adds to the journal.
struct Step<'a> {
    operation: &'a str,
    key: &'a str,
    outcome: &'a str,
    amount: i64,
    status: Status,
}

impl Sandbox {
    /// Opens the sandbox with its journal `sandbox.jsonl` in the data folder.
    pub fn open(env: &Env) -> anyhow::Result<Arc<Self>> {
        std::fs::create_dir_all(&env.data)?;
        Self::open_in(&env.data, env.clock.clone(), env.ids.clone())
    }

    fn open_in(folder: &Path, clock: Arc<dyn Clock>, ids: Ids) -> anyhow::Result<Arc<Self>> {
        let (journal, entries) = Journal::open::<Entry>(&folder.join("sandbox.jsonl"))?;
        let mut payments: HashMap<String, Payment> = HashMap::new();
        let mut index = Index::default();
        for entry in entries {
            let payment = payments.entry(entry.order_id.clone()).or_insert_with(|| {
                index.sequence.push(entry.order_id.clone());
                index
                    .order_of
                    .insert(entry.payment_id.clone(), entry.order_id.clone());
                Payment::new(&entry)
            });
            payment.apply(entry);
        }
        let cell = |(order_id, payment)| (order_id, Arc::new(tokio::sync::Mutex::new(Some(payment))));
        index.by_order = payments.into_iter().map(cell).collect();
        Ok(Arc::new(Self {
            journal,
            clock,
            ids,
            index: Arc::new(Mutex::new(index)),
        }))
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order's payment, locked while an operation on it runs; `None` inside when there is none yet.
    async fn payment(&self, order_id: &str) -> tokio::sync::OwnedMutexGuard<Option<Payment>> {
        let cell = self
            .index()
            .by_order
            .entry(order_id.to_owned())
            .or_default()
            .clone();
        cell.lock_owned().await
    }

    /// Writes the entry, and only then lets it count.
    async fn note(&self, payment: &mut Payment, step: Step<'_>) -> Result<(), Failure> {
        let entry = Entry {
            at: self.clock.now(),
            payment_id: payment.id.clone(),
            order_id: payment.order_id.clone(),
            operation: step.operation.to_owned(),
            key: step.key.to_owned(),
            outcome: step.outcome.to_owned(),
            amount: step.amount,
            currency: payment.currency.clone(),
            status: step.status,
            token: payment.entries.is_empty().then(|| payment.token.clone()),
            return_url: payment.return_url.clone().filter(|_| payment.entries.is_empty()),
        };
        self.journal
            .append(&entry)
            .await
            .map_err(|error| Failure::Unavailable(format!("{error:#}")))?;
        payment.apply(entry);
        Ok(())
    }

    /// A payment that nothing was noted of yet.
    fn fresh(&self, charge: &Charge, status: Status) -> Payment {
        Payment {
            id: self.ids.new_id("pay_"),
            order_id: charge.order_id.clone(),
            status,
            amount: charge.amount,
            currency: charge.currency.clone(),
            captured: 0,
            refunded: 0,
            return_url: charge.return_url.clone(),
            entries: Vec::new(),
            token: charge.token.clone(),
            done: HashSet::new(),
        }
    }

    /// Puts a payment whose first entry was written into its place.
    fn keep(&self, place: &mut Option<Payment>, payment: Payment) {
        let mut index = self.index();
        index.sequence.push(payment.order_id.clone());
        index
            .order_of
            .insert(payment.id.clone(), payment.order_id.clone());
        *place = Some(payment);
    }

    /// The payment of this id.
    pub async fn get(&self, payment_id: &str) -> Option<Payment> {
        let order_id = self.index().order_of.get(payment_id).cloned()?;
        self.payment_of(&order_id).await
    }

    /// The payment of this order.
    pub async fn payment_of(&self, order_id: &str) -> Option<Payment> {
        let cell = self.index().by_order.get(order_id).cloned()?;
        let payment = cell.lock().await;
        payment.clone()
    }

    /// Payments, newest first, from the `skip`th on.
    pub async fn list(&self, skip: usize, limit: usize) -> Vec<Payment> {
        let wanted: Vec<String> = self
            .index()
            .sequence
            .iter()
            .rev()
            .skip(skip)
            .take(limit)
            .cloned()
            .collect();
        let mut payments = Vec::with_capacity(wanted.len());
        for order_id in wanted {
            payments.extend(self.payment_of(&order_id).await);
        }
        payments
    }

    async fn decide(&self, payment_id: &str, approve: bool) -> Result<Payment, Error> {
        let missing = || Error::new(ErrorReason::NotFound, "There is no such payment.");
        let order_id = self
            .index()
            .order_of
            .get(payment_id)
            .cloned()
            .ok_or_else(missing)?;
        let mut place = self.payment(&order_id).await;
        let payment = place.as_mut().ok_or_else(missing)?;
        let (status, outcome) = if approve {
            (Status::Authorized, "ok")
        } else {
            (Status::Declined, "declined")
        };
        if payment.has("resolve", outcome) {
            return Ok(payment.clone());
        }
        if payment.status != Status::RequiresAction {
            return Err(Error::new(
                ErrorReason::InvalidState,
                format!(
                    "The payment is {}; no action is wanted for it.",
                    payment.status.name()
                ),
            ));
        }
        let amount = payment.amount;
        let step = Step {
            operation: "resolve",
            key: payment_id,
            outcome,
            amount,
            status,
        };
        self.note(payment, step)
            .await
            .map_err(|failure| Error::unavailable(anyhow::anyhow!("{failure:?}")))?;
        Ok(payment.clone())
    }
}

/// What is asked of it. Each runs in a task of its own, see [`provider`].
impl Sandbox {
    async fn set_aside(&self, charge: &Charge) -> Result<Authorization, Failure> {
        let mut place = self.payment(&charge.order_id).await;
        let key = charge.order_id.as_str();
        if let Some(payment) = place.as_mut() {
            let step = Step {
                operation: "authorize",
                key,
                outcome: "replayed",
                amount: payment.amount,
                status: payment.status,
            };
            self.note(payment, step).await?;
            return Ok(payment.authorization());
        }
        let (status, outcome) = match charge.token.as_str() {
            "tok_unavailable" => return Err(Failure::Unavailable("the sandbox plays dead".into())),
            "tok_visa" | "tok_capture_fails" => (Status::Authorized, "ok"),
            "tok_timeout" => (Status::Authorized, "lost"),
            "tok_requires_action" => (Status::RequiresAction, "requires_action"),
            _ => (Status::Declined, "declined"),
        };
        let mut payment = self.fresh(charge, status);
        let amount = charge.amount;
        self.note(
            &mut payment,
            Step {
                operation: "authorize",
                key,
                outcome,
                amount,
                status,
            },
        )
        .await?;
        let answer = payment.authorization();
        self.keep(&mut place, payment);
        if outcome == "lost" {
            return Err(Failure::Unknown("the sandbox lost its answer".into()));
        }
        Ok(answer)
    }

    async fn take(&self, order_id: &str, key: &str, amount: i64) -> Result<Outcome, Failure> {
        let mut place = self.payment(order_id).await;
        let Some(payment) = place.as_mut() else {
            return Ok(Outcome::Refused("There is no such payment.".into()));
        };
        let known = payment.done.contains(key);
        let fails = payment.token == "tok_capture_fails" && !payment.has("capture", "failed");
        let (outcome, status, answer) = match payment.status {
            _ if known => ("replayed", payment.status, Outcome::Done),
            Status::Authorized if fails => (
                "failed",
                payment.status,
                Outcome::Failed("The provider could not capture the amount.".into()),
            ),
            Status::Authorized if amount <= payment.amount => ("ok", Status::Captured, Outcome::Done),
            status => {
                let message = format!(
                    "A payment that is {} cannot be captured for this amount.",
                    status.name()
                );
                ("failed", status, Outcome::Refused(message))
            }
        };
        self.note(
            payment,
            Step {
                operation: "capture",
                key,
                outcome,
                amount,
                status,
            },
        )
        .await?;
        Ok(answer)
    }

    async fn let_go(&self, order_id: &str) -> Result<Outcome, Failure> {
        let mut place = self.payment(order_id).await;
        let operation = "void";
        let Some(payment) = place.as_mut() else {
            // Noted all the same, so that an authorisation that comes late finds it.
            let charge = Charge {
                order_id: order_id.to_owned(),
                token: String::new(),
                amount: 0,
                currency: String::new(),
                return_url: None,
                payment_id: None,
            };
            let status = Status::Canceled;
            let mut payment = self.fresh(&charge, status);
            self.note(
                &mut payment,
                Step {
                    operation,
                    key: order_id,
                    outcome: "ok",
                    amount: 0,
                    status,
                },
            )
            .await?;
            self.keep(&mut place, payment);
            return Ok(Outcome::Done);
        };
        let (outcome, status, answer) = match payment.status {
            Status::Canceled => ("replayed", Status::Canceled, Outcome::Done),
            // Nothing is set aside; there is nothing to let go.
            Status::Declined => return Ok(Outcome::Done),
            Status::Captured => (
                "failed",
                Status::Captured,
                Outcome::Refused("The amount was captured already.".into()),
            ),
            Status::RequiresAction | Status::Authorized => ("ok", Status::Canceled, Outcome::Done),
        };
        let amount = payment.amount;
        self.note(
            payment,
            Step {
                operation,
                key: order_id,
                outcome,
                amount,
                status,
            },
        )
        .await?;
        Ok(answer)
    }

    async fn give_back(&self, order_id: &str, key: &str, amount: i64) -> Result<Outcome, Failure> {
        let mut place = self.payment(order_id).await;
        let Some(payment) = place.as_mut() else {
            return Ok(Outcome::Refused("There is no such payment.".into()));
        };
        let status = payment.status;
        let (outcome, answer) = if payment.done.contains(key) {
            ("replayed", Outcome::Done)
        } else if status == Status::Captured && amount > 0 && amount <= payment.captured - payment.refunded {
            ("ok", Outcome::Done)
        } else {
            (
                "failed",
                Outcome::Refused("The amount is more than what is left of the captured amount.".into()),
            )
        };
        self.note(
            payment,
            Step {
                operation: "refund",
                key,
                outcome,
                amount,
                status,
            },
        )
        .await?;
        Ok(answer)
    }
}
