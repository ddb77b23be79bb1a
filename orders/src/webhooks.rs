//! What payment providers tell. An event is kept under its id before anything else; then it is answered, and looked at behind
//! the answer: does it contradict what is known here, it is quarantined, else its order is taken on, which asks the provider
//! itself. So an event may come twice, late, or before an earlier one, and a forged one costs only a lookup.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use comptoir_mesh::{Env, Error, ErrorReason, config::Secret};
use tokio::sync::Notify;

use crate::{
    config::StripeSettings,
    domain::webhook::{About, EventState, WebhookEvent},
    engine::Engine,
    payment::stripe::{self, event, signature},
    store::{WebhookStore, webhooks::Recorded},
};

/// The interval at which pending events are looked for without a notification.
const PERIOD: Duration = Duration::from_secs(1);
/// Events read at once.
const BATCH: usize = 256;
/// When an order is looked at again that another process drives.
const LATER: Duration = Duration::from_secs(2);
/// The same for an order that could not be looked at.
const FAILED: Duration = Duration::from_secs(10);
/// How long an event is remembered: Stripe sends one again for three days.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How often old ones are forgotten.
const FORGET: u32 = 3_600;

/// Takes events, and sees to them.
#[derive(Clone)]
pub(crate) struct Webhooks {
    shared: Arc<Shared>,
}

struct Shared {
    secrets: Vec<Secret>,
    /// Whether Stripe's key moves real money, where that is known.
    live: Option<bool>,
    store: Arc<dyn WebhookStore>,
    engine: Engine,
    arrived: Notify,
    /// Orders whose events are being seen to in this process.
    busy: Mutex<HashSet<String>>,
}

impl Webhooks {
    /// Takes events signed with one of Stripe's secrets.
    pub(crate) fn new(stripe: &StripeSettings, store: Arc<dyn WebhookStore>, engine: Engine) -> Self {
        Self {
            shared: Arc::new(Shared {
                secrets: stripe.webhook_secrets(),
                live: stripe.is_live(),
                store,
                engine,
                arrived: Notify::new(),
                busy: Mutex::default(),
            }),
        }
    }

    /// Keeps an event that its provider signed.
    pub(crate) async fn take(&self, provider: &str, signature: &str, body: &[u8]) -> Result<(), Error> {
        let Shared {
            secrets,
            live,
            store,
            engine,
            arrived,
            ..
        } = &*self.shared;
        if provider != stripe::NAME || secrets.is_empty() {
            let message =
                "No payment provider that sends webhooks is configured, so nothing can have signed this.";
            return Err(Error::new(ErrorReason::WebhookSignatureInvalid, message));
        }
        let now = engine.now();
        signature::verify(signature, body, secrets, now).inspect_err(|error| {
            count("refused");
            tracing::warn!(
                webhook.provider = provider,
                webhook.error = error.message(),
                "a webhook was refused"
            );
        })?;
        let event = event::read(body, *live, now)?;
        match store.record_event(&event).await? {
            Recorded::New => {
                match event.state {
                    EventState::Waiting => arrived.notify_one(),
                    EventState::Quarantined => alarm(&event, event.reason.as_deref().unwrap_or_default()),
                    EventState::Ignored => event.reason.iter().for_each(|reason| foreign(&event, reason)),
                    EventState::Done => {}
                }
                count("new");
            }
            Recorded::Known => count("known"),
            Recorded::Conflict => {
                count("conflict");
                tracing::error!(
                    event.id = event.id,
                    event.kind = event.content.kind,
                    "an event came with another content than before"
                );
                let message = "An event with this id and another content was received before.";
                return Err(Error::new(ErrorReason::EventConflict, message));
            }
        }
        Ok(())
    }

