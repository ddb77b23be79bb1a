//! The adapter for MongoDB. Single documents change by compare-and-set on their version; no write spans two of them.
//!
//! An event and its deliveries are recorded by one insert: the inbox's document holds the deliveries until they are in
//! their own collection. A process that dies in between leaves them there. The event was not acknowledged, so it is
//! delivered again, is found in the inbox, and the remaining deliveries are inserted; those that exist already, sent or
//! not, do not change.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::env::ServerUrl;
use comptoir_mesh::error::Error;
use comptoir_stores::mongo::{self, is_duplicate};
use comptoir_stores::sqlite::{micros, timestamp};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use mongodb::bson::{Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};

use self::documents::{
    CountedDocument, DeadLetterDocument, Due, InboxDocument, MailboxDocument, QuotaDocument, ReportDocument,
    StoredDelivery, SuppressionDocument,
};
use super::{Deliveries, Events, Mailbox, Position, Posted, Recorded};
use crate::domain::delivery::{Delivery, Status};
use crate::domain::message::Message;
use crate::domain::record::{DeadLetter, InboxEntry};

mod documents;
mod feedback;

/// Deliveries claimed concurrently.
const CONCURRENCY: usize = 16;
/// MongoDB's code for a duplicate id or unique key.
const DUPLICATE: i32 = 11000;

/// The store in MongoDB.
#[derive(Clone)]
pub struct MongoStore {
    inbox: Collection<InboxDocument>,
    deliveries: Collection<StoredDelivery>,
    dead_letters: Collection<DeadLetterDocument>,
    mailbox: Collection<MailboxDocument>,
    suppressions: Collection<SuppressionDocument>,
    reports: Collection<ReportDocument>,
    quotas: Collection<QuotaDocument>,
    counted: Collection<CountedDocument>,
}

impl MongoStore {
    /// Connects to the server, and creates missing indexes.
    pub async fn open(server: &ServerUrl) -> anyhow::Result<Self> {
        let database = mongo::open(server).await?;
        let store = Self::on(&database);
        store.make_indexes().await?;
        Ok(store)
    }

    fn on(database: &Database) -> Self {
        Self {
            inbox: database.collection("inbox"),
            deliveries: database.collection("deliveries"),
            dead_letters: database.collection("dead_letters"),
            mailbox: database.collection("mailbox"),
            suppressions: database.collection("suppressions"),
            reports: database.collection("reports"),
            quotas: database.collection("quotas"),
            counted: database.collection("counted_mails"),
        }
    }

    /// In addition to the unique index of ids.
    async fn make_indexes(&self) -> mongodb::error::Result<()> {
        let newest = doc! { "created_at": -1, "_id": -1 };
        let due = doc! { "due.at": 1, "due.sequence": 1 };
        let deliveries = [
            index("newest", newest.clone()),
            index(
                "newest_by_status",
                doc! { "status": 1, "created_at": -1, "_id": -1 },
            ),
            // Sparse: sent deliveries have no `due` and are not in the index.
            IndexModel::builder()
                .keys(due)
                .options(
                    IndexOptions::builder()
                        .name("due".to_owned())
                        .sparse(true)
                        .build(),
                )
                .build(),
        ];
        self.deliveries.create_indexes(deliveries).await?;
        let newest = doc! { "received_at": -1, "_id": -1 };
        self.dead_letters
            .create_index(index("newest", newest.clone()))
            .await?;
        let of_recipient = doc! { "recipient": 1, "created_at": -1, "_id": -1 };
        let mailbox = [
            index("newest", newest),
            index("newest_by_recipient", of_recipient),
        ];
        self.mailbox.create_indexes(mailbox).await?;
        // The server deletes counters of past days and hours.
        let expired = IndexModel::builder()
            .keys(doc! { "expires_at": 1 })
            .options(
                IndexOptions::builder()
                    .name("expired".to_owned())
                    .expire_after(Duration::ZERO)
                    .build(),
            )
            .build();
        self.quotas.create_index(expired.clone()).await?;
        self.counted.create_index(expired).await?;
        Ok(())
    }

