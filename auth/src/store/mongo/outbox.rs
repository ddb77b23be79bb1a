//! The outbox in MongoDB: its entries are in the mails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use comptoir_events::{AUTH_TOPIC, Outbox, Record};
use comptoir_mesh::error::Error;
use mongodb::bson::doc;
use tokio::sync::Notify;

use super::{Mongo, decode_all};
use crate::domain::mail::Mail;

#[async_trait]
impl Outbox for Mongo {
    async fn pending(&self, limit: usize) -> Result<Vec<Record>, Error> {
        let waiting = doc! { "unpublished_at": { "$gte": 0_i64 }, "outbox.0": { "$exists": true } };
        let found = self
            .mails
            .find(waiting)
            .sort(doc! { "unpublished_at": 1 })
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .await?;
        let mails: Vec<Mail> = decode_all(found).await?;
        Ok(mails.iter().flat_map(records).take(limit).collect())
    }

    async fn done(&self, records: &[Record]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let mut keys: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for record in records {
            keys.entry(record.sequence).or_default().push(&record.key);
        }
        for (sequence, keys) in keys {
            let published = doc! { "outbox": { "sequence": super::number(sequence) } };
            self.mails
                .update_many(doc! { "_id": { "$in": keys } }, doc! { "$pull": published })
                .await?;
        }
        let keys: Vec<&str> = records.iter().map(|record| record.key.as_str()).collect();
        let emptied = doc! { "_id": { "$in": keys }, "outbox": { "$size": 0 } };
        self.mails
            .update_many(emptied, doc! { "$unset": { "unpublished_at": "" } })
            .await?;
        Ok(())
    }

    async fn lease(&self, holder: &str, length: Duration) -> Result<bool, Error> {
        self.lease.take(holder, length).await
    }

    fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }
}

/// The mail's events, in the order of their sequence.
fn records(mail: &Mail) -> impl Iterator<Item = Record> {
    mail.outbox.iter().map(|entry| Record {
        topic: AUTH_TOPIC,
        key: mail.id.clone(),
        id: entry.id.clone(),
        sequence: entry.sequence,
        payload: entry.payload.clone(),
    })
}
