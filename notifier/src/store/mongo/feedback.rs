//! What providers told, and what was used up, on MongoDB.

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_mesh::mongo::is_duplicate;
use futures::TryStreamExt as _;
use mongodb::bson::{DateTime, doc};

use super::documents::{QuotaDocument, ReportDocument, SuppressionDocument};
use super::{MongoStore, inserted};
use crate::domain::feedback::{Quota, Report, Suppression};
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
        // Nothing is left, or another began the day a moment ago.
        let done = self.quotas.update_one(left, one_more).await?;
        Ok(done.matched_count == 1)
    }

    async fn give_back(&self, quota: &Quota) -> Result<(), Error> {
        let used = doc! { "_id": &quota.key, "used": { "$gt": 0_i64 } };
        self.quotas
            .update_one(used, doc! { "$inc": { "used": -1_i64 } })
            .await?;
        Ok(())
    }
}
