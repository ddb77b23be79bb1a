//! Sends deliveries: claims due ones under a lease, renders their messages, sends them, and records the result. One
//! that is still being sent after its lease is sent again: better twice than never, and once if the back end supports
//! idempotency keys.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use comptoir_mesh::channel::Channel as MeshChannel;
use comptoir_mesh::context::{self, Context};
use comptoir_mesh::env::Env;
use comptoir_mesh::error::{Error, ErrorReason, Reason as _};
use comptoir_mesh::fail_points;
use comptoir_mesh::phone::Number;
use comptoir_proto::auth::v1::IssueMailTokenRequest;
use comptoir_proto::auth::v1::auth_service_client::AuthServiceClient;
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::backend::{Backends, Failure};
use crate::domain::content::Content;
use crate::domain::delivery::{Delivery, Patience, State, Status};
use crate::domain::feedback::{CountedMail, address_hash};
use crate::domain::message::Channel;
use crate::pacer::Pacer;
use crate::render::{Renderer, Token};
use crate::store::Store;

/// How long a worker may take before another takes over. A crash delays a message by this much at most.
const LEASE: Duration = Duration::from_secs(15);
/// How long one attempt may take; well within the lease, so that two workers never send at once.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Deliveries claimed at once.
const BATCH: u32 = 64;
/// Users and orders handled concurrently.
const CONCURRENCY: usize = 32;
/// The first backoff of a worker whose store is unreachable; doubles four times.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The window over which mails to an unconfirmed address are counted.
const UNCONFIRMED_WINDOW: Duration = Duration::from_secs(3600);
/// How long an idle worker waits before it looks for work: another process may have died with a lease.
const IDLE: Duration = Duration::from_secs(1);

/// The worker that sends deliveries.
pub struct Worker {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) renderer: Renderer,
    pub(crate) backends: Backends,
    pub(crate) auth: AuthServiceClient<MeshChannel>,
    pub(crate) env: Env,
    pub(crate) patience: Patience,
    pub(crate) pacer: Pacer,
    /// Mails of orders to an unconfirmed address in [`UNCONFIRMED_WINDOW`]; 0 is no limit.
    pub(crate) unconfirmed_limit: u32,
    pub(crate) wake: Arc<Notify>,
}

/// The result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// This many deliveries were attempted; there may be more.
    Tried(usize),
    /// Nothing was due.
    Idle,
    /// Something was due, but the send rate is used up.
    Paced,
}

