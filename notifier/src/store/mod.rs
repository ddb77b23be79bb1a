//! What the notifier keeps, as one port: each method is one atomic step. Documents change by compare-and-set on their version,
//! so that a store with single-document atomicity can keep every promise of [`contract`].

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use comptoir_mesh::env::{self, Env, Server};
use comptoir_mesh::error::Error;
use jiff::Timestamp;

use crate::domain::delivery::{Delivery, Status};
use crate::domain::message::Message;
use crate::domain::record::{DeadLetter, InboxEntry};

pub mod contract;
mod documents;
mod feedback;
mod mongo;
mod sqlite;

pub use feedback::Feedback;
pub use mongo::MongoStore;
pub use sqlite::SqliteStore;

/// Opens the store that the settings name.
pub(crate) async fn open(setting: Option<&str>, env: &Env) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match env.store("notifier", setting, Server::Mongo)? {
        env::Store::Sqlite(location) => Arc::new(
            SqliteStore::open(&location)
                .await
                .context("COMPTOIR_NOTIFIER_STORE: cannot open the notifier's store")?,
        ),
        env::Store::Server(server) => Arc::new(MongoStore::open(&server).await?),
    })
}

/// What the notifier keeps. Errors are those of the store being out of reach or broken; what a caller can expect is in the
/// `Ok` types.
#[async_trait]
pub trait Store: Feedback {
    /// Remembers an event and what it asks for: both or neither, durably. An event that is there already changes nothing.
    async fn record(&self, entry: InboxEntry, deliveries: Vec<Delivery>) -> Result<Recorded, Error>;

    /// Keeps a dead letter; `false` when it is there already.
    async fn bury(&self, letter: DeadLetter) -> Result<bool, Error>;

    /// The newest dead letters.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, Error>;

    /// Takes up to `limit` deliveries that are due at `now`, the longest due first: each is then sending until `lease_until`.
    /// None is given to two callers.
    async fn claim(&self, now: Timestamp, lease_until: Timestamp, limit: u32)
    -> Result<Vec<Delivery>, Error>;

    /// When the next delivery is due, if any is.
    async fn next_due(&self) -> Result<Option<Timestamp>, Error>;

    /// Writes a changed delivery if the stored one is of the version before; `false` if it is not.
    async fn save(&self, delivery: Delivery) -> Result<bool, Error>;

    /// Reads a delivery.
    async fn delivery(&self, id: &str) -> Result<Option<Delivery>, Error>;

    /// A page of deliveries, newest first, behind `after`.
    async fn deliveries(
        &self,
        status: Option<Status>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Delivery>, Error>;

    /// How many deliveries there are.
    async fn count(&self, status: Option<Status>) -> Result<i64, Error>;

    /// Puts a message into the mailbox; `false` when one of its id is there already.
    async fn post(&self, message: Message, now: Timestamp) -> Result<bool, Error>;

    /// A page of the mailbox, newest first, behind `after`; of one recipient, by [`Recipient::lookup_key`], or of all.
    ///
    /// [`Recipient::lookup_key`]: crate::domain::message::Recipient::lookup_key
    async fn mailbox(
        &self,
        recipient: Option<&str>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Posted>, Error>;
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is remembered now.
    New,
    /// It was already, with the same body.
    Duplicate,
    /// Its id was already, with another body.
    Conflict,
}

/// A message in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The message.
    pub message: Message,
    /// When it was put there.
    pub created_at: Timestamp,
}

/// A place in a list that is ordered newest first: behind the thing made then, with this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// When it was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: String,
}

impl Position {
    /// As an opaque cursor.
    pub fn cursor(&self) -> String {
        format!("{:016x}{}", self.created_at.as_microsecond(), self.id)
    }

    /// Reads a cursor; `None` when it is none.
    pub fn parse(cursor: &str) -> Option<Self> {
        let (time, id) = cursor.split_at_checked(16)?;
        let created_at = Timestamp::from_microsecond(i64::from_str_radix(time, 16).ok()?).ok()?;
        let is_id = id.len() <= 64
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (is_id && !id.is_empty()).then(|| Self {
            created_at,
            id: id.to_owned(),
        })
    }
}

impl Delivery {
    /// Its place in the list of deliveries.
    pub(crate) fn position(&self) -> Position {
        Position {
            created_at: self.created_at,
            id: self.id.clone(),
        }
    }
}

impl Posted {
    /// Its place in the mailbox.
    pub(crate) fn position(&self) -> Position {
        Position {
            created_at: self.created_at,
            id: self.message.id.clone(),
        }
    }
}
