//! Counters over a window: a document for each key with the times that were counted, never more than the limit of them.

use std::time::Duration;

use comptoir_mesh::error::Error;
use comptoir_mesh::mongo::is_duplicate;
use jiff::Timestamp;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use serde::Deserialize;

/// What has been counted under a key.
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
    /// When there will be room for one more; `None` when there is now.
    pub(super) fn full_until(&self, limit: u32, window: Duration, now: Timestamp) -> Option<Timestamp> {
        let begin = (now - window).as_microsecond();
        let mut times: Vec<i64> = self
            .entries
            .iter()
            .map(|entry| entry.at)
            .filter(|at| *at > begin)
            .collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        // The entry whose leaving the window makes room: the limit-th newest.
        let oldest = *times.get((limit as usize).checked_sub(1)?)?;
        Some(Timestamp::from_microsecond(oldest).unwrap_or(now) + window)
    }
}

/// Takes room for `entry` under the key, if the window has some. The guard and the write are one: however many come at once,
/// no more than `limit` get it. Without an entry nothing is counted, and the work is the same.
pub(super) async fn take(
    counters: &Collection<Document>,
    key: &str,
    entry: Option<&str>,
    limit: u32,
    window: Duration,
    now: Timestamp,
) -> Result<bool, Error> {
    let at = now.as_microsecond();
    let room = doc! { "_id": key, format!("entries.{}", limit.saturating_sub(1)): { "$exists": false } };
    let mut count = doc! { "$max": { "at": at } };
    if let Some(id) = entry {
        count.insert("$push", doc! { "entries": { "id": id, "at": at } });
    }
    if counters
        .update_one(room.clone(), count.clone())
        .await?
        .matched_count
        == 1
    {
        return Ok(true);
    }
    // There is no such counter yet, or it holds what has left the window.
    let gone = doc! { "$pull": { "entries": { "at": { "$lte": (now - window).as_microsecond() } } }, "$max": { "at": at } };
    match counters.update_one(doc! { "_id": key }, gone).upsert(true).await {
        Ok(_) => {}
        // Made by another call at the same time.
        Err(error) if is_duplicate(&error).is_some() => {}
        Err(error) => return Err(error.into()),
    }
    Ok(counters.update_one(room, count).await?.matched_count == 1)
}

/// Takes the entry back.
pub(super) async fn give_back(counters: &Collection<Document>, key: &str, entry: &str) -> Result<(), Error> {
    let update = doc! { "$pull": { "entries": { "id": entry } } };
    counters.update_one(doc! { "_id": key }, update).await?;
    Ok(())
}

/// Begins the counter anew.
pub(super) async fn empty(counters: &Collection<Document>, key: &str) -> Result<(), Error> {
    let update = doc! { "$set": { "entries": [] } };
    counters.update_one(doc! { "_id": key }, update).await?;
    Ok(())
}
