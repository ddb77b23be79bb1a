//! Signing in, refreshing and signing out.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::identity::{AUDIENCE, Caller, Claims, ISSUER};
use comptoir_mesh::text;
use comptoir_proto::auth::v1 as proto;
use jiff::Timestamp;

use crate::auth::{Auth, TRIES};
use crate::convert;
use crate::domain::key::TOKEN_LIFE;
use crate::domain::password::Password;
use crate::domain::refresh::token_hash;
use crate::domain::session::{Decision, End, Issued, Session};
use crate::domain::user::User;

/// The maximal length of a request id.
const MAX_REQUEST_ID: usize = comptoir_mesh::lengths::REQUEST_ID;

impl Auth {
    /// The same answer and the same work for an unknown address, a wrong password and an account that may not sign in.
    pub(crate) async fn login(
        &self,
        _: &Caller,
        request: proto::LoginRequest,
    ) -> Result<proto::LoginResponse, Error> {
        // The time is read before the account, so that a revocation written in between is later than the token.
        let now = self.now();
        let password = Password::presented("password", &request.password)?;
        let key = text::normalise_email(&request.email);
        let attempt = self.attempt(&key, request.client_address.as_deref());
        let user = self.store.user_by_email(&key).await?;
        let hash = user.as_ref().map(|user| user.password.clone());
        let right = self.compare(&attempt, password, hash).await?;
        let Some(user) = user.filter(|user| right && user.active) else {
            metrics::counter!("auth_logins_total", "outcome" => "refused").increment(1);
            return Err(Error::new(
                ErrorReason::InvalidCredentials,
                "There is no confirmed account with this address and password.",
            ));
        };
        let session = self.new_session(&user, convert::user_agent(request.user_agent.as_deref()), now)?;
        self.store.open_session(session.clone(), &attempt).await?;
        metrics::counter!("auth_logins_total", "outcome" => "ok").increment(1);
        tracing::info!(user.id = user.id, session.id = session.id, "signed in");
        Ok(proto::LoginResponse {
            tokens: Some(self.tokens(&session)?),
            user: Some(user.into()),
        })
    }

    pub(crate) async fn refresh_token(
        &self,
        _: &Caller,
        request: proto::RefreshTokenRequest,
    ) -> Result<proto::RefreshTokenResponse, Error> {
        let request_id = request.request_id.filter(|id| !id.is_empty());
        if request_id.as_ref().is_some_and(|id| id.len() > MAX_REQUEST_ID) {
            let message = "A request id has at most 255 characters.";
            return Err(Error::field("request_id", ErrorReason::ValidationFailed, message));
        }
        let presented = self
            .secrets
            .read_refresh_token(&request.refresh_token)
            .ok_or_else(invalid)?;
        for _ in 0..TRIES {
            let now = self.now();
            let session = self
                .store
                .session(&presented.session_id)
                .await?
                .ok_or_else(invalid)?;
            let user = self.store.user(&session.user_id).await?.ok_or_else(invalid)?;
            let idle = self.limits.session_idle;
            let answered = match session.decide(&user, &presented, request_id.as_deref(), idle, now) {
                Decision::Rotate => {
                    let next = self.rotated(session, &user, request_id.clone(), now)?;
                    crate::fail_points::hit("auth.session.rotate.before");
                    let saved = self.store.save_session(next).await?;
                    crate::fail_points::hit("auth.session.rotate.after");
                    saved
                }
                Decision::Replay => Some(session),
                Decision::Reused => {
                    tracing::warn!(
                        user.id = user.id,
                        session.id = session.id,
                        "a used refresh token ended its session"
                    );
                    if self
                        .store
                        .save_session(session.end(End::Reuse, now))
                        .await?
                        .is_some()
                    {
                        metrics::counter!("auth_tokens_reused_total").increment(1);
                        self.revoked();
                        return Err(reused());
                    }
                    None
                }
                Decision::UsedUp => return Err(reused()),
                Decision::Revoked => return Err(super::revoked()),
                Decision::Expired => {
                    return Err(Error::new(
                        ErrorReason::TokenExpired,
                        "The session has ended. Sign in again.",
                    ));
                }
                Decision::Unknown => return Err(invalid()),
            };
            // If the write lost to another call, the session's new state decides.
            if let Some(session) = answered {
                let tokens = self.tokens(&session)?;
                return Ok(proto::RefreshTokenResponse {
                    tokens: Some(tokens),
                    user: Some(user.into()),
                });
            }
        }
        Err(super::contended())
    }