impl Worker {
    /// Sends until the process drains, and finishes what it began.
    pub(crate) async fn run(self: Arc<Self>) {
        let shutdown = self.env.shutdown.clone();
        while !shutdown.is_cancelled() {
            let wait = match self.round().await {
                Ok(Round::Tried(_)) => continue,
                Ok(Round::Idle) => self.until_due().await,
                Ok(Round::Paced) => self.pacer.interval(),
                Err(error) => {
                    tracing::warn!(error.cause = ?error, "the deliveries that are due cannot be read");
                    IDLE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Attempts what is due now, as far as the send rate allows.
    pub async fn round(&self) -> Result<Round, Error> {
        let now = self.env.clock.now();
        // A read costs less than a claim, and there is usually no work.
        if self.store.next_due().await?.is_none_or(|due| due > now) {
            return Ok(Round::Idle);
        }
        let allowed = self.pacer.take(now, BATCH);
        if allowed == 0 {
            return Ok(Round::Paced);
        }
        fail_points::hit("notifier.claim.before");
        let claimed = self.store.claim(now, after(now, LEASE), allowed).await;
        fail_points::hit("notifier.claim.after");
        let count = claimed.as_ref().map_or(0, Vec::len);
        self.pacer
            .give_back(allowed.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX)));
        let mut by_aggregate: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
        for delivery in claimed? {
            by_aggregate
                .entry(delivery.aggregate_id.clone())
                .or_default()
                .push(delivery);
        }
        futures::stream::iter(by_aggregate.into_values())
            .for_each_concurrent(CONCURRENCY, |deliveries| async move {
                // The messages of one aggregate are sent in order.
                for delivery in deliveries {
                    context::scope(Context::background("notifier"), self.deliver(delivery)).await;
                }
            })
            .await;
        Ok(if count == 0 {
            Round::Idle
        } else {
            Round::Tried(count)
        })
    }

    async fn until_due(&self) -> Duration {
        let Ok(Some(due)) = self.store.next_due().await else {
            return IDLE;
        };
        let left = due.duration_since(self.env.clock.now());
        Duration::try_from(left)
            .unwrap_or_default()
            .clamp(Duration::from_millis(1), IDLE)
    }

    /// Attempts one claimed delivery.
    async fn deliver(&self, delivery: Delivery) {
        let now = self.env.clock.now();
        if let State::Sending { lease_until } = delivery.state
            && lease_until < after(now, SEND_TIMEOUT)
        {
            // Earlier deliveries took long, or this process was paused: after the lease another worker sends it.
            return;
        }
        let outcome = if delivery.round > self.patience.attempts {
            // Each attempt ended without a result: it probably kills the process.
            Err(Failure::Refused("every attempt was cut short".to_owned()))
        } else {
            let attempt =
                AssertUnwindSafe(tokio::time::timeout(SEND_TIMEOUT, self.attempt(&delivery))).catch_unwind();
            match attempt.await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_elapsed)) => Err(Failure::Again("no answer in time".to_owned())),
                Err(_panic) => Err(Failure::Again("an internal error".to_owned())),
            }
        };
        let now = self.env.clock.now();
        let changed = match outcome {
            Ok(reference) => {
                if let Some(reference) = reference {
                    tracing::debug!(
                        delivery.id = delivery.id,
                        delivery.reference = reference,
                        "the provider took a message"
                    );
                }
                delivery.sent(now)
            }
            Err(Failure::Refused(error)) => delivery.dead(&error),
            Err(Failure::Suppressed(error)) => delivery.suppressed(&error),
            Err(Failure::Again(error)) => delivery.failed(&error, now, &self.patience, self.env.ids.jitter()),
        };
        self.note(changed).await;
    }

    /// Returns the provider's id of the message, if it has one.
    async fn attempt(&self, delivery: &Delivery) -> Result<Option<String>, Failure> {
        match delivery.channel {
            Channel::Email => {
                self.check_suppressions(delivery).await?;
                self.check_limit(delivery).await?;
            }
            Channel::Sms => check_number(delivery)?,
        }
        let token = match &delivery.content {
            Content::Account(account) if delivery.template.token_page().is_some() => {
                Some(self.token(&account.mail_id).await?)
            }
            _ => None,
        };
        let now = self.env.clock.now();
        let message = self.renderer.render(delivery, token.as_ref(), now);
        let message = message.map_err(|error| Failure::Again(error.to_string()))?;
        fail_points::hit("notifier.send.before");
        let outcome = self.backends.send(message, now).await;
        fail_points::hit("notifier.send.after");
        outcome
    }

    async fn check_suppressions(&self, delivery: &Delivery) -> Result<(), Failure> {
        let hash = address_hash(delivery.recipient.as_str());
        match self.store.suppression(&hash).await {
            Ok(None) => Ok(()),
            Ok(Some(suppression)) => Err(Failure::Suppressed(suppression.sentence())),
            Err(error) => {
                tracing::warn!(error.cause = ?error, "the suppression list cannot be read");
                Err(Failure::Again("the suppression list cannot be read".to_owned()))
            }
        }
    }

    /// Counts a mail to an unconfirmed address. A retry by staff is sent regardless of the count.
    async fn check_limit(&self, delivery: &Delivery) -> Result<(), Failure> {
        if !delivery.unconfirmed || self.unconfirmed_limit == 0 || delivery.is_retried_by_hand() {
            return Ok(());
        }
        let mail = CountedMail {
            address_hash: address_hash(delivery.recipient.as_str()),
            delivery_id: delivery.id.clone(),
            at: self.env.clock.now(),
        };
        let limit = self.unconfirmed_limit;
        match self.store.count_mail(&mail, limit, UNCONFIRMED_WINDOW).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::Suppressed(format!(
                "RATE_LIMITED: {limit} mails of orders went to this unconfirmed address within an hour, which is the limit"
            ))),
            Err(error) => {
                tracing::warn!(error.cause = ?error, "mails to an address cannot be counted");
                Err(Failure::Again(
                    "mails to the address cannot be counted".to_owned(),
                ))
            }
        }
    }

    /// Fetches the token of a mail's link, which is stored nowhere but in the message.
    async fn token(&self, mail_id: &str) -> Result<Token, Failure> {
        let request = IssueMailTokenRequest {
            mail_id: mail_id.to_owned(),
        };
        match self.auth.clone().issue_mail_token(request).await {
            Ok(response) => {
                let issued = response.into_inner();
                let expires_at = issued
                    .expires_at
                    .and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
                Ok(Token {
                    token: issued.token,
                    expires_at,
                })
            }
            Err(status) => {
                let reason = Error::from_status(&status).reason();
                let error = format!("auth: {}", reason.code());
                Err(if is_definite(reason) {
                    Failure::Refused(error)
                } else {
                    Failure::Again(error)
                })
            }
        }
    }

    /// A store that is unreachable for a while must not cause a second message: the result is written before anything
    /// else.
    async fn save(&self, delivery: Delivery) -> Result<bool, Error> {
        let mut tries: u32 = 0;
        loop {
            match self.store.save(delivery.clone()).await {
                Err(error) if error.reason() == ErrorReason::DependencyUnavailable => {
                    if tries == 0 {
                        tracing::warn!(delivery.id = delivery.id, error.cause = ?error,
                            "the result of a send cannot be written yet");
                    }
                    tokio::time::sleep(FIRST_PAUSE.saturating_mul(1 << tries.min(4))).await;
                    tries += 1;
                }
                saved => return saved,
            }
        }
    }

    async fn note(&self, delivery: Delivery) {
        let status = delivery.status();
        let (id, template, recipient) = (
            delivery.id.clone(),
            delivery.template.as_str(),
            delivery.recipient.masked(),
        );
        let (channel, attempts) = (delivery.channel.as_str(), delivery.attempts);
        let error = delivery.last_error.clone().unwrap_or_default();
        fail_points::hit("notifier.sent.before");
        let saved = self.save(delivery).await;
        fail_points::hit("notifier.sent.after");
        match saved {
            Ok(true) => {
                metrics::counter!("notifications_total", "channel" => channel, "outcome" => status.as_str())
                    .increment(1);
                if status == Status::Sent {
                    tracing::info!(
                        delivery.id = id,
                        delivery.template = template,
                        delivery.recipient = recipient,
                        "a message was sent"
                    );
                } else {
                    tracing::warn!(
                        delivery.id = id,
                        delivery.template = template,
                        delivery.recipient = recipient,
                        delivery.status = status.as_str(),
                        delivery.attempts = attempts,
                        delivery.error = error,
                        "a message was not sent"
                    );
                }
            }
            Ok(false) => tracing::warn!(delivery.id = id, "another sender took this delivery over"),
            Err(error) => {
                tracing::warn!(delivery.id = id, error.cause = ?error, "the result of a send cannot be written; the message is sent again");
            }
        }
    }
}

/// Refuses premium-rate numbers of any country.
fn check_number(delivery: &Delivery) -> Result<(), Failure> {
    let refused = |why| Err(Failure::Refused(format!("DESTINATION_NOT_ALLOWED: {why}")));
    match Number::parse(delivery.recipient.as_str(), None) {
        None => refused("no country has this number"),
        Some(number) if number.is_dear() => {
            refused("text messages do not go to premium, shared-cost, personal and service numbers")
        }
        Some(_) => Ok(()),
    }
}

/// Whether auth's refusal is permanent: the mail's token never existed, has expired, or is no longer valid.
fn is_definite(reason: ErrorReason) -> bool {
    matches!(
        reason,
        ErrorReason::NotFound
            | ErrorReason::InvalidId
            | ErrorReason::ValidationFailed
            | ErrorReason::InvalidState
            | ErrorReason::TokenInvalid
            | ErrorReason::TokenExpired
            | ErrorReason::TokenRevoked
    )
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(now)
}
