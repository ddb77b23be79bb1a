//! Providers' reports, suppressed addresses and quotas in MongoDB.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_stores::mongo::is_duplicate;
use comptoir_stores::sqlite::micros;
use futures::TryStreamExt as _;
use mongodb::bson::{DateTime, doc};

use super::documents::{CountedDocument, CountedEntry, QuotaDocument, ReportDocument, SuppressionDocument};
use super::{MongoStore, inserted};
use crate::domain::feedback::{CountedMail, Quota, Report, Suppression};
use crate::store::Feedback;

#[async_trait]
impl Feedback for MongoStore {
    async fn suppress(&self, suppression: Suppression) -> Result<bool, Error> {
        let document = SuppressionDocument {
            id: suppression.address_hash.clone(),
            suppression,
        };
        inserted(self.suppressions.insert_one(document).await)
    }

    async fn suppression(&self, address_hash: &str) -> Result<Option<Suppression>, Error> {
        let found = self.suppressions.find_one(doc! { "_id": address_hash }).await?;
        Ok(found.map(|document| document.suppression))
    }

    async fn report(&self, report: Report) -> Result<bool, Error> {
        let document = ReportDocument {
            id: report.delivery_id.clone(),
            rank: report.progress.rank(),
            report,
        };
        let behind = doc! { "_id": &document.id, "rank": { "$lt": document.rank } };
        match self.reports.insert_one(&document).await {
            Ok(_) => return Ok(true),
            Err(error) if is_duplicate(&error).is_some() => {}
            Err(error) => return Err(error.into()),
        }
        let done = self.reports.replace_one(behind, document).await?;
        Ok(done.matched_count == 1)
    }

    async fn reports(&self, delivery_ids: &[String]) -> Result<Vec<Report>, Error> {
        if delivery_ids.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<ReportDocument> = self
            .reports
            .find(doc! { "_id": { "$in": delivery_ids } })
            .await?
            .try_collect()
            .await?;
        Ok(found.into_iter().map(|document| document.report).collect())
    }

    async fn take(&self, quota: &Quota) -> Result<bool, Error> {
        if quota.limit == 0 {
            return Ok(false);
        }
        let left = doc! { "_id": &quota.key, "used": { "$lt": i64::from(quota.limit) } };
        let one_more = doc! { "$inc": { "used": 1_i64 } };
        let done = self.quotas.update_one(left.clone(), one_more.clone()).await?;
        if done.matched_count == 1 {
            return Ok(true);
        }
        let first = QuotaDocument {
            id: quota.key.clone(),
            used: 1,
            expires_at: DateTime::from_millis(quota.expires_at.as_millisecond()),
        };
        if inserted(self.quotas.insert_one(first).await)? {
            return Ok(true);
        }
        // The quota is used up, or another process has just created the day's document.
        let done = self.quotas.update_one(left, one_more).await?;
        Ok(done.matched_count == 1)
    }

    async fn count_mail(&self, mail: &CountedMail, limit: u32, window: Duration) -> Result<bool, Error> {
        let (since, until) = (micros(mail.at - window), mail.at + window);
        // One document per address, by compare-and-set: each conflict means that another mail was counted, so there are
        // at most `limit` of them.
        for _ in 0..limit.saturating_add(8) {
            let known = self.counted.find_one(doc! { "_id": &mail.address_hash }).await?;
            let version = known.as_ref().map(|document| document.version);
            let mut mails = known.map(|document| document.mails).unwrap_or_default();
            mails.retain(|counted| counted.at > since);
            if mails.iter().any(|counted| counted.id == mail.delivery_id) {
                return Ok(true);
            }
            if mails.len() >= limit as usize {
                return Ok(false);
            }
            mails.push(CountedEntry {
                id: mail.delivery_id.clone(),
                at: micros(mail.at),
            });
            let document = CountedDocument {
                id: mail.address_hash.clone(),
                version: version.map_or(1, |version| version + 1),
                mails,
                expires_at: DateTime::from_millis(until.as_millisecond()),
            };
            let written = match version {
                None => inserted(self.counted.insert_one(document).await)?,
                Some(version) => {
                    let unchanged = doc! { "_id": &mail.address_hash, "version": version };
                    let done = self.counted.replace_one(unchanged, document).await?;
                    done.matched_count == 1
                }
            };
            if written {
                return Ok(true);
            }
        }
        Err(Error::unavailable(anyhow::anyhow!(
            "too many count mails to one address at once"
        )))
    }

    async fn give_back(&self, quota: &Quota) -> Result<(), Error> {
        let used = doc! { "_id": &quota.key, "used": { "$gt": 0_i64 } };
        self.quotas
            .update_one(used, doc! { "$inc": { "used": -1_i64 } })
            .await?;
        Ok(())
    }
}
