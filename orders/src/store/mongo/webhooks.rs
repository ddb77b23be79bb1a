//! Events of payment providers in MongoDB: a document each. Of any number that come at once under one id, the unique `_id` lets
//! one in; the others then see its digest.

use async_trait::async_trait;
use comptoir_mesh::Error;
use comptoir_stores::{
    mongo::is_duplicate,
    sqlite::{micros, timestamp},
};
use jiff::Timestamp;
use mongodb::{
    Collection, Database,
    bson::{Document, doc},
};
use serde::{Deserialize, Serialize};

use super::{all, index, limit, sparse};
use crate::{
    domain::webhook::{EventState, WebhookContent, WebhookEvent},
    store::webhooks::{Recorded, WebhookStore},
};

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "_id")]
    id: String,
    digest: String,
    state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    received_at: i64,
    /// Only while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<i64>,
    event: WebhookContent,
}

impl From<&WebhookEvent> for Stored {
    fn from(event: &WebhookEvent) -> Self {
        Self {
            id: event.id.clone(),
            digest: event.digest.clone(),
            state: event.state.name().to_owned(),
            reason: event.reason.clone(),
            received_at: micros(event.received_at),
            due_at: event.due_at.map(micros),
            event: event.content.clone(),
        }
    }
}

impl Stored {
    fn into_domain(self) -> Result<WebhookEvent, Error> {
        let unknown = || {
            Error::internal(anyhow::anyhow!(
                "the event {} has the state {}",
                self.id,
                self.state
            ))
        };
        Ok(WebhookEvent {
            state: EventState::of(&self.state).ok_or_else(unknown)?,
            id: self.id,
            digest: self.digest,
            reason: self.reason,
            received_at: timestamp(self.received_at),
            due_at: self.due_at.map(timestamp),
            content: self.event,
        })
    }
}

/// The events of one database.
#[derive(Clone)]
pub struct MongoWebhooks {
    events: Collection<Stored>,
}

impl MongoWebhooks {
    /// The events of this database; makes their indexes.
    pub async fn open(database: &Database) -> mongodb::error::Result<Self> {
        let events = database.collection("webhook_events");
        events
            .create_indexes([
                sparse("webhook_events_due", doc! { "due_at": 1, "received_at": 1 }),
                index("webhook_events_received", doc! { "received_at": 1 }),
            ])
            .await?;
        Ok(Self { events })
    }

    async fn update_waiting(&self, id: &str, update: Document) -> Result<(), Error> {
        let filter = doc! { "_id": id, "state": EventState::Waiting.name() };
        self.events.update_one(filter, update).await?;
        Ok(())
    }
}

#[async_trait]
impl WebhookStore for MongoWebhooks {
    async fn record_event(&self, event: &WebhookEvent) -> Result<Recorded, Error> {
        match self.events.insert_one(Stored::from(event)).await {
            Ok(_) => return Ok(Recorded::New),
            Err(error) if is_duplicate(&error).is_some() => {}
            Err(error) => return Err(error.into()),
        }
        let before = self.webhook_event(&event.id).await?;
        Ok(match before {
            Some(before) if before.digest != event.digest => Recorded::Conflict,
            _ => Recorded::Known,
        })
    }

    async fn webhook_event(&self, id: &str) -> Result<Option<WebhookEvent>, Error> {
        let stored = self.events.find_one(doc! { "_id": id }).await?;
        stored.map(Stored::into_domain).transpose()
    }

    async fn due_webhook_events(&self, now: Timestamp, most: usize) -> Result<Vec<WebhookEvent>, Error> {
        let found = self
            .events
            .find(doc! { "due_at": { "$lte": micros(now) } })
            .sort(doc! { "due_at": 1, "received_at": 1 })
            .limit(limit(most))
            .await;
        all(found).await?.into_iter().map(Stored::into_domain).collect()
    }

    async fn settle_event(&self, id: &str, state: EventState, reason: Option<&str>) -> Result<(), Error> {
        let mut set = doc! { "state": state.name() };
        if let Some(reason) = reason {
            set.insert("reason", reason);
        }
        self.update_waiting(id, doc! { "$set": set, "$unset": { "due_at": "" } })
            .await
    }

    async fn postpone_event(&self, id: &str, until: Timestamp) -> Result<(), Error> {
        self.update_waiting(id, doc! { "$set": { "due_at": micros(until) } })
            .await
    }

    async fn forget_events(&self, before: Timestamp) -> Result<(), Error> {
        let settled = [EventState::Done.name(), EventState::Ignored.name()];
        let filter = doc! { "received_at": { "$lt": micros(before) }, "state": { "$in": settled.to_vec() } };
        self.events.delete_many(filter).await?;
        Ok(())
    }
}