    /// Inserts an event's deliveries into their own collection, and then removes them from the inbox.
    async fn settle(&self, inbox: InboxDocument) -> Result<(), Error> {
        if inbox.deliveries.is_empty() {
            return Ok(());
        }
        match self.deliveries.insert_many(inbox.deliveries).ordered(false).await {
            Ok(_) => {}
            // Some exist already.
            Err(error) if only_duplicates(&error) => {}
            Err(error) => return Err(error.into()),
        }
        self.inbox
            .update_one(doc! { "_id": inbox.id }, doc! { "$unset": { "deliveries": "" } })
            .await?;
        Ok(())
    }

    /// Compare-and-set: writes the document if the stored one has the version before, and matches `also`.
    async fn replace(&self, delivery: Delivery, also: Document) -> Result<bool, Error> {
        let mut before = doc! { "_id": &delivery.id, "version": delivery.version - 1 };
        before.extend(also);
        let done = self
            .deliveries
            .replace_one(before, StoredDelivery::from(delivery))
            .await?;
        Ok(done.matched_count == 1)
    }

    /// Claims due deliveries; `None` for one that another caller claimed first.
    async fn claim_some(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Option<Delivery>>, Error> {
        let is_due = doc! { "due.at": { "$lte": micros(now) } };
        let due: Vec<StoredDelivery> = self
            .deliveries
            .find(is_due.clone())
            .sort(doc! { "due.at": 1, "due.sequence": 1 })
            .limit(bound(limit))
            .await?
            .try_collect()
            .await?;
        let results: Vec<Result<Option<Delivery>, Error>> = futures::stream::iter(due)
            .map(|stored| {
                let delivery = stored.delivery.sending(lease_until);
                // Checks that it is due when it is written, not only when it was found: it may have changed in between.
                let claim = self.replace(delivery.clone(), is_due.clone());
                async move { Ok(claim.await?.then_some(delivery)) }
            })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        // Claimed deliveries must be sent, or they wait for their lease to end: an error is returned only if none was
        // claimed.
        if results.iter().all(Result::is_err) {
            results.into_iter().collect()
        } else {
            Ok(results.into_iter().filter_map(Result::ok).collect())
        }
    }
}

#[async_trait]
impl Events for MongoStore {
    async fn record(&self, entry: InboxEntry, deliveries: Vec<Delivery>) -> Result<Recorded, Error> {
        let document = InboxDocument::new(entry, deliveries);
        match self.inbox.insert_one(&document).await {
            Ok(_) => {
                self.settle(document).await?;
                return Ok(Recorded::New);
            }
            Err(error) if is_duplicate(&error).is_some() => {}
            Err(error) => return Err(error.into()),
        }
        let known = self.inbox.find_one(doc! { "_id": &document.id }).await?;
        let known = known.ok_or_else(|| Error::internal(anyhow::anyhow!("an inbox entry is gone")))?;
        let same = known.body_sha256 == document.body_sha256;
        self.settle(known).await?;
        Ok(if same {
            Recorded::Duplicate
        } else {
            Recorded::Conflict
        })
    }

