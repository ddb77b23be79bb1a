//! Failed log-ins in MongoDB: a counter for each account and client address.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use jiff::Timestamp;
use mongodb::bson::doc;

use super::window::{self, Counted};
use super::{Mongo, Patience, decode_all};
use crate::domain::attempt::{Attempt, Counter};
use crate::store::Attempts;

#[async_trait]
impl Attempts for Mongo {
    async fn count_attempt(
        &self,
        attempt: &Attempt,
        window: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let mut patience = Patience::default();
        while !self.count_all(attempt, window, now).await? {
            if let Some(until) = self.blocked_until(attempt, window, now).await? {
                return Ok(Some(until));
            }
            // Room was released meanwhile, or the write that took it is not yet acknowledged by a majority.
            patience.wait().await?;
        }
        Ok(None)
    }

    async fn blocked_until(
        &self,
        attempt: &Attempt,
        window: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let keys: Vec<&str> = attempt.counters().map(|counter| counter.key.as_str()).collect();
        let counted: Vec<Counted> =
            decode_all(self.attempts.find(doc! { "_id": { "$in": keys } }).await?).await?;
        let full = attempt.counters().filter_map(|counter| {
            let counted = counted.iter().find(|counted| counted.key == counter.key)?;
            counted.full_until(counter.limit, window, now)
        });
        Ok(full.max())
    }

    async fn forgive_attempt(&self, attempt: &Attempt) -> Result<(), Error> {
        let account = window::empty(&self.attempts, &attempt.account.key);
        let address = async {
            match &attempt.address {
                Some(address) => window::give_back(&self.attempts, &address.key, &attempt.id).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(account, address)?;
        Ok(())
    }
}

impl Mongo {
    /// Counts the attempt in all of its counters, or in none.
    async fn count_all(&self, attempt: &Attempt, window: Duration, now: Timestamp) -> Result<bool, Error> {
        let mut counted = Vec::new();
        for counter in attempt.counters() {
            if !self.count_one(&attempt.id, counter, window, now).await? {
                for key in counted {
                    window::give_back(&self.attempts, key, &attempt.id).await?;
                }
                return Ok(false);
            }
            counted.push(counter.key.as_str());
        }
        Ok(true)
    }

    async fn count_one(
        &self,
        id: &str,
        counter: &Counter,
        window: Duration,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let count = || window::count(&self.attempts, &counter.key, Some(id), counter.limit, now);
        if count().await? {
            return Ok(true);
        }
        window::refresh(&self.attempts, &counter.key, window, now).await?;
        count().await
    }
}
