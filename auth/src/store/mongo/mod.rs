//! The adapter for MongoDB: one document for each aggregate, as in the domain.
//!
//! No step uses a transaction. A write of one document is atomic; where a step needs several, their order keeps every
//! promise through a crash between two writes and through concurrent calls:
//!
//! - **A link** (`mails`) is used by the write of the account: the compare-and-set stores the mail's id in it. An
//!   opened account keeps the id for good (`opened_by`, unique: a mail opens one account ever), a changed one until the
//!   next link is used (`used_mail`), which first marks the mail before it. The second write marks the mail. If it is
//!   missing, the link looks open; using it then finds the id in the account, marks the mail and is refused.
//! - **Roles and states** change one at a time, under the lock in `access`: a change is registered there with the next
//!   number while no other is, done to the account, which stores the number, and cleared. A process that finds a
//!   registered change finishes it; an account that has its number is not changed again. While no change is registered
//!   no role changes, so that counting the other administrators and registering with the number that was read before is
//!   one step. The first administrator is created the same way, and its number is unique among the accounts.
//! - **Attempts** are counted in `attempts`, one document for each key: a time is pushed only while the array is
//!   shorter than the limit. The account's counter comes first; when the client address then has no room, the account's
//!   is taken back. A crash in between leaves one attempt too many in the window, never one too few. Until it is taken
//!   back, another attempt at the account may be refused.
//! - **Mails** are counted in the address's counter (`mail_counts`) before they are stored. A crash in between allows
//!   the address one mail less in that hour, never one more.
//! - **A session** is opened after its attempt was forgiven: the password was correct either way.
//! - **The outbox** is in the mail. `unpublished_at` marks a mail with entries, for a sparse index. It is removed after
//!   the last entry, and reads check the entries too.
//!
//! Steps of several writes run to their end even if their caller disconnects.
//!
//! Reads return what a majority has acknowledged. A write that won may not be visible yet: a step that lost to it
//! waits, at most five seconds in all, so that the caller does not read the old document again.
//!
//! Every value in a filter is typed; a caller's text is never a document, and is escaped in searches. Times are
//! microseconds.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use comptoir_mesh::clock::Clock;
use comptoir_mesh::env::{Env, ServerUrl, Tasks};
use comptoir_mesh::error::Error;
use comptoir_stores::mongo;
use mongodb::bson::{Document, deserialize_from_document, doc, serialize_to_document};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Cursor, Database, IndexModel};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Notify;

mod access;
mod attempts;
mod keys;
mod mails;
mod outbox;
mod sessions;
#[cfg(test)]
mod tests;
mod users;
mod window;

/// Attempts before a step that keeps losing to other writes fails.
const TRIES: u32 = 100;
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_millis(50);

/// The store in a database of its own.
#[derive(Clone)]
pub(crate) struct Mongo {
    users: Collection<Document>,
    sessions: Collection<Document>,
    mails: Collection<Document>,
    mail_counts: Collection<Document>,
    attempts: Collection<Document>,
    keys: Collection<Document>,
    secrets: Collection<Document>,
    access: Collection<Document>,
    lease: Arc<mongo::Lease>,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    changed: Arc<Notify>,
}

impl Mongo {
    /// Connects, and creates missing indexes.
    pub(crate) async fn open(server: &ServerUrl, env: &Env) -> anyhow::Result<Self> {
        let database = mongo::open(server).await?;
        Self::on(&database, env)
            .await
            .with_context(|| format!("{}: the database cannot be made ready", server.setting))
    }

    async fn on(database: &Database, env: &Env) -> anyhow::Result<Self> {
        let store = Self {
            users: database.collection("users"),
            sessions: database.collection("sessions"),
            mails: database.collection("mails"),
            mail_counts: database.collection("mail_counts"),
            attempts: database.collection("attempts"),
            keys: database.collection("signing_keys"),
            secrets: database.collection("secrets"),
            access: database.collection("access"),
            lease: Arc::new(mongo::Lease::new(database, "relay")),
            clock: env.clock.clone(),
            tasks: env.tasks.clone(),
            changed: Arc::new(Notify::new()),
        };
        store.create_missing_indexes().await?;
        store.create_access_lock().await?;
        Ok(store)
    }

