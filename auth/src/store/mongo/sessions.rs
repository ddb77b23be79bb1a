//! Sessions and revocations in MongoDB.

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use jiff::Timestamp;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use serde::Deserialize;

use super::{Mongo, decode_all, encode, find, number, until_replaced};
use crate::domain::attempt::Attempt;
use crate::domain::session::{Ended, Session};
use crate::domain::user::User;
use crate::store::{Attempts, Revocation, SessionQuery, Sessions};

#[derive(Deserialize)]
struct EndedSession {
    id: String,
    ended: Ended,
}

#[derive(Deserialize)]
struct RevokedUser {
    id: String,
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    tokens_revoked_at: Timestamp,
}

#[async_trait]
impl Sessions for Mongo {
    async fn session(&self, id: &str) -> Result<Option<Session>, Error> {
        find(&self.sessions, doc! { "_id": id }).await
    }

    async fn open_session(&self, session: Session, attempt: &Attempt) -> Result<(), Error> {
        self.forgive_attempt(attempt).await?;
        self.sessions.insert_one(encode(&session)?).await?;
        Ok(())
    }

    async fn save_session(&self, mut session: Session) -> Result<Option<Session>, Error> {
        let expected = session.version;
        session.version += 1;
        let unchanged = doc! { "_id": &session.id, "version": number(expected) };
        let replaced = self.sessions.replace_one(unchanged, encode(&session)?).await?;
        if replaced.matched_count == 1 {
            return Ok(Some(session));
        }
        until_replaced(&self.sessions, &session.id, expected).await?;
        Ok(None)
    }

    async fn list_sessions(
        &self,
        user: &User,
        since: Timestamp,
        page: SessionQuery,
    ) -> Result<Vec<Session>, Error> {
        if page.limit == 0 {
            return Ok(Vec::new());
        }
        let kept = user.kept_session.as_deref().unwrap_or_default();
        let mut used = doc! { "$gt": since.as_microsecond() };
        let mut all = vec![doc! { "$or": [{ "epoch": number(user.epoch) }, { "_id": kept }] }];
        if let Some((used_at, id)) = page.after {
            let used_at = used_at.as_microsecond();
            used.insert("$lte", used_at);
            all.push(doc! { "$or": [{ "last_used_at": { "$lt": used_at } }, { "_id": { "$lt": id } }] });
        }
        let filter = doc! { "user_id": &user.id, "ended": null, "last_used_at": used, "$and": all };
        let found = self
            .sessions
            .find(filter)
            .sort(doc! { "last_used_at": -1, "_id": -1 })
            .limit(page.limit.into())
            .await?;
        decode_all(found).await
    }

    async fn revocations(&self, since: Timestamp) -> Result<Vec<Revocation>, Error> {
        let sessions: Vec<EndedSession> = since_then(&self.sessions, "ended.at", since, "ended").await?;
        let users: Vec<RevokedUser> =
            since_then(&self.users, "tokens_revoked_at", since, "tokens_revoked_at").await?;
        let sessions = sessions.into_iter().map(|session| Revocation::Session {
            id: session.id,
            at: session.ended.at,
        });
        let users = users.into_iter().map(|user| Revocation::User {
            id: user.id,
            at: user.tokens_revoked_at,
        });
        Ok(sessions.chain(users).collect())
    }
}

/// The id and one field of the documents whose time `at` is `since` or later.
async fn since_then<T: serde::de::DeserializeOwned>(
    collection: &Collection<Document>,
    at: &str,
    since: Timestamp,
    field: &str,
) -> Result<Vec<T>, Error> {
    let filter = doc! { at: { "$gte": since.as_microsecond() } };
    decode_all(collection.find(filter).projection(doc! { field: 1 }).await?).await
}
