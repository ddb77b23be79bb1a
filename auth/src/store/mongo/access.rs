//! Changes of roles and states, one at a time. A single document, the access lock, numbers them and holds the one in
//! progress.

use comptoir_mesh::error::Error;
use comptoir_stores::mongo::is_duplicate;
use jiff::Timestamp;
use mongodb::bson::{Document, doc, serialize_to_bson};
use serde::{Deserialize, Serialize};

use super::users::Written;
use super::{Mongo, Patience, decode, find, number};
use crate::domain::user::{Role, User};
use crate::store::{AccessChange, AccessOutcome, AdminOutcome};

/// The id of the lock's document.
const LOCK_ID: &str = "turnstile";

/// The lock: the number of the last change, and the change itself until it is done.
#[derive(Deserialize)]
struct AccessLock {
    number: u64,
    registered: Option<Registered>,
}

/// A registered change. Any process that finds it can finish it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Registered {
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    at: Timestamp,
    change: Change,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// Gives the account this role and state.
    Access {
        user_id: String,
        role: Role,
        active: bool,
    },
    /// Opens this account, or makes the existing account with its address an administrator with its password.
    FirstAdmin(Box<User>),
}

impl Mongo {
    /// Creates the lock if it is missing.
    pub(super) async fn create_access_lock(&self) -> Result<(), mongodb::error::Error> {
        match self
            .access
            .insert_one(doc! { "_id": LOCK_ID, "number": 0_i64 })
            .await
        {
            Err(error) if is_duplicate(&error).is_none() => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) async fn change_access_in_order(
        self,
        user_id: String,
        change: AccessChange,
        now: Timestamp,
    ) -> Result<AccessOutcome, Error> {
        let mut patience = Patience::default();
        loop {
            let last = self.wait_until_free(&mut patience).await?;
            let Some(user) = find::<User>(&self.users, doc! { "_id": &user_id }).await? else {
                return Ok(AccessOutcome::Unknown);
            };
            let (role, active) = match change {
                AccessChange::Role(role) => (role, user.active),
                AccessChange::Active(active) => (user.role, active),
            };
            let stays_admin = active && role == Role::Admin;
            if user.is_active_admin() && !stays_admin && !self.has_admin_besides(&user_id).await? {
                // Only if no change was registered while the others were counted.
                if self.access_lock().await?.is_free_after(last) {
                    return Ok(AccessOutcome::LastAdmin);
                }
            } else {
                let change = Change::Access {
                    user_id: user_id.clone(),
                    role,
                    active,
                };
                if let Some(done) = self.register_and_finish(last, change, now).await? {
                    return Ok(done.map_or(AccessOutcome::Unknown, AccessOutcome::Done));
                }
            }
            patience.wait().await?;
        }
    }

    pub(super) async fn create_first_admin(self, user: User, now: Timestamp) -> Result<AdminOutcome, Error> {
        let mut patience = Patience::default();
        loop {
            let last = self.wait_until_free(&mut patience).await?;
            if self.has_admin_besides("").await? {
                return Ok(AdminOutcome::Present);
            }
            let change = Change::FirstAdmin(Box::new(user.clone()));
            if self.register_and_finish(last, change, now).await?.is_some() {
                return Ok(AdminOutcome::Made);
            }
            patience.wait().await?;
        }
    }

    /// Finishes a change that a process registered and left.
    pub(super) async fn finish_registered_change(&self) -> Result<(), Error> {
        let lock = self.access_lock().await?;
        if let Some(registered) = lock.registered {
            let now = self.clock.now();
            self.finish(lock.number, registered, now).await?;
        }
        Ok(())
    }

    async fn access_lock(&self) -> Result<AccessLock, Error> {
        find(&self.access, doc! { "_id": LOCK_ID }).await?.ok_or_else(|| {
            Error::internal(anyhow::anyhow!(
                "the document that orders changes of roles is gone: start the service again"
            ))
        })
    }

    /// Waits until no change is in progress, and returns the number of the last one. Finishes a change that another
    /// call left.
    async fn wait_until_free(&self, patience: &mut Patience) -> Result<u64, Error> {
        let mut seen = None;
        loop {
            let AccessLock { number, registered } = self.access_lock().await?;
            match registered {
                None => return Ok(number),
                // The process that registered it is probably still at work.
                Some(_) if seen != Some(number) => {
                    seen = Some(number);
                    patience.wait().await?;
                }
                Some(registered) => {
                    self.finish(number, registered, self.clock.now()).await?;
                    patience.wait().await?;
                }
            }
        }
    }

    /// Registers the change after number `last` and does it; `None` when another one was registered first. The inner
    /// value is the account, if it exists.
    ///
    /// Numbers follow the time, so that those of a lock that was created again, or restored from an older backup than
    /// the accounts, are still higher than the accounts' numbers.
    async fn register_and_finish(
        &self,
        last: u64,
        change: Change,
        now: Timestamp,
    ) -> Result<Option<Option<Box<User>>>, Error> {
        let turn = (last + 1).max(u64::try_from(now.as_microsecond()).unwrap_or_default());
        let registered = Registered { at: now, change };
        let free = doc! { "_id": LOCK_ID, "number": number(last), "registered": null };
        let value = serialize_to_bson(&registered).map_err(Error::internal)?;
        let register = doc! { "$set": { "number": number(turn), "registered": value } };
        if self.access.update_one(free, register).await?.matched_count == 0 {
            return Ok(None);
        }
        self.finish(turn, registered, now).await.map(Some)
    }

    /// Does the registered change, unless it is done already, and releases the lock. A change that was left has an old
    /// time: it revokes tokens as of `now`.
    async fn finish(
        &self,
        turn: u64,
        registered: Registered,
        now: Timestamp,
    ) -> Result<Option<Box<User>>, Error> {
        let at = registered.at.max(now);
        let mut patience = Patience::default();
        let user = loop {
            let done = match &registered.change {
                Change::Access {
                    user_id,
                    role,
                    active,
                } => self.try_access(turn, user_id, (*role, *active), at).await?,
                Change::FirstAdmin(user) => self.try_first_admin(turn, user, at).await?,
            };
            match done {
                Attempted::Done(user) => break user,
                Attempted::Again => patience.wait().await?,
            }
        };
        let done = doc! { "_id": LOCK_ID, "number": number(turn) };
        self.access
            .update_one(done, doc! { "$unset": { "registered": "" } })
            .await?;
        Ok(user)
    }

    async fn try_access(
        &self,
        turn: u64,
        user_id: &str,
        (role, active): (Role, bool),
        at: Timestamp,
    ) -> Result<Attempted, Error> {
        let Some((mut user, last)) = self.numbered(doc! { "_id": user_id }).await? else {
            return Ok(Attempted::Done(None));
        };
        if last >= turn {
            return Ok(Attempted::Done(Some(Box::new(user))));
        }
        user.set_access(role, active, at);
        Ok(self.replace(user, doc! { "access": number(turn) }).await?.into())
    }

    async fn try_first_admin(&self, turn: u64, admin: &User, at: Timestamp) -> Result<Attempted, Error> {
        // The unique index makes a late replay of this change a no-op.
        let own = doc! { "access": number(turn), "first_admin": number(turn) };
        let known = doc! { "email_key": &admin.email_key };
        let written = match self.numbered(known).await? {
            Some((known, last)) if last >= turn => return Ok(Attempted::Done(Some(Box::new(known)))),
            Some((mut known, _)) => {
                known.set_password(admin.password.clone(), None, at);
                known.set_access(admin.role, true, at);
                self.replace(known, own).await?
            }
            None => self.insert(admin.clone(), own).await?,
        };
        match written {
            // An account of the address was opened meanwhile.
            Written::Taken(index) if index == "email_key" => Ok(Attempted::Again),
            Written::Taken(_) => Ok(Attempted::Done(None)),
            written => Ok(written.into()),
        }
    }

    /// An account, and the number of the last change of its access.
    async fn numbered(&self, filter: Document) -> Result<Option<(User, u64)>, Error> {
        let Some(document) = self.users.find_one(filter).await? else {
            return Ok(None);
        };
        let last = document.get_i64("access").unwrap_or_default();
        Ok(Some((decode(document)?, u64::try_from(last).unwrap_or_default())))
    }
}

impl AccessLock {
    fn is_free_after(&self, last: u64) -> bool {
        self.registered.is_none() && self.number == last
    }
}

/// The result of one attempt at a change.
enum Attempted {
    /// It is done; the account, if it exists.
    Done(Option<Box<User>>),
    /// The write of the account lost to another one.
    Again,
}

impl From<Written> for Attempted {
    fn from(written: Written) -> Self {
        match written {
            Written::Done(user) => Self::Done(Some(user)),
            Written::Taken(_) | Written::Conflict => Self::Again,
        }
    }
}
