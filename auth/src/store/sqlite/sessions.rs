//! Sessions and revocations in SQLite.

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_stores::sqlite::{micros, timestamp};
use jiff::Timestamp;

use super::{Row, Sqlite, attempts, changed_one, column, decode_row, decode_rows, encode};
use crate::domain::attempt::Attempt;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::store::{Revocation, SessionQuery, Sessions};

comptoir_stores::from_row! {
    struct RevocationRow {
        id: String,
        at: i64,
    }
}

#[async_trait]
impl Sessions for Sqlite {
    async fn session(&self, id: &str) -> Result<Option<Session>, Error> {
        let row = sqlx::query_as("SELECT document FROM sessions WHERE id = ?")
            .bind(id)
            .fetch_optional(self.db.reader())
            .await?;
        decode_row(row)
    }

    async fn open_session(&self, session: Session, attempt: &Attempt) -> Result<(), Error> {
        let attempt = attempt.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO sessions (id, version, user_id, epoch, last_used_at, ended_at, document)
                         VALUES (?, ?, ?, ?, ?, NULL, ?)",
                    )
                    .bind(&session.id)
                    .bind(column(session.version))
                    .bind(&session.user_id)
                    .bind(column(session.epoch))
                    .bind(micros(session.last_used_at))
                    .bind(encode(&session)?)
                    .execute(&mut *tx)
                    .await?;
                    attempts::forgive(tx, &attempt).await
                })
            })
            .await
    }

    async fn save_session(&self, mut session: Session) -> Result<Option<Session>, Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let expected = session.version;
                    session.version += 1;
                    let update = sqlx::query(
                        "UPDATE sessions SET version = ?, last_used_at = ?, ended_at = ?, document = ?
                         WHERE id = ? AND version = ?",
                    )
                    .bind(column(session.version))
                    .bind(micros(session.last_used_at))
                    .bind(session.ended.map(|ended| micros(ended.at)))
                    .bind(encode(&session)?)
                    .bind(session.id.clone())
                    .bind(column(expected));
                    Ok(changed_one(update, tx).await?.then_some(session))
                })
            })
            .await
    }

    async fn list_sessions(
        &self,
        user: &User,
        since: Timestamp,
        page: SessionQuery,
    ) -> Result<Vec<Session>, Error> {
        let (used_at, id) = page
            .after
            .map_or((i64::MAX, String::new()), |(used_at, id)| (micros(used_at), id));
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT document FROM sessions
             WHERE user_id = ?1 AND ended_at IS NULL AND (epoch = ?2 OR id = ?3) AND last_used_at > ?4
               AND (last_used_at, id) < (?5, ?6)
             ORDER BY last_used_at DESC, id DESC LIMIT ?7",
        )
        .bind(&user.id)
        .bind(column(user.epoch))
        .bind(user.kept_session.as_deref().unwrap_or_default())
        .bind(micros(since))
        .bind(used_at)
        .bind(id)
        .bind(i64::from(page.limit))
        .fetch_all(self.db.reader())
        .await?;
        decode_rows(&rows)
    }

    async fn revocations(&self, since: Timestamp) -> Result<Vec<Revocation>, Error> {
        let since = micros(since);
        let sessions: Vec<RevocationRow> =
            sqlx::query_as("SELECT id, ended_at AS at FROM sessions WHERE ended_at >= ?")
                .bind(since)
                .fetch_all(self.db.reader())
                .await?;
        let users: Vec<RevocationRow> =
            sqlx::query_as("SELECT id, revoked_at AS at FROM users WHERE revoked_at >= ?")
                .bind(since)
                .fetch_all(self.db.reader())
                .await?;
        let sessions = sessions.into_iter().map(|row| Revocation::Session {
            id: row.id,
            at: timestamp(row.at),
        });
        let users = users.into_iter().map(|row| Revocation::User {
            id: row.id,
            at: timestamp(row.at),
        });
        Ok(sessions.chain(users).collect())
    }
}
