//! A mail that was asked for, and the token in its link. Before an address is confirmed, the mail that asks to confirm it
//! is all there is of an account.

use std::time::Duration;

use bytes::Bytes;
use comptoir_proto::auth::v1::{
    AuthEvent, MailKind as ProtoKind, MailRequested, MailWithheld, auth_event::Payload,
};
use jiff::Timestamp;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::password::PasswordHash;
use super::user::{Profile, User};

/// How long a mail that nobody sent, or whose link nobody used, is remembered.
pub(crate) const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Which mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum MailKind {
    /// Its link opens the account.
    ConfirmEmail,
    /// Its link sets a new password.
    PasswordReset,
    /// Its link, sent to the new address, makes it the account's.
    EmailChange,
    /// Tells an account's owner that somebody registered with the address. No link.
    AlreadyRegistered,
    /// None is sent: written, and announced, where another address would get one, so that the work is the same.
    Unsent,
}

impl MailKind {
    /// The kind's name in stores.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ConfirmEmail => "CONFIRM_EMAIL",
            Self::PasswordReset => "PASSWORD_RESET",
            Self::EmailChange => "EMAIL_CHANGE",
            Self::AlreadyRegistered => "ALREADY_REGISTERED",
            Self::Unsent => "UNSENT",
        }
    }

    /// How long the link is good after the mail was made; `None` for a mail without a link.
    pub(crate) fn link_life(self) -> Option<Duration> {
        match self {
            Self::ConfirmEmail | Self::EmailChange => Some(Duration::from_secs(24 * 3600)),
            Self::PasswordReset => Some(Duration::from_secs(3600)),
            Self::AlreadyRegistered | Self::Unsent => None,
        }
    }

    fn proto(self) -> ProtoKind {
        match self {
            Self::ConfirmEmail => ProtoKind::ConfirmEmail,
            Self::PasswordReset => ProtoKind::PasswordReset,
            Self::EmailChange => ProtoKind::EmailChange,
            Self::AlreadyRegistered => ProtoKind::AlreadyRegistered,
            Self::Unsent => ProtoKind::Unspecified,
        }
    }
}

/// What an account is opened with when its address is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    /// The password that this registration was asked with.
    pub password: PasswordHash,
    /// What the person said of themselves.
    pub profile: Profile,
}

/// A mail that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mail {
    /// Begins with `mail_`.
    pub id: String,
    /// Which mail.
    pub kind: MailKind,
    /// Where it goes.
    pub email: String,
    /// The address in the form in which it is unique.
    pub email_key: String,
    /// Whose account it is about; none for a registration.
    pub user_id: Option<String>,
    /// What a registration holds.
    pub registration: Option<Registration>,
    /// When it was asked for.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub requested_at: Timestamp,
    /// The link's token, hashed.
    pub token_hash: String,
    /// When the link ends: set when the token is first given out.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub expires_at: Option<Timestamp>,
    /// When the link was used.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub used_at: Option<Timestamp>,
    /// The sequence of its last event.
    pub sequence: u64,
    /// Events that no relay has taken yet.
    pub outbox: Vec<OutboxEntry>,
}

/// An event that waits for the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OutboxEntry {
    /// Begins with `evt_`.
    pub id: String,
    /// Counts the aggregate's events from 1.
    pub sequence: u64,
    /// An encoded `AuthEvent`.
    pub payload: Bytes,
}

/// What a mail is made of.
pub(crate) struct Draft<'a> {
    pub(crate) kind: MailKind,
    pub(crate) email: &'a str,
    pub(crate) user: Option<&'a User>,
    pub(crate) registration: Option<Registration>,
}

/// An event that asks for nothing, `length` bytes long.
fn withheld(length: usize) -> Payload {
    let padding = vec![0; length];
    Payload::MailWithheld(MailWithheld { padding })
}

impl Mail {
    /// Asks for a mail. `id` names it and `event_id` the event that asks the notifier; `token_hash` belongs to its link.
    pub(crate) fn request(
        draft: Draft<'_>,
        id: String,
        event_id: String,
        token_hash: String,
        now: Timestamp,
    ) -> Self {
        let mut mail = Self {
            email_key: comptoir_mesh::text::normalise_email(draft.email),
            email: draft.email.to_owned(),
            kind: draft.kind,
            user_id: draft.user.map(|user| user.id.clone()),
            registration: draft.registration,
            requested_at: now,
            token_hash,
            expires_at: None,
            used_at: None,
            sequence: 0,
            outbox: Vec::new(),
            id,
        };
        let profile = match (draft.user, &mail.registration) {
            (Some(user), _) => user.profile.clone(),
            (None, Some(registration)) => registration.profile.clone(),
            (None, None) => Profile::default(),
        };
        let request = MailRequested {
            mail_id: mail.id.clone(),
            kind: mail.kind.proto().into(),
            email: mail.email.clone(),
            locale: profile.locale,
            // A stranger's choice of words does not go into somebody's mail before the address is confirmed.
            first_name: draft.user.and(profile.first_name),
        };
        let payload = if mail.kind == MailKind::Unsent {
            withheld(request.encoded_len())
        } else {
            Payload::MailRequested(request)
        };
        mail.append(event_id, payload, now);
        mail
    }

    fn append(&mut self, id: String, payload: Payload, now: Timestamp) {
        self.sequence += 1;
        let event = AuthEvent {
            id: id.clone(),
            aggregate_id: self.id.clone(),
            sequence: self.sequence,
            occurred_at: Some(comptoir_mesh::clock::to_proto(now)),
            schema_version: 1,
            payload: Some(payload),
        };
        self.outbox.push(OutboxEntry {
            id,
            sequence: self.sequence,
            payload: event.encode_to_vec().into(),
        });
    }

    /// The mail as it is kept when the address has had enough of them: nothing is sent, and nothing can be confirmed. Its event
    /// asks for nothing; the work is that of a mail.
    pub(crate) fn silenced(mut self) -> Self {
        self.kind = MailKind::Unsent;
        self.registration = None;
        self.sequence = 0;
        for entry in std::mem::take(&mut self.outbox) {
            self.append(entry.id, withheld(entry.payload.len()), self.requested_at);
        }
        self
    }

    /// Whether its link can be used now. A token that was never given out cannot: nobody can know it.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && self.expires_at.is_some_and(|end| now < end)
    }

    /// Whether the link still speaks for the account: it is active, and neither its password was changed since nor, for a
    /// link to the address it had, the address.
    pub(crate) fn speaks_for(&self, user: &User) -> bool {
        user.active
            && self.requested_at >= user.password_set_at
            && (self.kind == MailKind::EmailChange || self.email_key == user.email_key)
    }

    /// Gives out the token: the link's end, the same at each call. `None` for a mail without a link.
    pub(crate) fn issue(&mut self, now: Timestamp) -> Option<Timestamp> {
        let life = self.kind.link_life()?;
        Some(*self.expires_at.get_or_insert(now + life))
    }
}
