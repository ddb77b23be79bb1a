//! The notifier's store port. Each method is one atomic step. Documents change by compare-and-set on their version, so
//! that a store with atomic single documents can hold every promise of [`contract`].

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

/// All of the port. An error is a store out of reach or broken; every expected result is in the `Ok` types.
pub trait Store: Events + Deliveries + Mailbox + Feedback {}

impl<T: Events + Deliveries + Mailbox + Feedback> Store for T {}

/// The inbox, and dead letters.
#[async_trait]
pub trait Events: Send + Sync + 'static {
    /// Records an event and the deliveries it asks for: both or neither, durably. A known event changes nothing.
    async fn record(&self, entry: InboxEntry, deliveries: Vec<Delivery>) -> Result<Recorded, Error>;

    /// Keeps a dead letter; `false` when it was kept before.
    async fn keep_dead_letter(&self, letter: DeadLetter) -> Result<bool, Error>;

    /// The newest dead letters.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, Error>;
}

/// Deliveries, changed by compare-and-set on their version.
#[async_trait]
pub trait Deliveries: Send + Sync + 'static {
    /// Claims up to `limit` deliveries that are due at `now`, the longest due first, until `lease_until`. No delivery is claimed
    /// twice at one time.
    async fn claim(&self, now: Timestamp, lease_until: Timestamp, limit: u32)
    -> Result<Vec<Delivery>, Error>;

    /// When the next delivery is due, if any is.
    async fn next_due(&self) -> Result<Option<Timestamp>, Error>;

    /// Writes a changed delivery if the stored one has the version before; `false` if not.
    async fn save(&self, delivery: Delivery) -> Result<bool, Error>;

    /// Reads a delivery.
    async fn delivery(&self, id: &str) -> Result<Option<Delivery>, Error>;

    /// A page of deliveries after `after`, newest first.
    async fn deliveries(
        &self,
        status: Option<Status>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Delivery>, Error>;

    /// The number of deliveries.
    async fn count(&self, status: Option<Status>) -> Result<i64, Error>;
}

/// The development mailbox.
#[async_trait]
pub trait Mailbox: Send + Sync + 'static {
    /// Puts a message into the mailbox; `false` when a message with its id is there.
    async fn post(&self, message: Message, now: Timestamp) -> Result<bool, Error>;

    /// A page of the mailbox after `after`, newest first: of one recipient, by [`Recipient::lookup_key`], or of all.
    ///
    /// [`Recipient::lookup_key`]: crate::domain::message::Recipient::lookup_key
    async fn mailbox(
        &self,
        recipient: Option<&str>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Posted>, Error>;
}

/// The result of recording an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded now.
    New,
    /// It was recorded before, with the same body.
    Duplicate,
    /// Its id was recorded before, with another body.
    Conflict,
}

/// A message in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The message.
    pub message: Message,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// A position in a list that is sorted newest first: after the entry with this time and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The time of creation.
    pub created_at: Timestamp,
    /// Its id.
    pub id: String,
}

impl Position {
    /// As an opaque cursor.
    pub fn cursor(&self) -> String {
        format!("{:016x}{}", self.created_at.as_microsecond(), self.id)
    }

    /// Reads a cursor; `None` if it is invalid.
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
    /// Its position in the list of deliveries.
    pub(crate) fn position(&self) -> Position {
        Position {
            created_at: self.created_at,
            id: self.id.clone(),
        }
    }
}

impl Posted {
    /// Its position in the mailbox.
    pub(crate) fn position(&self) -> Position {
        Position {
            created_at: self.created_at,
            id: self.message.id.clone(),
        }
    }
}
