//! Mails in MongoDB, and the accounts that their links open or change.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use jiff::Timestamp;
use mongodb::bson::doc;
use serde::Deserialize;

use super::users::Written;
use super::{Mongo, decode_all, encode, find, until_replaced, window};
use crate::domain::mail::{Mail, MailKind};
use crate::domain::user::User;
use crate::store::{MailEffect, MailOutcome, Mails};

/// The adapter's own fields of an account, about links.
#[derive(Deserialize)]
struct Noted {
    version: u64,
    /// The last mail whose link changed the account.
    used_mail: Option<String>,
}

#[async_trait]
impl Mails for Mongo {
    async fn request_mail(&self, mail: Mail, limit: u32, window: Duration) -> Result<(), Error> {
        self.whole(move |store| store.keep_mail(mail, limit, window))
            .await
    }

    async fn mail_by_token(&self, token_hash: &str) -> Result<Option<Mail>, Error> {
        find(&self.mails, doc! { "token_hash": token_hash }).await
    }

    async fn registrations(&self, email_key: &str, since: Timestamp) -> Result<Vec<Mail>, Error> {
        let open = doc! {
            "email_key": email_key,
            "requested_at": { "$gt": since.as_microsecond() },
            "kind": MailKind::ConfirmEmail.name(),
            "used_at": null,
        };
        let newest_first = doc! { "requested_at": -1, "_id": -1 };
        decode_all(self.mails.find(open).sort(newest_first).await?).await
    }

    async fn issue_mail_token(&self, id: &str, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let mut patience = super::Patience::default();
        loop {
            let Some(mut mail) = self.mail(id).await? else {
                return Ok(None);
            };
            let (before, end) = (mail.expires_at, mail.issue(now));
            let Some(end) = end.filter(|_| before.is_none()) else {
                return Ok(end);
            };
            let first = doc! { "_id": id, "expires_at": null };
            let set = doc! { "$set": { "expires_at": end.as_microsecond() } };
            if self.mails.update_one(first, set).await?.matched_count == 1 {
                return Ok(Some(end));
            }
            patience.wait().await?;
        }
    }

    async fn use_mail(&self, id: &str, effect: MailEffect, now: Timestamp) -> Result<MailOutcome, Error> {
        let id = id.to_owned();
        self.whole(move |store| store.use_link(id, effect, now)).await
    }

    async fn sweep(&self, mails: Timestamp, attempts: Timestamp, sessions: Timestamp) -> Result<(), Error> {
        self.finish_registered_change().await?;
        let before = |at: Timestamp| doc! { "$lt": at.as_microsecond() };
        // Left by a relay that died between its two writes.
        let emptied = doc! { "unpublished_at": { "$gte": 0_i64 }, "outbox": { "$size": 0 } };
        self.mails
            .update_many(emptied, doc! { "$unset": { "unpublished_at": "" } })
            .await?;
        let published = doc! { "$exists": false };
        self.mails
            .delete_many(doc! { "requested_at": before(mails), "unpublished_at": &published })
            .await?;
        self.mails
            .delete_many(doc! {
                "kind": MailKind::Unsent.name(), "requested_at": before(attempts), "unpublished_at": published,
            })
            .await?;
        self.mail_counts.delete_many(doc! { "at": before(mails) }).await?;
        self.attempts.delete_many(doc! { "at": before(attempts) }).await?;
        self.sessions
            .delete_many(doc! { "last_used_at": before(sessions) })
            .await?;
        self.sessions
            .delete_many(doc! { "ended.at": before(sessions) })
            .await?;
        Ok(())
    }
}

impl Mongo {
    async fn mail(&self, id: &str) -> Result<Option<Mail>, Error> {
        find(&self.mails, doc! { "_id": id }).await
    }

    /// Counts the mail, and stores it.
    pub(super) async fn keep_mail(self, mut mail: Mail, limit: u32, window: Duration) -> Result<(), Error> {
        if limit > 0 {
            // The same work whether the mail is sent, silenced or unsent, so that the time reveals nothing.
            let sent = (mail.kind != MailKind::Unsent).then_some(mail.id.as_str());
            let (counts, address, now) = (&self.mail_counts, &mail.email_key, mail.requested_at);
            window::refresh(counts, address, window, now).await?;
            if !window::count(counts, address, sent, limit, now).await? {
                mail = mail.silenced();
            }
        }
        let mut document = encode(&mail)?;
        let sent = !mail.outbox.is_empty();
        if sent {
            document.insert("unpublished_at", mail.requested_at.as_microsecond());
        }
        self.mails.insert_one(document).await?;
        if sent {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Changes the account, then marks the mail.
    pub(super) async fn use_link(
        self,
        id: String,
        effect: MailEffect,
        now: Timestamp,
    ) -> Result<MailOutcome, Error> {
        let id = id.as_str();
        if !self.mail(id).await?.is_some_and(|mail| mail.is_open(now)) {
            return Ok(MailOutcome::Closed);
        }
        let outcome = match effect {
            MailEffect::Open(user) => self.open_account(id, user).await?,
            MailEffect::Replace(user) => self.replace_account(id, user, now).await?,
        };
        if matches!(outcome, MailOutcome::Done(_) | MailOutcome::Closed)
            && let Err(error) = self.mark_used(id, now).await
        {
            // The account's document names the mail, so the link is used; its next use marks the mail.
            tracing::warn!(mail.id = id, error.cause = ?error, "a used link could not be marked yet");
        }
        Ok(outcome)
    }

    /// Opens the account, whose document names the mail for good.
    async fn open_account(&self, mail_id: &str, user: User) -> Result<MailOutcome, Error> {
        match self.insert(user, doc! { "opened_by": mail_id }).await? {
            Written::Done(user) => Ok(MailOutcome::Done(user)),
            // The mail was used, whichever index said so first.
            Written::Taken(_)
                if self
                    .users
                    .find_one(doc! { "opened_by": mail_id })
                    .await?
                    .is_some() =>
            {
                Ok(MailOutcome::Closed)
            }
            Written::Taken(index) if index == "opened_by" => Ok(MailOutcome::Closed),
            Written::Taken(_) | Written::Conflict => Ok(MailOutcome::AddressTaken),
        }
    }

    /// Replaces the account, whose document names the mail until the next one is used.
    async fn replace_account(&self, mail_id: &str, user: User, now: Timestamp) -> Result<MailOutcome, Error> {
        let (id, version) = (user.id.clone(), user.version);
        let Some(noted) = find::<Noted>(&self.users, doc! { "_id": &id }).await? else {
            return Ok(MailOutcome::Conflict);
        };
        if noted.used_mail.as_deref() == Some(mail_id) {
            return Ok(MailOutcome::Closed);
        }
        if noted.version != version {
            until_replaced(&self.users, &id, version).await?;
            return Ok(MailOutcome::Conflict);
        }
        // Before the account names another one: a mail that is marked nowhere could be used again.
        if let Some(earlier) = noted.used_mail {
            self.mark_used(&earlier, now).await?;
        }
        match self.replace(user, doc! { "used_mail": mail_id }).await? {
            Written::Done(user) => Ok(MailOutcome::Done(user)),
            Written::Taken(_) => Ok(MailOutcome::AddressTaken),
            Written::Conflict => Ok(MailOutcome::Conflict),
        }
    }

    async fn mark_used(&self, mail_id: &str, now: Timestamp) -> Result<(), Error> {
        let unmarked = doc! { "_id": mail_id, "used_at": null };
        let set = doc! { "$set": { "used_at": now.as_microsecond() } };
        self.mails.update_one(unmarked, set).await?;
        Ok(())
    }
}