    pub(crate) async fn logout(
        &self,
        _: &Caller,
        request: proto::LogoutRequest,
    ) -> Result<proto::LogoutResponse, Error> {
        // An older token of the session may end it too: it was issued to this user, and signing out does no harm.
        if let Some(presented) = self.secrets.read_refresh_token(&request.refresh_token) {
            self.end_session(&presented.session_id, End::Logout).await?;
        }
        Ok(proto::LogoutResponse {})
    }

    pub(crate) async fn logout_all(
        &self,
        caller: &Caller,
        _: proto::LogoutAllRequest,
    ) -> Result<proto::LogoutAllResponse, Error> {
        let now = self.now();
        let change = |user: &mut User| {
            user.end_sessions(None, now);
            Ok(())
        };
        self.change_caller(caller, change).await?;
        self.revoked();
        Ok(proto::LogoutAllResponse {})
    }

    pub(crate) async fn get_jwks(
        &self,
        _: &Caller,
        _: proto::GetJwksRequest,
    ) -> Result<proto::GetJwksResponse, Error> {
        Ok(proto::GetJwksResponse { keys: self.jwks() })
    }

    pub(crate) async fn list_revocations(
        &self,
        _: &Caller,
        _: proto::ListRevocationsRequest,
    ) -> Result<proto::ListRevocationsResponse, Error> {
        Ok(proto::ListRevocationsResponse {
            revocations: self.revocations().await?,
        })
    }

    /// Ends the session, if it has not ended.
    pub(super) async fn end_session(&self, id: &str, by: End) -> Result<(), Error> {
        for _ in 0..TRIES {
            match self.store.session(id).await? {
                Some(session) if session.ended.is_none() => {
                    if self
                        .store
                        .save_session(session.end(by, self.now()))
                        .await?
                        .is_some()
                    {
                        self.revoked();
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
        Err(super::contended())
    }

    /// A session that is opened now. Its id is chosen here, whatever the client sent.
    fn new_session(&self, user: &User, user_agent: Option<String>, now: Timestamp) -> Result<Session, Error> {
        let id = self.env.ids.new_id("ses_");
        let counter = 1;
        Ok(Session {
            token_hash: token_hash(&self.secrets.refresh_token(&id, counter)),
            id,
            version: 1,
            user_id: user.id.clone(),
            epoch: user.epoch,
            created_at: now,
            last_used_at: now,
            user_agent,
            counter,
            issued: self.issued(user, now)?,
            request_id: None,
            ended: None,
        })
    }

    /// The session with its next token.
    fn rotated(
        &self,
        session: Session,
        user: &User,
        request_id: Option<String>,
        now: Timestamp,
    ) -> Result<Session, Error> {
        let counter = session.counter + 1;
        Ok(Session {
            counter,
            token_hash: token_hash(&self.secrets.refresh_token(&session.id, counter)),
            issued: self.issued(user, now)?,
            last_used_at: now,
            request_id,
            ..session
        })
    }

    fn issued(&self, user: &User, now: Timestamp) -> Result<Issued, Error> {
        let ring = self.ring();
        let key = ring
            .signing(now)
            .ok_or_else(|| Error::unavailable(anyhow::anyhow!("there is no signing key")))?;
        Ok(Issued {
            kid: key.kid.clone(),
            at: user.token_time(now),
            role: user.role,
        })
    }

    /// The session's current tokens. They are derived from what is stored, so that a repeated call gets the same ones.
    fn tokens(&self, session: &Session) -> Result<proto::TokenPair, Error> {
        let Issued { kid, at, role } = &session.issued;
        let issued_at = at.as_second();
        let life = TOKEN_LIFE.as_secs();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: session.user_id.clone(),
            exp: issued_at + i64::try_from(life).unwrap_or(0),
            nbf: issued_at,
            iat: issued_at,
            jti: self.secrets.token_id(&session.id, session.counter, *at),
            sid: session.id.clone(),
            role: *role,
        };
        let ring = self.ring();
        let key = ring
            .find(kid)
            .ok_or_else(|| Error::unavailable(anyhow::anyhow!("the signing key {kid} is gone")))?;
        Ok(proto::TokenPair {
            access_token: key.sign(&claims).map_err(Error::internal)?,
            refresh_token: self.secrets.refresh_token(&session.id, session.counter),
            expires_in: i32::try_from(life).unwrap_or(0),
        })
    }
}

fn invalid() -> Error {
    Error::new(
        ErrorReason::TokenInvalid,
        "The refresh token is not valid. Sign in again.",
    )
}

fn reused() -> Error {
    Error::new(
        ErrorReason::TokenReused,
        "This refresh token was used before; its session has ended. Sign in again.",
    )
}
