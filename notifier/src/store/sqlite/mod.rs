//! The adapter for SQLite: documents as JSON, with columns for what is searched.

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_stores::sqlite::{Sqlite, micros, timestamp};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use super::documents::MessageDocument;
use super::{Deliveries, Events, Mailbox, Position, Posted, Recorded};
use crate::domain::delivery::{Delivery, Status};
use crate::domain::message::{Message, Recipient};
use crate::domain::record::{DeadLetter, DeadReason, InboxEntry};

mod feedback;

/// The store in a SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    db: Sqlite,
}

impl SqliteStore {
    /// Opens and migrates the database at this path or `sqlite://` URL.
    pub async fn open(location: &str) -> anyhow::Result<Self> {
        Ok(Self {
            db: Sqlite::open(location, &comptoir_stores::migrations!("sqlite": "0001_deliveries", "0002_feedback", "0003_counted_mails")).await?,
        })
    }
}

comptoir_stores::from_row! {
    struct DocumentRow {
        document: String,
    }
}

impl DocumentRow {
    fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_str(&self.document).map_err(Error::internal)
    }
}

comptoir_stores::from_row! {
    struct MailboxRow {
        document: String,
        created_at: i64,
    }
}

comptoir_stores::from_row! {
    struct DeadLetterRow {
        id: String,
        topic: String,
        record_key: String,
        event_id: String,
        sequence: i64,
        reason: String,
        error: String,
        payload: Vec<u8>,
        received_at: i64,
    }
}

#[async_trait]
impl Events for SqliteStore {
    async fn record(&self, entry: InboxEntry, deliveries: Vec<Delivery>) -> Result<Recorded, Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let known: Option<Vec<u8>> =
                        sqlx::query_scalar("SELECT body_sha256 FROM inbox WHERE event_id = ?")
                            .bind(&entry.event_id)
                            .fetch_optional(&mut *tx)
                            .await?;
                    if let Some(known) = known {
                        let same = known == entry.body_sha256;
                        return Ok(if same {
                            Recorded::Duplicate
                        } else {
                            Recorded::Conflict
                        });
                    }
                    sqlx::query(
                        "INSERT INTO inbox (event_id, topic, body_sha256, received_at) VALUES (?, ?, ?, ?)",
                    )
                    .bind(&entry.event_id)
                    .bind(&entry.topic)
                    .bind(entry.body_sha256.as_slice())
                    .bind(micros(entry.received_at))
                    .execute(&mut *tx)
                    .await?;
                    for delivery in deliveries {
                        // The id is derived from the event's, so it exists only if it was recorded before there was an
                        // inbox.
                        sqlx::query(
                            "INSERT INTO deliveries (id, version, document, status, created_at, due_at)
                             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                        )
                        .bind(&delivery.id)
                        .bind(delivery.version)
                        .bind(to_json(&delivery)?)
                        .bind(delivery.status().as_str())
                        .bind(micros(delivery.created_at))
                        .bind(delivery.due().map(micros))
                        .execute(&mut *tx)
                        .await?;
                    }
                    Ok(Recorded::New)
                })
            })
            .await
    }

    async fn keep_dead_letter(&self, letter: DeadLetter) -> Result<bool, Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let done = sqlx::query(
                        "INSERT INTO dead_letters
                             (id, topic, record_key, event_id, sequence, reason, error, payload, received_at)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                    )
                    .bind(letter.id)
                    .bind(letter.topic)
                    .bind(letter.key)
                    .bind(letter.event_id)
                    .bind(i64::try_from(letter.sequence).unwrap_or(i64::MAX))
                    .bind(letter.reason.as_str())
                    .bind(letter.error)
                    .bind(letter.payload)
                    .bind(micros(letter.received_at))
                    .execute(tx)
                    .await?;
                    Ok(done.rows_affected() == 1)
                })
            })
            .await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        let rows: Vec<DeadLetterRow> =
            sqlx::query_as("SELECT * FROM dead_letters ORDER BY received_at DESC, id DESC LIMIT ?")
                .bind(limit)
                .fetch_all(self.db.reader())
                .await?;
        Ok(rows.into_iter().map(DeadLetter::from).collect())
    }
}

