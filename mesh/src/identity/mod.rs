//! The caller: the user by a JWT that every service verifies itself, the peer by its channel; and the access that each
//! method requires.

use std::sync::Arc;

use comptoir_proto::types::ErrorReason;

use crate::error::Error;

pub use self::verifier::{AUDIENCE, Claims, ISSUER, TOKEN_TYPE, Verifier};

mod verifier;

/// The role of a user; each includes the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Buys.
    Customer,
    /// Runs the shop.
    Staff,
    /// Also decides who is staff.
    Admin,
}

/// A user whose access token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `user_…`
    pub id: String,
    /// `ses_…`
    pub session_id: String,
    /// What the user may do.
    pub role: Role,
    /// When the access token ends, in seconds since 1970.
    pub expires_at: i64,
}

/// The process at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// One of our services, by its name.
    Service(&'static str),
    /// A process on this machine, in the development profile: it may do what any service may.
    Loopback,
    /// Any other process.
    Unknown,
}

/// The name under which a process that holds all services calls them for itself, to fill in its demo catalogue.
pub const OPERATOR: &str = "standalone";

impl Peer {
    /// The user that a process is to its own services: staff. Only an in-process channel has this name, no socket.
    pub(crate) fn operator(self) -> Option<Arc<User>> {
        let user = || User {
            id: OPERATOR.into(),
            session_id: String::new(),
            role: Role::Staff,
            expires_at: i64::MAX,
        };
        (self == Self::Service(OPERATOR)).then(|| Arc::new(user()))
    }
}

/// Who makes a call.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The process.
    pub peer: Peer,
    /// The user it calls for.
    pub user: Option<Arc<User>>,
}

/// What a method asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// No user; any of our services.
    Anyone,
    /// Any signed-in user.
    User,
    /// STAFF or ADMIN.
    Staff,
    /// ADMIN.
    Admin,
    /// These services, for no user or any.
    Services(&'static [&'static str]),
    /// STAFF or ADMIN, or one of these services.
    StaffOr(&'static [&'static str]),
}

impl Caller {
    /// The caller of a request that came through [`crate::service::Service`].
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or(Self {
            peer: Peer::Unknown,
            user: None,
        })
    }

    /// The signed-in user, or UNAUTHENTICATED.
    pub fn user(&self) -> Result<&User, Error> {
        self.user
            .as_deref()
            .ok_or_else(|| Error::new(ErrorReason::Unauthenticated, "Sign in first."))
    }

    /// The id of the signed-in user, if there is one.
    pub fn user_id(&self) -> Option<&str> {
        self.user.as_deref().map(|user| user.id.as_str())
    }

    /// The signed-in user, if STAFF or ADMIN, or UNAUTHENTICATED or FORBIDDEN.
    pub fn staff(&self) -> Result<&User, Error> {
        self.at_least(Role::Staff)
    }

    /// The signed-in user, if ADMIN, or UNAUTHENTICATED or FORBIDDEN.
    pub fn admin(&self) -> Result<&User, Error> {
        self.at_least(Role::Admin)
    }

    /// Whether the user is STAFF or ADMIN.
    pub fn is_staff(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.role >= Role::Staff)
    }

    /// Whether the call comes from this service (in development also from the machine itself).
    pub fn is_service(&self, name: &str) -> bool {
        match self.peer {
            Peer::Service(service) => service == name,
            Peer::Loopback => true,
            Peer::Unknown => false,
        }
    }

    fn at_least(&self, role: Role) -> Result<&User, Error> {
        let user = self.user()?;
        if user.role < role {
            return Err(Error::new(
                ErrorReason::Forbidden,
                "Your role does not allow this.",
            ));
        }
        Ok(user)
    }

    /// Checks what the method asks for.
    pub(crate) fn may(&self, access: Access) -> Result<(), Error> {
        let from = |services: &[&str]| services.iter().any(|service| self.is_service(service));
        let refused = || Error::new(ErrorReason::Forbidden, "This peer may not call this method.");
        if self.peer == Peer::Unknown && self.user.is_none() {
            return Err(refused());
        }
        match access {
            Access::Anyone => Ok(()),
            Access::User => self.user().map(drop),
            Access::Staff => self.staff().map(drop),
            Access::Admin => self.admin().map(drop),
            Access::Services(services) => from(services).then_some(()).ok_or_else(refused),
            Access::StaffOr(services) if from(services) => Ok(()),
            Access::StaffOr(_) => self.staff().map(drop),
        }
    }
}
