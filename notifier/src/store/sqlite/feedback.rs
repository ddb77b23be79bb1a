//! Providers' reports, suppressed addresses and quotas in SQLite.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_stores::sqlite::micros;

use super::{DocumentRow, SqliteStore, to_json};
use crate::domain::feedback::{CountedMail, Quota, Report, Suppression};
use crate::store::Feedback;

/// Reports read per query.
const REPORTS: usize = 100;

#[async_trait]
impl Feedback for SqliteStore {
    async fn suppress(&self, suppression: Suppression) -> Result<bool, Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let done = sqlx::query(
                        "INSERT INTO suppressions (address_hash, document) VALUES (?, ?)
                         ON CONFLICT (address_hash) DO NOTHING",
                    )
                    .bind(&suppression.address_hash)
                    .bind(to_json(&suppression)?)
                    .execute(tx)
                    .await?;
                    Ok(done.rows_affected() == 1)
                })
            })
            .await
    }

    async fn suppression(&self, address_hash: &str) -> Result<Option<Suppression>, Error> {
        let row: Option<DocumentRow> =
            sqlx::query_as("SELECT document FROM suppressions WHERE address_hash = ?")
                .bind(address_hash)
                .fetch_optional(self.db.reader())
                .await?;
        row.map(DocumentRow::read).transpose()
    }

    async fn report(&self, report: Report) -> Result<bool, Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let done = sqlx::query(
                        "INSERT INTO reports (delivery_id, rank, document) VALUES (?, ?, ?)
                         ON CONFLICT (delivery_id) DO UPDATE SET rank = excluded.rank, document = excluded.document
                         WHERE excluded.rank > rank",
                    )
                    .bind(&report.delivery_id)
                    .bind(report.progress.rank())
                    .bind(to_json(&report)?)
                    .execute(tx)
                    .await?;
                    Ok(done.rows_affected() == 1)
                })
            })
            .await
    }

    async fn reports(&self, delivery_ids: &[String]) -> Result<Vec<Report>, Error> {
        let mut reports = Vec::new();
        for ids in delivery_ids.chunks(REPORTS) {
            let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(
                "SELECT document FROM reports WHERE delivery_id IN (",
            );
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(id);
            }
            query.push(")");
            let rows: Vec<DocumentRow> = query.build_query_as().fetch_all(self.db.reader()).await?;
            for row in rows {
                reports.push(row.read()?);
            }
        }
        Ok(reports)
    }

    async fn take(&self, quota: &Quota) -> Result<bool, Error> {
        let quota = quota.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let done = sqlx::query(
                        "INSERT INTO quotas (key, used, expires_at) SELECT ?, 1, ? WHERE ? > 0
                         ON CONFLICT (key) DO UPDATE SET used = used + 1 WHERE used < ?",
                    )
                    .bind(&quota.key)
                    .bind(micros(quota.expires_at))
                    .bind(quota.limit)
                    .bind(quota.limit)
                    .execute(&mut *tx)
                    .await?;
                    // Deletes counters of days before the previous one.
                    sqlx::query("DELETE FROM quotas WHERE expires_at < ?")
                        .bind(micros(quota.expires_at) - 2 * DAY)
                        .execute(tx)
                        .await?;
                    Ok(done.rows_affected() == 1)
                })
            })
            .await
    }

    async fn count_mail(&self, mail: &CountedMail, limit: u32, window: Duration) -> Result<bool, Error> {
        let mail = mail.clone();
        let since = micros(mail.at - window);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM counted_mails WHERE at <= ?")
                        .bind(since)
                        .execute(&mut *tx)
                        .await?;
                    sqlx::query(
                        "INSERT INTO counted_mails (address_hash, delivery_id, at)
                         SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM counted_mails WHERE address_hash = ?1) < ?4
                         ON CONFLICT (address_hash, delivery_id) DO NOTHING",
                    )
                    .bind(&mail.address_hash)
                    .bind(&mail.delivery_id)
                    .bind(micros(mail.at))
                    .bind(limit)
                    .execute(&mut *tx)
                    .await?;
                    let counted: i64 = sqlx::query_scalar(
                        "SELECT count(*) FROM counted_mails WHERE address_hash = ? AND delivery_id = ?",
                    )
                    .bind(&mail.address_hash)
                    .bind(&mail.delivery_id)
                    .fetch_one(tx)
                    .await?;
                    Ok(counted == 1)
                })
            })
            .await
    }

    async fn give_back(&self, quota: &Quota) -> Result<(), Error> {
        let key = quota.key.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query("UPDATE quotas SET used = used - 1 WHERE key = ? AND used > 0")
                        .bind(key)
                        .execute(tx)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}

/// In microseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