    /// Runs a step of several writes to its end, even if the caller disconnects.
    async fn whole<T, F>(&self, step: impl FnOnce(Self) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let task = self.tasks.spawn_tracked(step(self.clone()));
        task.await.map_err(Error::internal)?
    }

    async fn create_missing_indexes(&self) -> Result<(), mongodb::error::Error> {
        let users = [
            unique("email_key", doc! { "email_key": 1 }),
            unique_where_set("opened_by"),
            unique_where_set("first_admin"),
            index("creation", doc! { "created_at": -1, "_id": -1 }),
            index("revocation", doc! { "tokens_revoked_at": 1 }),
            index("access", doc! { "role": 1, "active": 1 }),
        ];
        let sessions = [
            index("user", doc! { "user_id": 1, "last_used_at": -1, "_id": -1 }),
            index("use", doc! { "last_used_at": 1 }),
            where_set("end", "ended.at"),
        ];
        let mails = [
            unique("token_hash", doc! { "token_hash": 1 }),
            index("address", doc! { "email_key": 1, "requested_at": -1 }),
            index("request", doc! { "requested_at": 1 }),
            index("kind", doc! { "kind": 1, "requested_at": 1 }),
            where_set("outbox", "unpublished_at"),
        ];
        self.users.create_indexes(users).await?;
        self.sessions.create_indexes(sessions).await?;
        self.mails.create_indexes(mails).await?;
        for counters in [&self.mail_counts, &self.attempts] {
            counters.create_index(index("last", doc! { "at": 1 })).await?;
        }
        Ok(())
    }
}

fn index(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn unique(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true);
    IndexModel::builder().keys(keys).options(options.build()).build()
}

/// An index of the documents that have the field.
fn where_set(name: &str, field: &str) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).sparse(true);
    IndexModel::builder()
        .keys(doc! { field: 1 })
        .options(options.build())
        .build()
}

fn unique_where_set(field: &str) -> IndexModel {
    let options = IndexOptions::builder()
        .name(field.to_owned())
        .sparse(true)
        .unique(true);
    IndexModel::builder()
        .keys(doc! { field: 1 })
        .options(options.build())
        .build()
}

/// Backoff between attempts, and a limit on their number.
#[derive(Default)]
struct Patience(u32);

impl Patience {
    async fn wait(&mut self) -> Result<(), Error> {
        if self.0 == TRIES {
            let cause = anyhow::anyhow!("a document was changed by others {TRIES} times in a row");
            return Err(Error::unavailable(cause));
        }
        let wait = Duration::from_millis(1 << self.0.min(10)).min(LONGEST);
        self.0 += 1;
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// A document as it is stored: the domain's `id` is its `_id`.
fn encode<T: Serialize>(value: &T) -> Result<Document, Error> {
    let mut document = serialize_to_document(value).map_err(Error::internal)?;
    if let Some(id) = document.remove("id") {
        document.insert("_id", id);
    }
    Ok(document)
}

/// Reads a document. The parser's message is dropped, since it may quote the document.
fn decode<T: DeserializeOwned>(mut document: Document) -> Result<T, Error> {
    if let Some(id) = document.remove("_id") {
        document.insert("id", id);
    }
    deserialize_from_document(document)
        .map_err(|_| Error::internal(anyhow::anyhow!("a stored document cannot be read")))
}

async fn decode_all<T: DeserializeOwned>(mut found: Cursor<Document>) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    while found.advance().await? {
        all.push(decode(found.deserialize_current()?)?);
    }
    Ok(all)
}

async fn find<T: DeserializeOwned>(
    collection: &Collection<Document>,
    filter: Document,
) -> Result<Option<T>, Error> {
    collection.find_one(filter).await?.map(decode).transpose()
}

/// A count or version as it is stored.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Waits until reads no longer return the version that a write has replaced. The write may not have reached a majority
/// yet, and the step that lost to it reads next.
async fn until_replaced(collection: &Collection<Document>, id: &str, version: u64) -> Result<(), Error> {
    let old = doc! { "_id": id, "version": number(version) };
    let mut patience = Patience::default();
    while collection
        .find_one(old.clone())
        .projection(doc! { "_id": 1 })
        .await?
        .is_some()
    {
        patience.wait().await?;
    }
    Ok(())
}
