//! The store's port. A method is one atomic business step; no transaction and no query language leaks out of it.
//!
//! Every thing is one document with a version: a change is a compare-and-set on that, and events wait in the document whose
//! change they announce. What a step has to guard across documents (one account per address, one administrator at least,
//! attempts in a window) the step says.

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
    /// Those of `ids` that there are, in no certain order.
    async fn users(&self, ids: &[String]) -> Result<Vec<User>, Error>;
    /// A page of users, newest first.
    async fn list_users(&self, query: UserQuery) -> Result<UserPage, Error>;
    /// Replaces the user whose version is still that of `user`; the saved one, or `None` when another write came first.
    /// Neither address, role nor state change by it.
    async fn save_user(&self, user: User) -> Result<Option<User>, Error>;
    /// Changes role or state by [`User::set_access`], unless no active administrator were left.
    async fn change_access(
        &self,
        user_id: &str,
        change: AccessChange,
        now: Timestamp,
    ) -> Result<AccessOutcome, Error>;
    /// Whether there is an active administrator.
    async fn has_admin(&self) -> Result<bool, Error>;
    /// Makes `user`, an administrator, the first one; an account of the address is promoted and takes its password. Changes
    /// nothing while there is an active administrator.
    async fn ensure_admin(&self, user: User, now: Timestamp) -> Result<AdminOutcome, Error>;
}

/// Which users.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserQuery {
    /// Part of address or name, in lower case; empty is all.
    pub(crate) text: String,
    /// Behind the user created then, with that id.
    pub(crate) after: Option<(Timestamp, String)>,
    /// At most so many.
    pub(crate) limit: u32,
}

/// A page of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserPage {
    pub(crate) users: Vec<User>,
    /// Whether there are more.
    pub(crate) more: bool,
    /// How many the query matches in all.
    pub(crate) total: u64,
}

/// A change of what a user may do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AccessChange {
    Role(Role),
    Active(bool),
}

/// What came of a change of access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AccessOutcome {
    Done(Box<User>),
    Unknown,
    /// It would have left no active administrator.
    LastAdmin,
}

/// What came of making an administrator.
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
    /// Opens a session. With it the attempt whose password was right is forgotten, and its account's counter begins anew.
    async fn open_session(&self, session: Session, attempt: &Attempt) -> Result<(), Error>;
    /// Replaces the session whose version is still that of `session`; `None` when another write came first.
    async fn save_session(&self, session: Session) -> Result<Option<Session>, Error>;
    /// A page of the user's sessions that have not ended and were used since `since`, the last used first.
    async fn list_sessions(
        &self,
        user: &User,
        since: Timestamp,
        page: SessionQuery,
    ) -> Result<Vec<Session>, Error>;
    /// Sessions ended, and users whose tokens were revoked, since then.
    async fn revocations(&self, since: Timestamp) -> Result<Vec<Revocation>, Error>;
}

/// Which sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionQuery {
    /// Behind the session used then, with that id.
    pub(crate) after: Option<(Timestamp, String)>,
    /// At most so many.
    pub(crate) limit: u32,
}

/// What ends access tokens before their time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// Every token of the session.
    Session { id: String, at: Timestamp },
    /// Every token of the user issued before.
    User { id: String, at: Timestamp },
}

/// Mails that were asked for.
#[async_trait]
pub(crate) trait Mails: Send + Sync {
    /// Keeps the mail, and its event; as [`Mail::silenced`] when `limit` were sent to the address within `window`. 0 is no
    /// limit.
    async fn request_mail(&self, mail: Mail, limit: u32, window: Duration) -> Result<(), Error>;
    /// The mail whose token has this hash.
    async fn mail_by_token(&self, token_hash: &str) -> Result<Option<Mail>, Error>;
    /// Registrations of the address that can still be confirmed, asked for since then; newest first.
    async fn registrations(&self, email_key: &str, since: Timestamp) -> Result<Vec<Mail>, Error>;
    /// Gives out the mail's token by [`Mail::issue`]: the link's end, or `None` when there is no such link.
    async fn issue_mail_token(&self, id: &str, now: Timestamp) -> Result<Option<Timestamp>, Error>;
    /// Uses up the open link of the mail `id` and, with it, opens or replaces the account. All of it or nothing.
    async fn use_mail(&self, id: &str, effect: MailEffect, now: Timestamp) -> Result<MailOutcome, Error>;
    /// Forgets what is past its time: mails asked for before `mails`, attempts and unsent mails before `attempts`, sessions
    /// not used or ended before `sessions`. Mails whose event was not published stay.
    async fn sweep(&self, mails: Timestamp, attempts: Timestamp, sessions: Timestamp) -> Result<(), Error>;
}

/// What a mail's link does.
#[derive(Debug, Clone)]
pub(crate) enum MailEffect {
    /// Opens this account, a customer's. A mail opens one at most, ever.
    Open(User),
    /// Replaces the account, whose version is still that of this one.
    Replace(User),
}

/// What came of using a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MailOutcome {
    Done(Box<User>),
    /// The link was used, has ended, or never was.
    Closed,
    /// Another account has the address.
    AddressTaken,
    /// Another write of the account came first: read it again.
    Conflict,
}

/// Failed log-ins.
#[async_trait]
pub(crate) trait Attempts: Send + Sync {
    /// Counts the attempt under each of its counters, unless one of them is full: then none, and the answer is when there
    /// will be room. Attempts of a `window` count. However many come at once, no counter passes its limit.
    async fn count_attempt(
        &self,
        attempt: &Attempt,
        window: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error>;
    /// When there will be room for the attempt, if there is none now. Counts nothing.
    async fn blocked_until(
        &self,
        attempt: &Attempt,
        window: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error>;
    /// Forgets the attempt, whose password was right, and begins its account's counter anew.
    async fn forgive_attempt(&self, attempt: &Attempt) -> Result<(), Error>;
}

/// Keys.
#[async_trait]
pub(crate) trait Keys: Send + Sync {
    /// The root key; `candidate` when there is none yet.
    async fn root_key(&self, candidate: [u8; 32]) -> Result<[u8; 32], Error>;
    /// All signing keys.
    async fn signing_keys(&self) -> Result<Vec<Key>, Error>;
    /// Keeps the key, unless there is one of its generation.
    async fn add_signing_key(&self, key: Key) -> Result<(), Error>;
    /// Forgets the keys of older generations.
    async fn drop_signing_keys(&self, before_generation: u64) -> Result<(), Error>;
}
