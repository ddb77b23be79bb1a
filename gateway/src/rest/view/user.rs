//! Users, their addresses and sessions.

use comptoir_proto::auth::v1 as pb;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Address, names, time};
use crate::rest::schema::{AddressId, SessionId, Time, UserId};

names! {
    /// The role of a user. Each includes the rights of the one before.
    Role of pb::Role { Customer, Staff, Admin }
}

/// An account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    #[schema(value_type = UserId)]
    id: String,
    email: String,
    email_verified: bool,
    first_name: Option<String>,
    last_name: Option<String>,
    phone: Option<String>,
    role: Role,
    active: bool,
    locale: String,
    #[schema(value_type = Time)]
    created_at: String,
    addresses: Vec<SavedAddress>,
}

impl From<pb::User> for User {
    fn from(user: pb::User) -> Self {
        Self {
            role: user.role().into(),
            id: user.id,
            email: user.email,
            email_verified: user.email_verified,
            first_name: user.first_name,
            last_name: user.last_name,
            phone: user.phone,
            active: user.active,
            locale: user.locale,
            created_at: time(user.created_at),
            addresses: user.addresses.into_iter().map(SavedAddress::from).collect(),
        }
    }
}

/// A saved address of a user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedAddress {
    #[schema(value_type = AddressId)]
    pub(crate) id: String,
    address: Address,
    is_default: bool,
}

impl From<pb::SavedAddress> for SavedAddress {
    fn from(saved: pb::SavedAddress) -> Self {
        Self {
            id: saved.id,
            address: saved.address.unwrap_or_default().into(),
            is_default: saved.is_default,
        }
    }
}

/// A signed-in device.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    #[schema(value_type = SessionId)]
    id: String,
    #[schema(value_type = Time)]
    created_at: String,
    #[schema(value_type = Time)]
    last_used_at: String,
    user_agent: Option<String>,
    current: bool,
}

impl From<pb::Session> for Session {
    fn from(session: pb::Session) -> Self {
        Self {
            id: session.id,
            created_at: time(session.created_at),
            last_used_at: time(session.last_used_at),
            user_agent: session.user_agent,
            current: session.current,
        }
    }
}

/// The tokens of a session, and its user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tokens {
    access_token: String,
    refresh_token: String,
    /// Seconds.
    expires_in: i32,
    user: Option<User>,
}

impl Tokens {
    /// The tokens of a session.
    pub(crate) fn new(tokens: pb::TokenPair, user: Option<pb::User>) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_in: tokens.expires_in,
            user: user.map(User::from),
        }
    }
}
