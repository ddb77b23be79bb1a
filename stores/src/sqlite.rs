//! The embedded store: SQLite in WAL mode, one writer, many readers. Acknowledged writes are on the disk
//! (`synchronous=FULL`), and steps that arrive together share one commit, so that durable does not mean slow.

use std::{
    fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, panic::AssertUnwindSafe, path::Path,
    str::FromStr as _, time::Duration,
};

use anyhow::Context as _;
use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use sqlx::{
    Connection as _, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};

use comptoir_mesh::error::Error;

/// The most steps that share a commit; bounds how long the first of them waits for the last.
const MAX_BATCH: usize = 128;
/// The most steps that wait for the writer; more callers wait in a queue.
const QUEUE: usize = 1024;

/// Runs one step, after the statement that opens it; its caller gets the result after the commit.
type Step = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection, &'static str) -> BoxFuture<'c, Ran> + Send>;
/// The result of a step, and whether the transaction still exists: a full disk ends it.
type Ran = (Acknowledge, bool);
/// Sends a step's result to its caller, given whether the commit succeeded.
type Acknowledge = Box<dyn FnOnce(Result<(), &sqlx::Error>) + Send>;

/// A database file, open.
#[derive(Clone, Debug)]
pub struct Sqlite {
    readers: SqlitePool,
    steps: mpsc::Sender<Step>,
}

impl Sqlite {
    /// Opens and migrates the file, and creates it and its folder if missing. `location` is a path or `sqlite://PATH`.
    pub async fn open(location: &str, migrations: &Migrator) -> anyhow::Result<Self> {
        let path = location.strip_prefix("sqlite://").unwrap_or(location);
        if let Some(folder) = Path::new(path)
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        // Other users of the machine must not read customers' data. SQLite gives its other files the same mode.
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("cannot open the database {path}"))?;
        let options = SqliteConnectOptions::from_str("sqlite://")?
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(256)
            .pragma("temp_store", "memory")
            .pragma("cache_size", "-4096");
        let mut writer = SqliteConnection::connect_with(&options)
            .await
            .with_context(|| format!("cannot open the database {path}"))?;
        migrations
            .run(&mut writer)
            .await
            .with_context(|| format!("cannot migrate {path}"))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options.read_only(true))
            .await?;
        let (steps, queue) = mpsc::channel(QUEUE);
        tokio::spawn(write_loop(writer, queue));
        Ok(Self { readers, steps })
    }

    /// Connections for reading; each sees every acknowledged write.
    pub fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// Runs a step atomically, and returns once it is durable. A step that returns an error has no effect. It may share
    /// a transaction with others, so it must do database work only.
    pub async fn write<T, F>(&self, step: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let step: Step = Box::new(move |connection, opening| {
            Box::pin(async move {
                let (outcome, whole) = in_savepoint(connection, opening, step).await;
                let acknowledge: Acknowledge = Box::new(move |committed| {
                    // The caller may be gone; what was committed stays.
                    let _ = answer.send(match (outcome, committed) {
                        (Ok(value), Ok(())) => Ok(value),
                        (Ok(_), Err(error)) => {
                            Err(Error::unavailable(anyhow::anyhow!("commit failed: {error}")))
                        }
                        (Err(error), _) => Err(error),
                    });
                });
                (acknowledge, whole)
            })
        });
        let closed = || Error::unavailable(anyhow::anyhow!("the database's writer has stopped"));
        self.steps.send(step).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

/// Connections for reading a file that another process may be writing. Nothing is created or migrated.
pub async fn open_to_read(location: &str) -> anyhow::Result<SqlitePool> {
    let path = location.strip_prefix("sqlite://").unwrap_or(location);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(Duration::from_secs(5));
    SqlitePoolOptions::new()
        .max_connections(2)
        .connect_with(options)
        .await
        .with_context(|| format!("cannot open the database {path}"))
}

/// The result of the step, and whether the transaction around it still exists.
async fn in_savepoint<T, F>(
    connection: &mut SqliteConnection,
    opening: &'static str,
    step: F,
) -> (Result<T, Error>, bool)
where
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>>,
{
    if let Err(error) = sqlx::query(opening).execute(&mut *connection).await {
        return (Err(error.into()), false);
    }
    // A panic in a step would end the writer, and every step after it.
    let outcome = AssertUnwindSafe(step(&mut *connection))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Error::internal(anyhow::anyhow!("a step of the store panicked"))));
    if outcome.is_ok() {
        // The opening of the next step, or the commit, releases the savepoint.
        return (outcome, true);
    }
    match sqlx::query("ROLLBACK TO step").execute(&mut *connection).await {
        Ok(_) => (outcome, true),
        // The step's own error says more than the missing savepoint.
        Err(error) => (outcome.and(Err(error.into())), false),
    }
}

/// Opens a batch's transaction and its first step's savepoint, in one statement: each statement costs a trip to the
/// database's thread.
const FIRST: &str = "BEGIN IMMEDIATE; SAVEPOINT step";
/// Ends a step's savepoint and opens the next one's.
const NEXT: &str = "RELEASE step; SAVEPOINT step";