#[async_trait]
impl Deliveries for SqliteStore {
    async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    // Events of one order can have the same microsecond: then the order of insertion decides.
                    let rows: Vec<DocumentRow> = sqlx::query_as(
                        "SELECT document FROM deliveries WHERE due_at <= ? ORDER BY due_at, rowid LIMIT ?",
                    )
                    .bind(micros(now))
                    .bind(limit)
                    .fetch_all(&mut *tx)
                    .await?;
                    let mut claimed = Vec::with_capacity(rows.len());
                    for row in rows {
                        let delivery = row.read::<Delivery>()?.sending(lease_until);
                        if update(&mut *tx, &delivery).await? {
                            claimed.push(delivery);
                        }
                    }
                    Ok(claimed)
                })
            })
            .await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, Error> {
        let due: Option<i64> =
            sqlx::query_scalar("SELECT MIN(due_at) FROM deliveries WHERE due_at IS NOT NULL")
                .fetch_one(self.db.reader())
                .await?;
        Ok(due.map(timestamp))
    }

    async fn save(&self, delivery: Delivery) -> Result<bool, Error> {
        self.db
            .write(move |tx| Box::pin(async move { update(tx, &delivery).await }))
            .await
    }

    async fn delivery(&self, id: &str) -> Result<Option<Delivery>, Error> {
        let row: Option<DocumentRow> = sqlx::query_as("SELECT document FROM deliveries WHERE id = ?")
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        row.map(DocumentRow::read).transpose()
    }

    async fn deliveries(
        &self,
        status: Option<Status>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Delivery>, Error> {
        let (time, id) = behind(after);
        let query = match status {
            None => sqlx::query_as(
                "SELECT document FROM deliveries WHERE (created_at, id) < (?, ?)
                 ORDER BY created_at DESC, id DESC LIMIT ?",
            ),
            Some(status) => sqlx::query_as(
                "SELECT document FROM deliveries WHERE status = ? AND (created_at, id) < (?, ?)
                 ORDER BY created_at DESC, id DESC LIMIT ?",
            )
            .bind(status.as_str()),
        };
        let rows: Vec<DocumentRow> = query
            .bind(time)
            .bind(id)
            .bind(limit)
            .fetch_all(self.db.reader())
            .await?;
        rows.into_iter().map(DocumentRow::read).collect()
    }

    async fn count(&self, status: Option<Status>) -> Result<i64, Error> {
        let query = match status {
            None => sqlx::query_scalar("SELECT COUNT(*) FROM deliveries"),
            Some(status) => {
                sqlx::query_scalar("SELECT COUNT(*) FROM deliveries WHERE status = ?").bind(status.as_str())
            }
        };
        Ok(query.fetch_one(self.db.reader()).await?)
    }
}

#[async_trait]
impl Mailbox for SqliteStore {
    async fn post(&self, message: Message, now: Timestamp) -> Result<bool, Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let key = Recipient::lookup_key(message.to.as_str());
                    let done = sqlx::query(
                        "INSERT INTO mailbox (id, document, recipient, created_at) VALUES (?, ?, ?, ?)
                         ON CONFLICT (id) DO NOTHING",
                    )
                    .bind(message.id.clone())
                    .bind(to_json(&MessageDocument::from(message))?)
                    .bind(key)
                    .bind(micros(now))
                    .execute(tx)
                    .await?;
                    Ok(done.rows_affected() == 1)
                })
            })
            .await
    }

    async fn mailbox(
        &self,
        recipient: Option<&str>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Posted>, Error> {
        let (time, id) = behind(after);
        let query = match recipient {
            None => sqlx::query_as(
                "SELECT document, created_at FROM mailbox WHERE (created_at, id) < (?, ?)
                 ORDER BY created_at DESC, id DESC LIMIT ?",
            ),
            Some(recipient) => sqlx::query_as(
                "SELECT document, created_at FROM mailbox WHERE recipient = ? AND (created_at, id) < (?, ?)
                 ORDER BY created_at DESC, id DESC LIMIT ?",
            )
            .bind(recipient.to_owned()),
        };
        let rows: Vec<MailboxRow> = query
            .bind(time)
            .bind(id)
            .bind(limit)
            .fetch_all(self.db.reader())
            .await?;
        rows.into_iter().map(Posted::try_from).collect()
    }
}

/// Compare-and-set: writes the document if the stored one has the version before.
async fn update(tx: &mut SqliteConnection, delivery: &Delivery) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE deliveries SET version = ?, document = ?, status = ?, due_at = ? WHERE id = ? AND version = ?",
    )
    .bind(delivery.version)
    .bind(to_json(delivery)?)
    .bind(delivery.status().as_str())
    .bind(delivery.due().map(micros))
    .bind(&delivery.id)
    .bind(delivery.version - 1)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The start of a page, as a bound.
fn behind(after: Option<Position>) -> (i64, String) {
    after.map_or_else(
        || (i64::MAX, String::new()),
        |position| (micros(position.created_at), position.id),
    )
}

fn to_json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(Error::internal)
}

impl From<DeadLetterRow> for DeadLetter {
    fn from(row: DeadLetterRow) -> Self {
        Self {
            id: row.id,
            topic: row.topic,
            key: row.record_key,
            event_id: row.event_id,
            sequence: u64::try_from(row.sequence).unwrap_or(0),
            reason: DeadReason::from_name(&row.reason).unwrap_or(DeadReason::HandlerFailed),
            error: row.error,
            payload: row.payload,
            received_at: timestamp(row.received_at),
        }
    }
}

impl TryFrom<MailboxRow> for Posted {
    type Error = Error;

    fn try_from(row: MailboxRow) -> Result<Self, Error> {
        let document: MessageDocument = serde_json::from_str(&row.document).map_err(Error::internal)?;
        Ok(Self {
            message: document.try_into()?,
            created_at: timestamp(row.created_at),
        })
    }
}
