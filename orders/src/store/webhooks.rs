//! What the service asks of the store of its providers' events: a document each, kept by the provider's id.

use async_trait::async_trait;
use comptoir_mesh::Error;
use jiff::Timestamp;

use crate::domain::webhook::{EventState, WebhookEvent};

/// Events of payment providers.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Keeps an event, unless its id is there already.
    async fn record_event(&self, event: &WebhookEvent) -> Result<Recorded, Error>;

    /// Reads an event.
    async fn webhook_event(&self, id: &str) -> Result<Option<WebhookEvent>, Error>;

    /// Events that are due at `now`, the longest due first.
    async fn due_webhook_events(&self, now: Timestamp, limit: usize) -> Result<Vec<WebhookEvent>, Error>;

    /// Records the result of a pending event; others do not change.
    async fn settle_event(&self, id: &str, state: EventState, reason: Option<&str>) -> Result<(), Error>;

    /// Looks at an event that waits later.
    async fn postpone_event(&self, id: &str, until: Timestamp) -> Result<(), Error>;

    /// Removes what came before `before`, but for what waits or is quarantined.
    async fn forget_events(&self, before: Timestamp) -> Result<(), Error>;
}

/// The result of storing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It came for the first time.
    New,
    /// It was there, the same.
    Known,
    /// Another one was there under its id.
    Conflict,
}
