//! Accounts in MongoDB.

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_stores::mongo::is_duplicate;
use jiff::Timestamp;
use mongodb::bson::{Document, doc, serialize_to_bson};

use super::{Mongo, decode_all, encode, find, number, until_replaced};
use crate::domain::user::{Role, User};
use crate::store::{AccessChange, AccessOutcome, AdminOutcome, UserPage, UserQuery, Users};

#[async_trait]
impl Users for Mongo {
    async fn user(&self, id: &str) -> Result<Option<User>, Error> {
        find(&self.users, doc! { "_id": id }).await
    }

    async fn user_by_email(&self, email_key: &str) -> Result<Option<User>, Error> {
        find(&self.users, doc! { "email_key": email_key }).await
    }

    async fn users(&self, ids: &[String]) -> Result<Vec<User>, Error> {
        decode_all(self.users.find(doc! { "_id": { "$in": ids } }).await?).await
    }

    async fn list_users(&self, query: UserQuery) -> Result<UserPage, Error> {
        let empty = UserPage {
            users: Vec::new(),
            more: false,
            total: 0,
        };
        let Some(matching) = part_of_search(&query.text) else {
            return Ok(empty);
        };
        let total = self.users.count_documents(matching.clone()).await?;
        let mut page = matching;
        if let Some((created_at, id)) = query.after {
            let created_at = created_at.as_microsecond();
            page.insert("created_at", doc! { "$lte": created_at });
            page.insert(
                "$or",
                vec![
                    doc! { "created_at": { "$lt": created_at } },
                    doc! { "_id": { "$lt": id } },
                ],
            );
        }
        let found = self
            .users
            .find(page)
            .sort(doc! { "created_at": -1, "_id": -1 })
            .limit(i64::from(query.limit) + 1)
            .await?;
        let mut users: Vec<User> = decode_all(found).await?;
        let more = users.len() > query.limit as usize;
        users.truncate(query.limit as usize);
        Ok(UserPage { users, more, total })
    }

    async fn save_user(&self, user: User) -> Result<Option<User>, Error> {
        match self.replace(user, doc! {}).await? {
            Written::Done(user) => Ok(Some(*user)),
            Written::Taken(_) | Written::Conflict => Ok(None),
        }
    }

    async fn change_access(
        &self,
        user_id: &str,
        change: AccessChange,
        now: Timestamp,
    ) -> Result<AccessOutcome, Error> {
        let user_id = user_id.to_owned();
        self.whole(move |store| store.change_access_in_order(user_id, change, now))
            .await
    }

    async fn has_admin(&self) -> Result<bool, Error> {
        self.has_admin_besides("").await
    }

    async fn ensure_admin(&self, user: User, now: Timestamp) -> Result<AdminOutcome, Error> {
        self.whole(move |store| store.create_first_admin(user, now)).await
    }
}

/// The result of writing a user.
pub(super) enum Written {
    Done(Box<User>),
    /// Another account has the value; the name of the unique index.
    Taken(String),
    /// The write lost to another one.
    Conflict,
}

impl Mongo {
    /// Inserts an account with these extra fields.
    pub(super) async fn insert(&self, user: User, own: Document) -> Result<Written, Error> {
        let mut document = fields(&user)?;
        document.insert("_id", &user.id);
        document.extend(own);
        match self.users.insert_one(document).await {
            Ok(_) => Ok(Written::Done(Box::new(user))),
            Err(error) => taken(error),
        }
    }

    /// Replaces the account if the stored version is that of `user`, increments the version, and sets these extra
    /// fields; other extra fields stay.
    pub(super) async fn replace(&self, mut user: User, own: Document) -> Result<Written, Error> {
        let expected = user.version;
        user.version += 1;
        let unchanged = doc! { "_id": &user.id, "version": number(expected) };
        let mut set = fields(&user)?;
        set.extend(own);
        match self.users.update_one(unchanged, doc! { "$set": set }).await {
            Ok(done) if done.matched_count == 1 => Ok(Written::Done(Box::new(user))),
            Ok(_) => {
                until_replaced(&self.users, &user.id, expected).await?;
                Ok(Written::Conflict)
            }
            Err(error) => taken(error),
        }
    }

    /// Whether there is an active administrator other than `id`.
    pub(super) async fn has_admin_besides(&self, id: &str) -> Result<bool, Error> {
        let admin = serialize_to_bson(&Role::Admin).map_err(Error::internal)?;
        let others = doc! { "role": admin, "active": true, "_id": { "$ne": id } };
        let one = self.users.find_one(others).projection(doc! { "_id": 1 });
        Ok(one.await?.is_some())
    }
}

/// The name of the unique index that the write violated. The server's message quotes addresses, so it is dropped.
fn taken(error: mongodb::error::Error) -> Result<Written, Error> {
    match is_duplicate(&error) {
        Some(index) => Ok(Written::Taken(index)),
        None => Err(error.into()),
    }
}

/// The domain's fields without the id, and the text to search in.
fn fields(user: &User) -> Result<Document, Error> {
    let mut fields = encode(user)?;
    fields.remove("_id");
    let names = [
        user.profile.first_name.as_deref(),
        user.profile.last_name.as_deref(),
    ];
    let names = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    fields.insert("search", format!("{}\n{}", user.email_key, names.to_lowercase()));
    Ok(fields)
}

/// A filter for accounts with the literal text in address or name; `None` for a text that no account can have.
fn part_of_search(text: &str) -> Option<Document> {
    if text.is_empty() {
        return Some(doc! {});
    }
    // No address or name contains NUL, and patterns end at it.
    if text.contains('\0') {
        return None;
    }
    let mut pattern = String::with_capacity(2 * text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    Some(doc! { "search": { "$regex": pattern } })
}
