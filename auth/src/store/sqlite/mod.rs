//! The embedded adapter: documents as JSON, with columns for what is searched and constrained.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use comptoir_events::{AUTH_TOPIC, Outbox, Record};
use comptoir_mesh::error::Error;
use comptoir_stores::sqlite::{Sqlite as Database, micros};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::SqliteConnection;
use tokio::sync::Notify;

use crate::domain::mail::Mail;

mod attempts;
mod keys;
mod mails;
mod sessions;
mod users;

/// The store in one SQLite file.
#[derive(Clone)]
pub(crate) struct Sqlite {
    db: Database,
    changed: Arc<Notify>,
}

impl Sqlite {
    /// Opens and migrates the file, which only its owner may read: it holds keys.
    pub(crate) async fn open(location: &str) -> anyhow::Result<Self> {
        make_private(location.strip_prefix("sqlite://").unwrap_or(location).as_ref())?;
        let db = Database::open(
            location,
            &comptoir_stores::migrations!("sqlite": "0001_auth", "0002_sent_mails"),
        )
        .await?;
        Ok(Self {
            db,
            changed: Arc::new(Notify::new()),
        })
    }
}

/// Creates the file before SQLite does, with permissions that its journals inherit.
fn make_private(path: &Path) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    Ok(())
}

comptoir_stores::from_row! {
    /// A column that holds a document.
    struct Row {
        document: String,
    }
}

fn encode<T: Serialize>(document: &T) -> Result<String, Error> {
    serde_json::to_string(document).map_err(Error::internal)
}

/// Reads a document. The parser's message is dropped, since it may quote the document.
fn decode<T: DeserializeOwned>(document: &str) -> Result<T, Error> {
    serde_json::from_str(document).map_err(|error| {
        Error::internal(anyhow::anyhow!(
            "a stored document cannot be read ({:?})",
            error.classify()
        ))
    })
}

fn decode_row<T: DeserializeOwned>(row: Option<Row>) -> Result<Option<T>, Error> {
    row.map(|row| decode(&row.document)).transpose()
}

fn decode_rows<T: DeserializeOwned>(rows: &[Row]) -> Result<Vec<T>, Error> {
    rows.iter().map(|row| decode(&row.document)).collect()
}

#[async_trait]
impl Outbox for Sqlite {
    async fn pending(&self, limit: usize) -> Result<Vec<Record>, Error> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT document FROM mails WHERE pending > 0 ORDER BY requested_at, id LIMIT ?")
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(self.db.reader())
                .await?;
        let mails: Vec<Mail> = decode_rows(&rows)?;
        let records = mails.iter().flat_map(|mail| {
            mail.outbox.iter().map(|entry| Record {
                topic: AUTH_TOPIC,
                key: mail.id.clone(),
                id: entry.id.clone(),
                sequence: entry.sequence,
                payload: entry.payload.clone(),
            })
        });
        Ok(records.collect())
    }

    async fn done(&self, records: &[Record]) -> Result<(), Error> {
        let published: Vec<(String, u64)> = records
            .iter()
            .map(|record| (record.key.clone(), record.sequence))
            .collect();
        if published.is_empty() {
            return Ok(());
        }
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    for (mail_id, sequence) in published {
                        if let Some(mut mail) = mails::read(tx, &mail_id).await? {
                            mail.outbox.retain(|entry| entry.sequence != sequence);
                            mails::update(tx, &mail).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }
}

/// Whether the statement changed a row.
async fn changed_one(
    query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    tx: &mut SqliteConnection,
) -> Result<bool, Error> {
    Ok(query.execute(tx).await?.rows_affected() == 1)
}

/// Whether an insert failed because the row exists.
fn is_taken(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// A version as a column.
fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An optional time as a column.
fn optional_micros(at: Option<jiff::Timestamp>) -> Option<i64> {
    at.map(micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, contract};

    async fn run<F: Future<Output = ()>>(_: &str, promise: impl FnOnce(Arc<dyn Store>) -> F) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.db");
        promise(Arc::new(Sqlite::open(path.to_str().unwrap()).await.unwrap())).await;
    }

    contract::tests!(run);

    #[cfg(unix)]
    #[tokio::test]
    async fn only_its_owner_reads_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("auth.db");
        let store = Sqlite::open(&format!("sqlite://{}", path.display()))
            .await
            .unwrap();
        crate::store::Keys::root_key(&store, [1; 32]).await.unwrap();
        for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(
                entry.metadata().unwrap().permissions().mode() & 0o077,
                0,
                "{:?}",
                entry.file_name()
            );
        }
    }
}
