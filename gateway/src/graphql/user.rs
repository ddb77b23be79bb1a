//! Users and their sessions.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use comptoir_proto::auth::v1 as pb;

use super::address::Address;
use super::connection::connection;
use super::scalars::DateTime;
use super::user_errors::payload;
use crate::backend::{Failure, RequestData, Services, optional};

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Customer,
    Staff,
    Admin,
}

impl From<pb::Role> for Role {
    fn from(role: pb::Role) -> Self {
        match role {
            pb::Role::Unspecified | pb::Role::Customer => Self::Customer,
            pb::Role::Staff => Self::Staff,
            pb::Role::Admin => Self::Admin,
        }
    }
}

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Customer => Self::Customer,
            Role::Staff => Self::Staff,
            Role::Admin => Self::Admin,
        }
    }
}

#[derive(SimpleObject)]
pub(super) struct SavedAddress {
    id: ID,
    address: Address,
    is_default: bool,
}

#[derive(SimpleObject)]
pub(super) struct Session {
    id: ID,
    created_at: DateTime,
    last_used_at: DateTime,
    user_agent: Option<String>,
    current: bool,
}

#[derive(Clone)]
pub(super) struct User(pb::User);

impl User {
    /// A user of the answer, which makes the answer private to the caller.
    pub(super) fn new(data: &RequestData, user: pb::User) -> Self {
        data.private();
        Self(user)
    }

    /// The user with this id, if the caller may see it.
    pub(super) async fn read(ctx: &Context<'_>, user_id: String) -> Result<Option<Self>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        data.private();
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = optional(client.get_user(pb::GetUserRequest { user_id }).await)?;
        Ok(answer
            .and_then(|answer| answer.user)
            .map(|user| Self::new(data, user)))
    }
}

#[Object]
impl User {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn email(&self) -> &str {
        &self.0.email
    }

    async fn email_verified(&self) -> bool {
        self.0.email_verified
    }

    async fn first_name(&self) -> Option<&str> {
        self.0.first_name.as_deref()
    }

    async fn last_name(&self) -> Option<&str> {
        self.0.last_name.as_deref()
    }

    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    async fn role(&self) -> Role {
        self.0.role().into()
    }

    async fn active(&self) -> bool {
        self.0.active
    }

    async fn locale(&self) -> &str {
        &self.0.locale
    }

    async fn created_at(&self) -> DateTime {
        DateTime::of(self.0.created_at)
    }

    async fn addresses(&self) -> Vec<SavedAddress> {
        let saved = |saved: &pb::SavedAddress| SavedAddress {
            id: ID(saved.id.clone()),
            address: saved.address.clone().unwrap_or_default().into(),
            is_default: saved.is_default,
        };
        self.0.addresses.iter().map(saved).collect()
    }

    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<Session>, Failure> {
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let data = ctx.data_unchecked::<RequestData>();
        // Without a token, for example right after a confirmation, the sessions cannot be read.
        let Some(caller) = &data.caller else {
            return Ok(Vec::new());
        };
        let user_id = if caller.id == self.0.id {
            String::new()
        } else {
            self.0.id.clone()
        };
        let request = pb::ListSessionsRequest {
            user_id,
            ..Default::default()
        };
        let sessions = client.list_sessions(request).await?.into_inner().sessions;
        Ok(sessions.into_iter().map(Session::from).collect())
    }
}

impl From<pb::Session> for Session {
    fn from(session: pb::Session) -> Self {
        Self {
            id: ID(session.id),
            created_at: DateTime::of(session.created_at),
            last_used_at: DateTime::of(session.last_used_at),
            user_agent: session.user_agent,
            current: session.current,
        }
    }
}

connection!(UserConnection, UserEdge, User);
payload!(UserPayload { user: User });