    async fn keep_dead_letter(&self, letter: DeadLetter) -> Result<bool, Error> {
        inserted(
            self.dead_letters
                .insert_one(DeadLetterDocument::from(letter))
                .await,
        )
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        let dead_letters: Vec<DeadLetterDocument> = self
            .dead_letters
            .find(doc! {})
            .sort(doc! { "received_at": -1, "_id": -1 })
            .limit(limit.into())
            .await?
            .try_collect()
            .await?;
        Ok(dead_letters.into_iter().map(DeadLetter::from).collect())
    }
}

#[async_trait]
impl Deliveries for MongoStore {
    async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, Error> {
        let limit = limit as usize;
        let mut claimed = Vec::new();
        // A round with fewer claims than requested found fewer due, or lost some to others: the queue gets shorter
        // either way.
        while claimed.len() < limit {
            let wanted = limit - claimed.len();
            let some = match self.claim_some(now, lease_until, wanted).await {
                Ok(some) => some,
                Err(error) if claimed.is_empty() => return Err(error),
                Err(_) => break,
            };
            let (found, before) = (some.len(), claimed.len());
            claimed.extend(some.into_iter().flatten());
            if found < wanted && claimed.len() - before == found {
                break;
            }
        }
        Ok(claimed)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, Error> {
        let first: Option<Due> = self
            .deliveries
            .clone_with_type()
            .find_one(doc! { "due.at": { "$gte": i64::MIN } })
            .sort(doc! { "due.at": 1, "due.sequence": 1 })
            .projection(doc! { "_id": 0, "due": 1 })
            .await?;
        Ok(first.map(|first| timestamp(first.due.at)))
    }

    async fn save(&self, delivery: Delivery) -> Result<bool, Error> {
        self.replace(delivery, Document::new()).await
    }

    async fn delivery(&self, id: &str) -> Result<Option<Delivery>, Error> {
        let found = self.deliveries.find_one(doc! { "_id": id }).await?;
        Ok(found.map(|stored| stored.delivery))
    }

    async fn deliveries(
        &self,
        status: Option<Status>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Delivery>, Error> {
        let mut filter = behind(after);
        if let Some(status) = status {
            filter.insert("status", status.as_str());
        }
        let found: Vec<StoredDelivery> = self
            .deliveries
            .find(filter)
            .sort(doc! { "created_at": -1, "_id": -1 })
            .limit(limit.into())
            .await?
            .try_collect()
            .await?;
        Ok(found.into_iter().map(|stored| stored.delivery).collect())
    }

    async fn count(&self, status: Option<Status>) -> Result<i64, Error> {
        let count = match status {
            // The server's own count is fast for any number of documents.
            None => self.deliveries.estimated_document_count().await?,
            Some(status) => {
                let filter = doc! { "status": status.as_str() };
                self.deliveries.count_documents(filter).await?
            }
        };
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

#[async_trait]
impl Mailbox for MongoStore {
    async fn post(&self, message: Message, now: Timestamp) -> Result<bool, Error> {
        let document = MailboxDocument::new(message, now);
        inserted(self.mailbox.insert_one(document).await)
    }

    async fn mailbox(
        &self,
        recipient: Option<&str>,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Posted>, Error> {
        let mut filter = behind(after);
        if let Some(recipient) = recipient {
            filter.insert("recipient", recipient);
        }
        let found: Vec<MailboxDocument> = self
            .mailbox
            .find(filter)
            .sort(doc! { "created_at": -1, "_id": -1 })
            .limit(limit.into())
            .await?
            .try_collect()
            .await?;
        found.into_iter().map(Posted::try_from).collect()
    }
}

/// Whether an insert created a document; `false` if its id exists already.
fn inserted<T>(outcome: mongodb::error::Result<T>) -> Result<bool, Error> {
    match outcome {
        Ok(_) => Ok(true),
        Err(error) if is_duplicate(&error).is_some() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the only failures are documents that exist already.
fn only_duplicates(error: &mongodb::error::Error) -> bool {
    let ErrorKind::InsertMany(failure) = error.kind.as_ref() else {
        return false;
    };
    failure.write_concern_error.is_none()
        && failure
            .write_errors
            .as_ref()
            .is_some_and(|errors| errors.iter().all(|error| error.code == DUPLICATE))
}

fn index(name: &str, keys: Document) -> IndexModel {
    IndexModel::builder()
        .keys(keys)
        .options(IndexOptions::builder().name(name.to_owned()).build())
        .build()
}

/// The start of a page, as a filter.
fn behind(after: Option<Position>) -> Document {
    after.map_or_else(Document::new, |position| {
        let time = micros(position.created_at);
        doc! { "$or": [
            { "created_at": { "$lt": time } },
            { "created_at": time, "_id": { "$lt": position.id } },
        ] }
    })
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
