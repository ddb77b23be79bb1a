//! The store's port. Each method is one atomic step; transactions and query languages stay behind it.
//!
//! Each aggregate is one document with a version. It changes by compare-and-set, and its events wait inside it.
//! Invariants across documents (one account per address, at least one administrator, attempts in a window) are stated
//! at the steps that keep them.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_events::Outbox;
use comptoir_mesh::error::Error;
use jiff::Timestamp;

use crate::domain::attempt::Attempt;
use crate::domain::key::Key;
use crate::domain::mail::Mail;
use crate::domain::session::Session;
use crate::domain::user::{Role, User};

#[cfg(test)]
pub(crate) mod contract;
pub(crate) mod mongo;
pub(crate) mod sqlite;

/// All of the port.
pub(crate) trait Store: Users + Sessions + Mails + Attempts + Keys + Outbox {}

impl<T: Users + Sessions + Mails + Attempts + Keys + Outbox> Store for T {}

/// Accounts.
#[async_trait]
pub(crate) trait Users: Send + Sync {
    /// The user `id`.
    async fn user(&self, id: &str) -> Result<Option<User>, Error>;
    /// The user of an address in its unique form.
    async fn user_by_email(&self, email_key: &str) -> Result<Option<User>, Error>;
    /// The users among `ids` that exist, in any order.
    async fn users(&self, ids: &[String]) -> Result<Vec<User>, Error>;
    /// A page of users, newest first.
    async fn list_users(&self, query: UserQuery) -> Result<UserPage, Error>;
    /// Replaces the user if the stored version is that of `user`. Returns the saved user, or `None` on a conflict.
    /// Address, role and state do not change.
    async fn save_user(&self, user: User) -> Result<Option<User>, Error>;
    /// Changes role or state by [`User::set_access`], unless that would leave no active administrator.
    async fn change_access(
        &self,
        user_id: &str,
        change: AccessChange,
        now: Timestamp,
    ) -> Result<AccessOutcome, Error>;
    /// Whether there is an active administrator.
    async fn has_admin(&self) -> Result<bool, Error>;
    /// Makes `user` the first administrator; an existing account with the address is promoted and gets the password.
    /// Changes nothing while there is an active administrator.
    async fn ensure_admin(&self, user: User, now: Timestamp) -> Result<AdminOutcome, Error>;
}

/// A query for users.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserQuery {
    /// Part of address or name, in lower case; empty is all.
    pub(crate) text: String,
    /// After the user with this creation time and id.
    pub(crate) after: Option<(Timestamp, String)>,
    /// The size of the page.
    pub(crate) limit: u32,
}

/// A page of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserPage {
    pub(crate) users: Vec<User>,
    /// Whether there is a next page.
    pub(crate) more: bool,
    /// The number of matches on all pages.
    pub(crate) total: u64,
}

/// A change of a user's role or state.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AccessChange {
    Role(Role),
    Active(bool),
}

/// The result of a change of access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AccessOutcome {
    Done(Box<User>),
    Unknown,
    /// It would have left no active administrator.
    LastAdmin,
}

/// The result of creating the first administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdminOutcome {
    Made,
    /// There is one.
    Present,
}

/// Signed-in devices.
#[async_trait]
pub(crate) trait Sessions: Send + Sync {
    /// The session `id`.
    async fn session(&self, id: &str) -> Result<Option<Session>, Error>;
    /// Opens a session, and forgets the attempt and resets the account's counter in the same step.
    async fn open_session(&self, session: Session, attempt: &Attempt) -> Result<(), Error>;
    /// Replaces the session if the stored version is that of `session`; `None` on a conflict.
    async fn save_session(&self, session: Session) -> Result<Option<Session>, Error>;
    /// A page of the user's open sessions that were used since `since`, last used first.
    async fn list_sessions(
        &self,
        user: &User,
        since: Timestamp,
        page: SessionQuery,
    ) -> Result<Vec<Session>, Error>;
    /// Sessions that ended and users whose tokens were revoked since then.
    async fn revocations(&self, since: Timestamp) -> Result<Vec<Revocation>, Error>;
}

/// A query for sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionQuery {
    /// After the session with this time of last use and id.
    pub(crate) after: Option<(Timestamp, String)>,
    /// The size of the page.
    pub(crate) limit: u32,
}

/// Ends access tokens before they expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// Every token of the session.
    Session { id: String, at: Timestamp },
    /// Every token of the user issued before.
    User { id: String, at: Timestamp },
}

/// Requested mails.
#[async_trait]
pub(crate) trait Mails: Send + Sync {
    /// Stores the mail and its event; as [`Mail::silenced`] when `limit` mails were sent to the address within
    /// `window`. 0 is no limit.
    async fn request_mail(&self, mail: Mail, limit: u32, window: Duration) -> Result<(), Error>;
    /// The mail whose token has this hash.
    async fn mail_by_token(&self, token_hash: &str) -> Result<Option<Mail>, Error>;
    /// The address's registrations since then that can still be confirmed, newest first.
    async fn registrations(&self, email_key: &str, since: Timestamp) -> Result<Vec<Mail>, Error>;
    /// Issues the mail's token by [`Mail::issue`]. Returns the link's expiry, or `None` without such a link.
    async fn issue_mail_token(&self, id: &str, now: Timestamp) -> Result<Option<Timestamp>, Error>;
    /// Uses the open link of the mail `id` and opens or replaces the account, all or nothing.
    async fn use_mail(&self, id: &str, effect: MailEffect, now: Timestamp) -> Result<MailOutcome, Error>;
    /// Deletes mails requested before `mails`, attempts and unsent mails from before `attempts`, and sessions last used
    /// or ended before `sessions`. Mails with unpublished events stay.
    async fn sweep(&self, mails: Timestamp, attempts: Timestamp, sessions: Timestamp) -> Result<(), Error>;
}

/// The effect of a mail's link.
#[derive(Debug, Clone)]
pub(crate) enum MailEffect {
    /// Opens this account, a customer's. A mail opens at most one account, ever.
    Open(User),
    /// Replaces the account if the stored version is that of this one.
    Replace(User),
}

/// The result of using a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MailOutcome {
    Done(Box<User>),
    /// The link was used, has expired, or never existed.
    Closed,
    /// Another account has the address.
    AddressTaken,
    /// The write lost to another one: read the account again.
    Conflict,
}

/// Failed log-ins.
#[async_trait]
pub(crate) trait Attempts: Send + Sync {
    /// Counts the attempt in each of its counters. If one of them is full, counts nothing and returns when there will
    /// be room. A counter holds the attempts of one `window`, and never more than its limit, however many come at once.
    async fn count_attempt(
        &self,
        attempt: &Attempt,
        window: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error>;
    /// When there will be room for the attempt; `None` if there is room now. Counts nothing.
    async fn blocked_until(
        &self,
        attempt: &Attempt,
        window: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error>;
    /// Forgets an attempt with the correct password, and resets its account's counter.
    async fn forgive_attempt(&self, attempt: &Attempt) -> Result<(), Error>;
}

/// Keys.
#[async_trait]
pub(crate) trait Keys: Send + Sync {
    /// The root key; stores `candidate` if there is no root key yet.
    async fn root_key(&self, candidate: [u8; 32]) -> Result<[u8; 32], Error>;
    /// All signing keys.
    async fn signing_keys(&self) -> Result<Vec<Key>, Error>;
    /// Stores the key, unless there is one of its generation.
    async fn add_signing_key(&self, key: Key) -> Result<(), Error>;
    /// Deletes the keys of older generations.
    async fn drop_signing_keys(&self, before_generation: u64) -> Result<(), Error>;
}
