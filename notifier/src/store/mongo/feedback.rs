//! What providers told, and what was used up, on MongoDB.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_mesh::mongo::is_duplicate;
use comptoir_mesh::sqlite::micros;
use futures::TryStreamExt as _;
use mongodb::bson::{DateTime, doc};
use mongodb::options::ReturnDocument;

use super::documents::{QuotaDocument, ReportDocument, SuppressionDocument};
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
        // Nothing is left, or another began the day a moment ago.
        let done = self.quotas.update_one(left, one_more).await?;
        Ok(done.matched_count == 1)
    }

    async fn count_mail(&self, mail: &CountedMail, limit: u32, window: Duration) -> Result<bool, Error> {
        let (since, until) = (mail.at - window, mail.at + window);
        // One document an address: its mails within the window, and this one where there is room.
        let recent = doc! { "$filter": {
            "input": { "$ifNull": ["$mails", []] },
            "as": "mail",
            "cond": { "$gt": ["$$mail.at", micros(since)] },
        } };
        let known = doc! { "$in": [&mail.delivery_id, "$mails.id"] };
        let full = doc! { "$gte": [{ "$size": "$mails" }, i64::from(limit)] };
        let one_more =
            doc! { "$concatArrays": ["$mails", [{ "id": &mail.delivery_id, "at": micros(mail.at) }]] };
        let change = vec![
            doc! { "$set": { "mails": recent } },
            doc! { "$set": {
                "mails": { "$cond": [{ "$or": [known, full] }, "$mails", one_more] },
                "expires_at": DateTime::from_millis(until.as_millisecond()),
            } },
        ];
        let key = doc! { "_id": &mail.address_hash };
        let mut tries = 0;
        let counted = loop {
            let changed = self
                .counted
                .find_one_and_update(key.clone(), change.clone())
                .upsert(true)
                .return_document(ReturnDocument::After)
                .await;
            match changed {
                // Another made the address's document a moment ago.
                Err(error) if is_duplicate(&error).is_some() && tries < 3 => tries += 1,
                changed => break changed?,
            }
        };
        let mails = counted.map(|document| document.mails).unwrap_or_default();
        Ok(mails.iter().any(|counted| counted.id == mail.delivery_id))
    }

    async fn give_back(&self, quota: &Quota) -> Result<(), Error> {
        let used = doc! { "_id": &quota.key, "used": { "$gt": 0_i64 } };
        self.quotas
            .update_one(used, doc! { "$inc": { "used": -1_i64 } })
            .await?;
        Ok(())
    }
}
