//! A requested mail, and the token in its link. Until an address is confirmed, the confirmation mail is the only record
//! of the account.

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

/// How long a mail is kept that was not sent or whose link was not used.
pub(crate) const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The kind of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum MailKind {
    /// Its link opens the account.
    ConfirmEmail,
    /// Its link sets a new password.
    PasswordReset,
    /// Its link, sent to the new address, moves the account to that address.
    EmailChange,
    /// Tells an account's owner of a registration with the address. No link.
    AlreadyRegistered,
    /// Not sent. It is stored, with an event, where another address would get a mail, so that both take the same work.
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

    /// How long the link is valid; `None` for a mail without a link.
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

/// The contents of an account that is opened when its address is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    /// The password of this registration.
    pub password: PasswordHash,
    /// The person's profile.
    pub profile: Profile,
}

/// A requested mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mail {
    /// Begins with `mail_`.
    pub id: String,
    /// The kind of mail.
    pub kind: MailKind,
    /// The recipient's address.
    pub email: String,
    /// The address in the form in which it is unique.
    pub email_key: String,
    /// The account it is about; absent for a registration.
    pub user_id: Option<String>,
    /// The registration, if it is one.
    pub registration: Option<Registration>,
    /// When it was requested.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub requested_at: Timestamp,
    /// The link's token, hashed.
    pub token_hash: String,
    /// When the link expires; set when the token is first issued.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub expires_at: Option<Timestamp>,
    /// When the link was used.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub used_at: Option<Timestamp>,
    /// The sequence of its last event.
    pub sequence: u64,
    /// Events that are not published yet.
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

/// The input of a mail.
pub(crate) struct Draft<'a> {
    pub(crate) kind: MailKind,
    pub(crate) email: &'a str,
    pub(crate) user: Option<&'a User>,
    pub(crate) registration: Option<Registration>,
}

/// An event without effect, `length` bytes long.
fn withheld(length: usize) -> Payload {
    let padding = vec![0; length];
    Payload::MailWithheld(MailWithheld { padding })
}

impl Mail {
    /// Requests a mail. `event_id` identifies the event to the notifier; `token_hash` belongs to the mail's link.
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
            // Until the address is confirmed, text from the registration must not appear in its owner's mail.
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

    /// The mail as it is stored when the address has reached its limit: it is not sent, and confirms nothing. Its event
    /// has no effect, and the work is that of a mail.
    pub(crate) fn silenced(mut self) -> Self {
        self.kind = MailKind::Unsent;
        self.registration = None;
        self.sequence = 0;
        for entry in std::mem::take(&mut self.outbox) {
            self.append(entry.id, withheld(entry.payload.len()), self.requested_at);
        }
        self
    }

    /// Whether its link can be used now. A token that was never issued cannot.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && self.expires_at.is_some_and(|end| now < end)
    }

    /// Whether the link is still valid for the account: the account is active, its password has not changed since, and
    /// neither has its address, unless the link changes it.
    pub(crate) fn speaks_for(&self, user: &User) -> bool {
        user.active
            && self.requested_at >= user.password_set_at
            && (self.kind == MailKind::EmailChange || self.email_key == user.email_key)
    }

    /// Issues the token. Returns the link's expiry, the same at each call; `None` for a mail without a link.
    pub(crate) fn issue(&mut self, now: Timestamp) -> Option<Timestamp> {
        let life = self.kind.link_life()?;
        Some(*self.expires_at.get_or_insert(now + life))
    }
}
