//! Mails in SQLite.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_stores::sqlite::micros;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::users::{self, Written};
use super::{Row, Sqlite, column, decode_row, decode_rows, encode, optional_micros};
use crate::domain::mail::Mail;
use crate::store::{MailEffect, MailOutcome, Mails};

#[async_trait]
impl Mails for Sqlite {
    async fn request_mail(&self, mail: Mail, limit: u32, window: Duration) -> Result<(), Error> {
        let sent = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let recent: i64 = sqlx::query_scalar(
                        "SELECT count(*) FROM mails WHERE email_key = ? AND requested_at > ? AND kind <> 'UNSENT'",
                    )
                    .bind(&mail.email_key)
                    .bind(micros(mail.requested_at - window))
                    .fetch_one(&mut *tx)
                    .await?;
                    let mail = if limit > 0 && recent >= i64::from(limit) { mail.silenced() } else { mail };
                    insert(tx, &mail).await?;
                    Ok(!mail.outbox.is_empty())
                })
            })
            .await?;
        if sent {
            self.changed.notify_one();
        }
        Ok(())
    }

    async fn mail_by_token(&self, token_hash: &str) -> Result<Option<Mail>, Error> {
        let row = sqlx::query_as("SELECT document FROM mails WHERE token_hash = ?")
            .bind(token_hash)
            .fetch_optional(self.db.reader())
            .await?;
        decode_row(row)
    }

    async fn registrations(&self, email_key: &str, since: Timestamp) -> Result<Vec<Mail>, Error> {
        // Repeats the condition of the partial index, or SQLite would not use it.
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT document FROM mails
             WHERE email_key = ? AND requested_at > ? AND kind <> 'UNSENT' AND kind = 'CONFIRM_EMAIL' AND used_at IS NULL
             ORDER BY requested_at DESC, id DESC",
        )
        .bind(email_key)
        .bind(micros(since))
        .fetch_all(self.db.reader())
        .await?;
        decode_rows(&rows)
    }

    async fn issue_mail_token(&self, id: &str, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let id = id.to_owned();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let Some(mut mail) = read(tx, &id).await? else {
                        return Ok(None);
                    };
                    let end = mail.issue(now);
                    update(tx, &mail).await?;
                    Ok(end)
                })
            })
            .await
    }

    async fn use_mail(&self, id: &str, effect: MailEffect, now: Timestamp) -> Result<MailOutcome, Error> {
        let id = id.to_owned();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let Some(mut mail) = read(tx, &id).await?.filter(|mail| mail.is_open(now)) else {
                        return Ok(MailOutcome::Closed);
                    };
                    let written = match effect {
                        MailEffect::Open(user) => users::insert(tx, &user).await?,
                        MailEffect::Replace(user) => users::replace(tx, user).await?,
                    };
                    let user = match written {
                        Written::Done(user) => user,
                        Written::AddressTaken => return Ok(MailOutcome::AddressTaken),
                        Written::Conflict => return Ok(MailOutcome::Conflict),
                    };
                    mail.used_at = Some(now);
                    update(tx, &mail).await?;
                    Ok(MailOutcome::Done(user))
                })
            })
            .await
    }

    async fn sweep(&self, mails: Timestamp, attempts: Timestamp, sessions: Timestamp) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "DELETE FROM mails
                         WHERE pending = 0 AND (requested_at < ? OR (kind = 'UNSENT' AND requested_at < ?))",
                    )
                    .bind(micros(mails))
                    .bind(micros(attempts))
                    .execute(&mut *tx)
                    .await?;
                    sqlx::query("DELETE FROM attempts WHERE at < ?")
                        .bind(micros(attempts))
                        .execute(&mut *tx)
                        .await?;
                    sqlx::query("DELETE FROM sessions WHERE last_used_at < ?1 OR ended_at < ?1")
                        .bind(micros(sessions))
                        .execute(&mut *tx)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}

pub(super) async fn read(tx: &mut SqliteConnection, id: &str) -> Result<Option<Mail>, Error> {
    decode_row(
        sqlx::query_as("SELECT document FROM mails WHERE id = ?")
            .bind(id)
            .fetch_optional(tx)
            .await?,
    )
}

async fn insert(tx: &mut SqliteConnection, mail: &Mail) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO mails (id, email_key, kind, requested_at, token_hash, used_at, pending, document)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&mail.id)
    .bind(&mail.email_key)
    .bind(mail.kind.name())
    .bind(micros(mail.requested_at))
    .bind(&mail.token_hash)
    .bind(optional_micros(mail.used_at))
    .bind(column(mail.outbox.len() as u64))
    .bind(encode(mail)?)
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes the fields of a mail that can change.
pub(super) async fn update(tx: &mut SqliteConnection, mail: &Mail) -> Result<(), Error> {
    sqlx::query("UPDATE mails SET used_at = ?, pending = ?, document = ? WHERE id = ?")
        .bind(optional_micros(mail.used_at))
        .bind(column(mail.outbox.len() as u64))
        .bind(encode(mail)?)
        .bind(&mail.id)
        .execute(tx)
        .await?;
    Ok(())
}
