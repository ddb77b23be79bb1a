//! Counters over a window: a document for each key with the times that were counted, never more than the limit.

use std::time::Duration;

use comptoir_mesh::error::Error;
use comptoir_stores::mongo::is_duplicate;
use jiff::Timestamp;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use serde::Deserialize;

/// The counted times of a key.
#[derive(Deserialize)]
pub(super) struct Counted {
    #[serde(rename = "id")]
    pub(super) key: String,
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    at: i64,
}

impl Counted {
    /// When there will be room for one more; `None` if there is room now.
    pub(super) fn full_until(&self, limit: u32, window: Duration, now: Timestamp) -> Option<Timestamp> {
        let begin = (now - window).as_microsecond();
        let mut times: Vec<i64> = self
            .entries
            .iter()
            .map(|entry| entry.at)
            .filter(|at| *at > begin)
            .collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        // There is room once the limit-th newest entry leaves the window.
        let oldest = *times.get((limit as usize).checked_sub(1)?)?;
        Some(Timestamp::from_microsecond(oldest).unwrap_or(now) + window)
    }
}

/// Creates the counter if it is missing, and drops what has left the window.
pub(super) async fn refresh(
    counters: &Collection<Document>,
    key: &str,
    window: Duration,
    now: Timestamp,
) -> Result<(), Error> {
    let gone = doc! { "at": { "$lte": (now - window).as_microsecond() } };
    let update = doc! { "$pull": { "entries": gone }, "$max": { "at": now.as_microsecond() } };
    match counters
        .update_one(doc! { "_id": key }, update)
        .upsert(true)
        .await
    {
        // Created by a concurrent call.
        Err(error) if is_duplicate(&error).is_none() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Counts `entry` if the counter exists and has room. Check and write are one operation, so no more than `limit` are
/// counted, however many come at once. Without an entry it does the same work and counts nothing.
pub(super) async fn count(
    counters: &Collection<Document>,
    key: &str,
    entry: Option<&str>,
    limit: u32,
    now: Timestamp,
) -> Result<bool, Error> {
    let at = now.as_microsecond();
    let room = doc! { "_id": key, format!("entries.{}", limit.saturating_sub(1)): { "$exists": false } };
    let mut update = doc! { "$max": { "at": at } };
    if let Some(id) = entry {
        update.insert("$push", doc! { "entries": { "id": id, "at": at } });
    }
    Ok(counters.update_one(room, update).await?.matched_count == 1)
}

/// Takes the entry back.
pub(super) async fn give_back(counters: &Collection<Document>, key: &str, entry: &str) -> Result<(), Error> {
    let update = doc! { "$pull": { "entries": { "id": entry } } };
    counters.update_one(doc! { "_id": key }, update).await?;
    Ok(())
}

/// Resets the counter.
pub(super) async fn empty(counters: &Collection<Document>, key: &str) -> Result<(), Error> {
    let update = doc! { "$set": { "entries": [] } };
    counters.update_one(doc! { "_id": key }, update).await?;
    Ok(())
}
