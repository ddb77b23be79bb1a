//! Events of payment providers in SQLite.

use async_trait::async_trait;
use comptoir_mesh::Error;
use comptoir_stores::sqlite::{Sqlite, micros, timestamp};
use jiff::Timestamp;

use super::{decode, encode};
use crate::{
    domain::webhook::{EventState, WebhookEvent},
    store::webhooks::{Recorded, WebhookStore},
};

/// The events of one database file.
#[derive(Clone, Debug)]
pub struct SqliteWebhooks {
    db: Sqlite,
}

impl SqliteWebhooks {
    /// The events of this file, which is migrated already.
    pub fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

const COLUMNS: &str = "SELECT id, digest, state, reason, received_at, due_at, document FROM webhook_events";

comptoir_stores::from_row! {
    struct Row {
        id: String,
        digest: String,
        state: String,
        reason: Option<String>,
        received_at: i64,
        due_at: Option<i64>,
        document: String,
    }
}

impl Row {
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
            digest: self.digest,
            reason: self.reason,
            received_at: timestamp(self.received_at),
            due_at: self.due_at.map(timestamp),
            content: decode(&self.document)?,
            id: self.id,
        })
    }
}

#[async_trait]
impl WebhookStore for SqliteWebhooks {
    async fn record_event(&self, event: &WebhookEvent) -> Result<Recorded, Error> {
        let (event, document) = (event.clone(), encode(&event.content)?);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let before: Option<String> =
                        sqlx::query_scalar("SELECT digest FROM webhook_events WHERE id = ?")
                            .bind(&event.id)
                            .fetch_optional(&mut *tx)
                            .await?;
                    match before {
                        Some(digest) if digest == event.digest => return Ok(Recorded::Known),
                        Some(_) => return Ok(Recorded::Conflict),
                        None => {}
                    }
                    sqlx::query(
                        "INSERT INTO webhook_events (id, digest, state, reason, received_at, due_at, document) \
                         VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )
                    .bind(&event.id)
                    .bind(&event.digest)
                    .bind(event.state.name())
                    .bind(&event.reason)
                    .bind(micros(event.received_at))
                    .bind(event.due_at.map(micros))
                    .bind(&document)
                    .execute(tx)
                    .await?;
                    Ok(Recorded::New)
                })
            })
            .await
    }

    async fn webhook_event(&self, id: &str) -> Result<Option<WebhookEvent>, Error> {
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = ?")))
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        row.map(Row::into_domain).transpose()
    }

    async fn due_webhook_events(&self, now: Timestamp, limit: usize) -> Result<Vec<WebhookEvent>, Error> {
        let query = format!(
            "{COLUMNS} WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at, received_at, rowid LIMIT ?"
        );
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(micros(now))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(self.db.reader())
            .await?;
        rows.into_iter().map(Row::into_domain).collect()
    }

    async fn settle_event(&self, id: &str, state: EventState, reason: Option<&str>) -> Result<(), Error> {
        let (id, reason) = (id.to_owned(), reason.map(str::to_owned));
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "UPDATE webhook_events SET state = ?, reason = ?, due_at = NULL \
                         WHERE id = ? AND state = 'waiting'",
                    )
                    .bind(state.name())
                    .bind(reason)
                    .bind(id)
                    .execute(tx)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    async fn postpone_event(&self, id: &str, until: Timestamp) -> Result<(), Error> {
        let id = id.to_owned();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query("UPDATE webhook_events SET due_at = ? WHERE id = ? AND state = 'waiting'")
                        .bind(micros(until))
                        .bind(id)
                        .execute(tx)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    async fn forget_events(&self, before: Timestamp) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "DELETE FROM webhook_events WHERE received_at < ? AND state IN ('done', 'ignored')",
                    )
                    .bind(micros(before))
                    .execute(tx)
                    .await?;
                    Ok(())
                })
            })
            .await
    }
}