/// Runs waiting steps in transactions of at most a batch.
async fn write_loop(mut connection: SqliteConnection, mut queue: mpsc::Receiver<Step>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while queue.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let mut acknowledgements = Vec::with_capacity(batch.len());
        let mut whole = true;
        for step in batch.drain(..) {
            let opening = if acknowledgements.is_empty() { FIRST } else { NEXT };
            let (acknowledge, still) = step(&mut connection, opening).await;
            acknowledgements.push(acknowledge);
            whole = still;
            if !whole {
                // Outside of a transaction each step would commit on its own, although its caller gets a failure.
                // Dropping the steps reports an unavailable store to their callers.
                break;
            }
        }
        let committed = if whole {
            sqlx::query("COMMIT").execute(&mut connection).await.map(|_| ())
        } else {
            Err(sqlx::Error::Protocol(
                "the transaction ended within a step".into(),
            ))
        };
        if let Err(error) = &committed {
            tracing::error!(error.cause = %error, "the database did not take a commit");
            let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
        }
        for acknowledge in acknowledgements {
            acknowledge(committed.as_ref().copied());
        }
    }
    let _ = sqlx::query("PRAGMA optimize").execute(&mut connection).await;
    let _ = connection.close().await;
}

/// A time as stored: microseconds since 1970.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The time of stored [`micros`].
pub fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use comptoir_mesh::ErrorReason;

    static NONE: Migrator = Migrator::DEFAULT;

    async fn counter() -> (tempfile::TempDir, Sqlite) {
        let folder = tempfile::tempdir().unwrap();
        let db = Sqlite::open(folder.path().join("test.db").to_str().unwrap(), &NONE)
            .await
            .unwrap();
        db.write(|tx| {
            Box::pin(async move {
                sqlx::query("CREATE TABLE counter (value INTEGER NOT NULL)")
                    .execute(&mut *tx)
                    .await?;
                sqlx::query("INSERT INTO counter VALUES (0)").execute(tx).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
        (folder, db)
    }

    async fn value(db: &Sqlite) -> i64 {
        sqlx::query_scalar("SELECT value FROM counter")
            .fetch_one(db.reader())
            .await
            .unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn steps_that_share_a_commit_fail_alone() {
        let (_folder, db) = counter().await;
        let steps = (0..200).map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                db.write(move |tx| {
                    Box::pin(async move {
                        sqlx::query("UPDATE counter SET value = value + 1")
                            .execute(tx)
                            .await?;
                        if n % 2 == 0 {
                            Err(Error::new(ErrorReason::InvalidState, "even"))
                        } else {
                            Ok(n)
                        }
                    })
                })
                .await
            })
        });
        let outcomes = futures::future::join_all(steps).await;
        assert_eq!(
            outcomes
                .into_iter()
                .filter(|outcome| outcome.as_ref().unwrap().is_ok())
                .count(),
            100
        );
        assert_eq!(value(&db).await, 100);
    }

    #[tokio::test]
    async fn a_step_that_panics_fails_alone() {
        let (_folder, db) = counter().await;
        let outcome: Result<(), Error> = db
            .write(|tx| {
                Box::pin(async move {
                    sqlx::query("UPDATE counter SET value = 7").execute(tx).await?;
                    panic!("a defect")
                })
            })
            .await;
        assert_eq!(outcome.unwrap_err().reason(), ErrorReason::Internal);
        let increment = db.write(|tx| {
            Box::pin(async move {
                sqlx::query("UPDATE counter SET value = value + 1")
                    .execute(tx)
                    .await?;
                Ok(())
            })
        });
        increment.await.unwrap();
        assert_eq!(value(&db).await, 1);
    }

    #[tokio::test]
    async fn a_transaction_that_ends_within_a_step_takes_its_neighbours_along_and_says_so() {
        let (_folder, db) = counter().await;
        let step = |ends: bool| {
            db.write(move |tx| {
                Box::pin(async move {
                    sqlx::query("UPDATE counter SET value = value + 1")
                        .execute(&mut *tx)
                        .await?;
                    if ends {
                        // As SQLite does when the disk is full.
                        sqlx::query("ROLLBACK").execute(tx).await?;
                        return Err(Error::new(ErrorReason::InvalidState, "its own"));
                    }
                    Ok(())
                })
            })
        };
        // All in one batch: on this single thread the writer runs after the three.
        let outcomes = futures::future::join_all([step(false), step(true), step(false)]).await;
        let reasons: Vec<_> = outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_err().reason())
            .collect();
        assert_eq!(
            reasons,
            [
                ErrorReason::DependencyUnavailable,
                ErrorReason::InvalidState,
                ErrorReason::DependencyUnavailable
            ]
        );
        assert_eq!(value(&db).await, 0, "nothing stands that was refused");
        step(false).await.unwrap();
        assert_eq!(value(&db).await, 1);
    }

    #[tokio::test]
    async fn what_was_acknowledged_is_read() {
        let (_folder, db) = counter().await;
        for expected in 1..=20 {
            db.write(|tx| {
                Box::pin(async move {
                    sqlx::query("UPDATE counter SET value = value + 1")
                        .execute(tx)
                        .await?;
                    Ok(())
                })
            })
            .await
            .unwrap();
            assert_eq!(value(&db).await, expected);
        }
    }
}
