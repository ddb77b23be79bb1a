//! An account, and how its tokens end.

use std::time::Duration;

pub(crate) use comptoir_mesh::identity::Role;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::SavedAddress;
use super::password::PasswordHash;

/// A person's details.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Telephone number as typed.
    pub phone: Option<String>,
    /// BCP 47, one of the shop's.
    pub locale: String,
}

/// An account. It exists once its address is confirmed; before that there is only the confirmation mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    /// Begins with `user_`.
    pub id: String,
    /// Counts the document's writes, for compare-and-set.
    pub version: u64,
    /// The address as typed.
    pub email: String,
    /// The address in the form in which it is unique.
    pub email_key: String,
    /// The password, hashed.
    pub password: PasswordHash,
    /// Names, telephone and language.
    pub profile: Profile,
    /// What the user may do.
    pub role: Role,
    /// Whether the user may sign in.
    pub active: bool,
    /// When the account was confirmed.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub created_at: Timestamp,
    /// When the password was set. Links that were requested before are invalid.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub password_set_at: Timestamp,
    /// Saved addresses, oldest first.
    pub addresses: Vec<SavedAddress>,
    /// Sessions of an earlier epoch have ended: one write of this document ends them all.
    pub epoch: u64,
    /// The session that survived the last change of epoch: the one in which the password was changed.
    pub kept_session: Option<String>,
    /// Access tokens issued before this are refused.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub tokens_revoked_at: Option<Timestamp>,
}

impl User {
    /// A new, confirmed account.
    pub(crate) fn new(
        id: String,
        email: String,
        password: PasswordHash,
        profile: Profile,
        role: Role,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            version: 1,
            email_key: comptoir_mesh::text::normalise_email(&email),
            email,
            password,
            profile,
            role,
            active: true,
            created_at: now,
            password_set_at: now,
            addresses: Vec::new(),
            epoch: 1,
            kept_session: None,
            tokens_revoked_at: None,
        }
    }

    /// Refuses the access tokens issued until now.
    ///
    /// Times have milliseconds. [`Self::token_time`] moves tokens past the millisecond of a revocation; a second
    /// revocation in that millisecond has to move on too, or those tokens would survive it.
    pub(crate) fn revoke_tokens(&mut self, now: Timestamp) {
        self.tokens_revoked_at = Some(self.token_time(now));
    }

    /// Ends all sessions but `keep`, and all access tokens.
    pub(crate) fn end_sessions(&mut self, keep: Option<&str>, now: Timestamp) {
        self.epoch += 1;
        self.kept_session = keep.map(str::to_owned);
        self.revoke_tokens(now);
    }

    /// Sets another password, and ends all sessions but `keep`.
    pub(crate) fn set_password(&mut self, password: PasswordHash, keep: Option<&str>, now: Timestamp) {
        self.password = password;
        self.password_set_at = now;
        self.end_sessions(keep, now);
    }

    /// Whether the session `id` of `epoch` survived the last change of epoch.
    pub(crate) fn keeps_session(&self, id: &str, epoch: u64) -> bool {
        self.active && (epoch == self.epoch || self.kept_session.as_deref() == Some(id))
    }

    /// The time of a token issued now: after the last revocation, since a token of the same millisecond would count as
    /// older.
    pub(crate) fn token_time(&self, now: Timestamp) -> Timestamp {
        match self.tokens_revoked_at {
            Some(revoked) if now.as_millisecond() <= revoked.as_millisecond() => {
                revoked + Duration::from_millis(1)
            }
            _ => now,
        }
    }

    /// Sets role and state; a lower role and a disabled account end tokens, the latter also sessions.
    pub(crate) fn set_access(&mut self, role: Role, active: bool, now: Timestamp) {
        if self.active && !active {
            self.end_sessions(None, now);
        } else if role < self.role {
            self.revoke_tokens(now);
        }
        self.role = role;
        self.active = active;
    }

    /// Whether the user may do what an administrator may.
    pub(crate) fn is_active_admin(&self) -> bool {
        self.active && self.role == Role::Admin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(now: Timestamp) -> User {
        let hash = PasswordHash::from_phc("$argon2id$".into());
        User::new(
            "user_1".into(),
            "Ada@Example.org".into(),
            hash,
            Profile::default(),
            Role::Admin,
            now,
        )
    }

    #[test]
    fn a_token_issued_after_a_revocation_in_the_same_millisecond_is_not_revoked() {
        let now: Timestamp = "2026-01-01T00:00:00.0004Z".parse().unwrap();
        let mut user = user(now);
        let revoked = |user: &User, token: Timestamp| {
            user.tokens_revoked_at
                .is_some_and(|at| token.as_millisecond() <= at.as_millisecond())
        };
        let first = user.token_time(now);
        assert_eq!(first, now);
        user.revoke_tokens(now);
        let second = user.token_time(now);
        assert!(revoked(&user, first) && !revoked(&user, second));
        // … and the next revocation in that millisecond ends it all the same.
        user.revoke_tokens(now);
        assert!(revoked(&user, second) && !revoked(&user, user.token_time(now)));
    }

    #[test]
    fn a_lower_role_ends_tokens_and_a_higher_one_does_not() {
        let now = Timestamp::UNIX_EPOCH;
        let mut user = user(now);
        user.set_access(Role::Admin, true, now);
        assert_eq!(user.tokens_revoked_at, None);
        user.set_access(Role::Staff, true, now);
        assert!(user.tokens_revoked_at.is_some());
        assert_eq!(user.epoch, 1, "sessions continue with the lower role");
        user.set_access(Role::Staff, false, now);
        assert!(!user.keeps_session("ses_1", 1));
    }
}
