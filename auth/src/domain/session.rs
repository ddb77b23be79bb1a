//! A session: a signed-in device, its refresh token, and the decision on a presented one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::refresh::Presented;
use super::user::{Role, User};

/// How long a refresh may be retried with its request id.
pub(crate) const REPLAY: Duration = Duration::from_secs(10);

/// A signed-in device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Begins with `ses_`.
    pub id: String,
    /// Counts the document's writes, for compare-and-set.
    pub version: u64,
    /// The user.
    pub user_id: String,
    /// The user's epoch when the session was opened.
    pub epoch: u64,
    /// When it was opened.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub created_at: Timestamp,
    /// When its token was last rotated.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub last_used_at: Timestamp,
    /// The client's description of itself.
    pub user_agent: Option<String>,
    /// The number of the current refresh token.
    pub counter: u64,
    /// The current refresh token, hashed.
    pub token_hash: String,
    /// The access token that was issued with it.
    pub issued: Issued,
    /// The request id of the last rotation.
    pub request_id: Option<String>,
    /// Set once the session has ended.
    pub ended: Option<Ended>,
}

/// The inputs of an access token, to derive it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Issued {
    /// The signing key.
    pub kid: String,
    /// When it was issued.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// The role it gives.
    pub role: Role,
}

/// How and when a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// By what.
    pub by: End,
}

/// What ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum End {
    /// Its user signed out.
    Logout,
    /// A used refresh token was presented.
    Reuse,
    /// Its user ended it from a list.
    Revoked,
}

/// The decision on a presented refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is the current one: rotate.
    Rotate,
    /// It is the previous one, retried with the request id of its first use: return the same tokens.
    Replay,
    /// It was used before: end the session.
    Reused,
    /// The session ended because a used token was presented.
    UsedUp,
    /// The session ended for another reason.
    Revoked,
    /// The session was idle for too long.
    Expired,
    /// The token does not belong to this session.
    Unknown,
}

impl Session {
    /// Decides on a presented token. `idle` is how long a session lives without use.
    pub(crate) fn decide(
        &self,
        user: &User,
        presented: &Presented,
        request_id: Option<&str>,
        idle: Duration,
        now: Timestamp,
    ) -> Decision {
        match self.ended {
            Some(Ended { by: End::Revoked, .. }) => return Decision::Revoked,
            Some(_) => return Decision::UsedUp,
            None if !user.keeps_session(&self.id, self.epoch) => return Decision::Revoked,
            None => {}
        }
        if presented.counter > self.counter {
            return Decision::Unknown;
        }
        if presented.counter < self.counter {
            let repeated = presented.counter + 1 == self.counter
                && request_id.is_some()
                && self.request_id.as_deref() == request_id
                && now.duration_since(self.last_used_at).unsigned_abs() <= REPLAY;
            return if repeated {
                Decision::Replay
            } else {
                Decision::Reused
            };
        }
        if self.token_hash != presented.hash {
            return Decision::Unknown;
        }
        if now.duration_since(self.last_used_at) > jiff::SignedDuration::try_from(idle).unwrap_or_default() {
            return Decision::Expired;
        }
        Decision::Rotate
    }

    /// The session, ended.
    pub(crate) fn end(mut self, by: End, now: Timestamp) -> Self {
        self.ended = Some(Ended { at: now, by });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::password::PasswordHash;
    use crate::domain::user::Profile;

    const IDLE: Duration = Duration::from_secs(3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn user() -> User {
        let hash = PasswordHash::from_phc(String::new());
        User::new(
            "user_1".into(),
            "a@b.fr".into(),
            hash,
            Profile::default(),
            Role::Customer,
            at(0),
        )
    }

    fn session() -> Session {
        Session {
            id: "ses_1".into(),
            version: 1,
            user_id: "user_1".into(),
            epoch: 1,
            created_at: at(0),
            last_used_at: at(100),
            user_agent: None,
            counter: 2,
            token_hash: "two".into(),
            issued: Issued {
                kid: "k".into(),
                at: at(100),
                role: Role::Customer,
            },
            request_id: Some("r1".into()),
            ended: None,
        }
    }

    fn token(counter: u64, hash: &str) -> Presented {
        Presented {
            session_id: "ses_1".into(),
            counter,
            hash: hash.into(),
        }
    }

    #[test]
    fn every_presentation_has_one_outcome() {
        let (user, session) = (user(), session());
        let decide = |presented: &Presented, id: Option<&str>, now: i64| {
            session.decide(&user, presented, id, IDLE, at(now))
        };
        assert_eq!(decide(&token(2, "two"), None, 110), Decision::Rotate);
        assert_eq!(decide(&token(2, "other"), None, 110), Decision::Unknown);
        assert_eq!(decide(&token(3, "three"), None, 110), Decision::Unknown);
        assert_eq!(decide(&token(2, "two"), None, 100 + 3601), Decision::Expired);
        assert_eq!(decide(&token(1, "one"), Some("r1"), 110), Decision::Replay);
        assert_eq!(
            decide(&token(1, "one"), Some("r1"), 111),
            Decision::Reused,
            "too late"
        );
        assert_eq!(
            decide(&token(1, "one"), Some("r2"), 101),
            Decision::Reused,
            "another request id"
        );
        assert_eq!(
            decide(&token(1, "one"), None, 101),
            Decision::Reused,
            "no request id"
        );
        assert_eq!(
            decide(&token(0, "zero"), Some("r1"), 101),
            Decision::Reused,
            "two back"
        );
    }

    #[test]
    fn a_missing_request_id_is_never_a_repetition() {
        let mut session = session();
        session.request_id = None;
        assert_eq!(
            session.decide(&user(), &token(1, "one"), None, IDLE, at(101)),
            Decision::Reused
        );
    }

    #[test]
    fn an_ended_session_takes_nothing() {
        let mut user = user();
        let used_up = session().end(End::Reuse, at(1));
        assert_eq!(
            used_up.decide(&user, &token(2, "two"), None, IDLE, at(101)),
            Decision::UsedUp
        );
        let revoked = session().end(End::Revoked, at(1));
        assert_eq!(
            revoked.decide(&user, &token(2, "two"), None, IDLE, at(101)),
            Decision::Revoked
        );
        user.end_sessions(None, at(101));
        assert_eq!(
            session().decide(&user, &token(2, "two"), None, IDLE, at(101)),
            Decision::Revoked
        );
        user.kept_session = Some("ses_1".into());
        assert_eq!(
            session().decide(&user, &token(2, "two"), None, IDLE, at(101)),
            Decision::Rotate
        );
    }
}
