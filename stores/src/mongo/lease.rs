//! A lease in one document. No clocks of different machines are compared: the holder increments a counter, and another
//! process takes over once it has seen the same counter for the length of the lease.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mongodb::{
    Collection, Database,
    bson::{Document, doc},
};
use tokio::time::Instant;

use super::is_duplicate;
use comptoir_mesh::error::Error;

/// A lease of a database, as one replica sees it.
pub struct Lease {
    leases: Collection<Document>,
    name: &'static str,
    seen: Mutex<Option<Seen>>,
}

/// Another holder's counter, and since when it has not changed.
struct Seen {
    holder: String,
    turn: i64,
    since: Instant,
}

impl Lease {
    /// The lease with this name, in the collection `leases`.
    pub fn new(database: &Database, name: &'static str) -> Self {
        Self {
            leases: database.collection("leases"),
            name,
            seen: Mutex::new(None),
        }
    }

    /// Takes or renews the lease for `length`, or releases it if that is zero; false while another process holds it.
    pub async fn take(&self, holder: &str, length: Duration) -> Result<bool, Error> {
        if length.is_zero() {
            self.set(doc! { "holder": holder }, "").await?;
            return Ok(false);
        }
        if self
            .set(doc! { "holder": { "$in": [holder, ""] } }, holder)
            .await?
        {
            return Ok(true);
        }
        let Some(found) = self.leases.find_one(doc! { "_id": self.name }).await? else {
            let first = doc! { "_id": self.name, "holder": holder, "turn": 1_i64 };
            return match self.leases.insert_one(first).await {
                Ok(_) => Ok(true),
                Err(error) if is_duplicate(&error).is_some() => Ok(false),
                Err(error) => Err(error.into()),
            };
        };
        let other = found.get_str("holder").map_err(Error::internal)?;
        let turn = found.get_i64("turn").map_err(Error::internal)?;
        if self.unchanged_for(other, turn) < length {
            return Ok(false);
        }
        self.set(doc! { "holder": other, "turn": turn }, holder).await
    }

    async fn set(&self, mut filter: Document, holder: &str) -> Result<bool, Error> {
        filter.insert("_id", self.name);
        let change = doc! { "$set": { "holder": holder }, "$inc": { "turn": 1_i64 } };
        Ok(self.leases.update_one(filter, change).await?.matched_count == 1)
    }

    fn unchanged_for(&self, holder: &str, turn: i64) -> Duration {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen
            .as_ref()
            .filter(|seen| seen.holder == holder && seen.turn == turn)
        {
            Some(seen) => seen.since.elapsed(),
            None => {
                *seen = Some(Seen {
                    holder: holder.to_owned(),
                    turn,
                    since: Instant::now(),
                });
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use comptoir_mesh::testing::{TestEnv, server};

    #[tokio::test]
    async fn one_holds_it_until_it_falls_silent() {
        let Some(url) = server("MONGODB_URI", "one_holds_it_until_it_falls_silent") else {
            return;
        };
        let client = mongodb::Client::with_uri_str(&url).await.unwrap();
        let database = client.database(&format!("lease_{}", TestEnv::new().env.ids.ulid()));
        let (mine, theirs) = (Lease::new(&database, "relay"), Lease::new(&database, "relay"));
        let length = Duration::from_millis(300);
        let (first, second) = tokio::join!(mine.take("me", length), theirs.take("them", length));
        assert!(first.unwrap() != second.unwrap(), "one of two has it");
        // From here on the first one has it.
        theirs.take("them", Duration::ZERO).await.unwrap();
        assert!(mine.take("me", length).await.unwrap());
        for _ in 0..5 {
            assert!(!theirs.take("them", length).await.unwrap());
            tokio::time::sleep(length / 3).await;
            assert!(mine.take("me", length).await.unwrap(), "it is renewed");
        }
        assert!(!theirs.take("them", length).await.unwrap());
        tokio::time::sleep(length).await;
        assert!(theirs.take("them", length).await.unwrap(), "I fell silent");
        assert!(!mine.take("me", length).await.unwrap());
        theirs.take("them", Duration::ZERO).await.unwrap();
        assert!(mine.take("me", length).await.unwrap(), "it was given up");
        database.drop().await.unwrap();
    }
}