    /// Sees to what waits until the process drains.
    pub(crate) fn spawn(&self, env: &Env) {
        let (webhooks, shutdown) = (self.clone(), env.shutdown.clone());
        env.tasks.spawn("webhooks", async move {
            let mut ticks = tokio::time::interval(PERIOD);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut round = 0_u32;
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = webhooks.shared.arrived.notified() => {}
                    _ = ticks.tick() => round = round.wrapping_add(1),
                }
                if let Err(error) = webhooks.see_to_what_waits().await {
                    tracing::warn!(error.cause = ?error, "webhooks that wait cannot be read");
                    tokio::time::sleep(PERIOD).await;
                }
                if round.is_multiple_of(FORGET) {
                    round = round.wrapping_add(1);
                    let before = webhooks.shared.engine.now() - KEPT;
                    if let Err(error) = webhooks.shared.store.forget_events(before).await {
                        tracing::warn!(error.cause = ?error, "old webhooks cannot be forgotten");
                    }
                }
            }
        });
    }

    /// Begins to see to the events that are due, those of an order together and one after the other.
    async fn see_to_what_waits(&self) -> Result<(), Error> {
        let Shared { store, engine, .. } = &*self.shared;
        let mut by_order: BTreeMap<String, Vec<(WebhookEvent, About)>> = BTreeMap::new();
        for event in store.due_webhook_events(engine.now(), BATCH).await? {
            if let Some(about) = event.content.about.clone() {
                by_order
                    .entry(about.order_id.clone())
                    .or_default()
                    .push((event, about));
            }
        }
        for (order_id, events) in by_order {
            if !self.busy().insert(order_id.clone()) {
                continue;
            }
            let webhooks = self.clone();
            engine.env.tasks.spawn_tracked(async move {
                let leaving = Leaving {
                    webhooks: &webhooks,
                    order_id: &order_id,
                };
                let seen = webhooks.see_to(&order_id, &events).await;
                drop(leaving);
                match seen {
                    // What came meanwhile.
                    Ok(()) => webhooks.shared.arrived.notify_one(),
                    // They make room for those of other orders.
                    Err(error) => {
                        tracing::warn!(order.id = order_id, error.cause = ?error, "webhooks of an order have to wait");
                        webhooks.postpone(&events).await;
                    }
                }
            });
        }
        Ok(())
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.shared.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn see_to(&self, order_id: &str, events: &[(WebhookEvent, About)]) -> Result<(), Error> {
        let Shared { store, engine, .. } = &*self.shared;
        let order = engine.stores.orders.order(order_id).await?;
        let mut credible = Vec::new();
        for (event, about) in events {
            let contradiction = match &order {
                Some(order) => event::contradiction(about, order),
                None => Some("there is no such order"),
            };
            match contradiction {
                Some(reason) => {
                    alarm(event, reason);
                    store
                        .settle_event(&event.id, EventState::Quarantined, Some(reason))
                        .await?;
                }
                None => credible.push(event),
            }
        }
        if credible.is_empty() {
            return Ok(());
        }
        let looked = self.look(order_id).await?;
        for event in credible {
            if looked {
                store.settle_event(&event.id, EventState::Done, None).await?;
            } else {
                store.postpone_event(&event.id, engine.now() + LATER).await?;
            }
        }
        Ok(())
    }

    /// Looks at these events later. Where the store is away, the next tick tries again.
    async fn postpone(&self, events: &[(WebhookEvent, About)]) {
        let Shared { store, engine, .. } = &*self.shared;
        let until = engine.now() + FAILED;
        for (event, _) in events {
            if store.postpone_event(&event.id, until).await.is_err() {
                break;
            }
        }
    }

    /// Takes the order on, which asks the provider. `false`: another process drives it, and may have asked before this came.
    async fn look(&self, order_id: &str) -> Result<bool, Error> {
        let engine = &self.shared.engine;
        // The run logs its failure, and the order is due again later.
        if engine.running(order_id).is_some() {
            let _ = engine.advance(order_id).await;
        }
        let _ = engine.advance(order_id).await;
        let order = engine.order(order_id).await?;
        Ok(!order.is_leased_by_other("", engine.now()) || !order.awaits_action())
    }
}

/// Takes the order off the list, also when its task dies.
struct Leaving<'a> {
    webhooks: &'a Webhooks,
    order_id: &'a str,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.webhooks.busy().remove(self.order_id);
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("payment_webhooks_total", "provider" => stripe::NAME, "outcome" => outcome)
        .increment(1);
}

/// An event that is not meant for this shop: its endpoint at Stripe, or the key, is another's.
fn foreign(event: &WebhookEvent, reason: &str) {
    metrics::counter!("payment_webhooks_ignored_total", "provider" => stripe::NAME).increment(1);
    tracing::warn!(
        event.id = event.id,
        event.kind = event.content.kind,
        event.reason = reason,
        "a payment provider's event is not of this key's account and mode, and is ignored"
    );
}

fn alarm(event: &WebhookEvent, reason: &str) {
    metrics::counter!("payment_webhooks_quarantined_total", "provider" => stripe::NAME).increment(1);
    tracing::error!(
        event.id = event.id,
        event.kind = event.content.kind,
        order.id = event.content.about.as_ref().map(|about| about.order_id.as_str()),
        event.reason = reason,
        "a payment provider's event contradicts what is known here"
    );
}
