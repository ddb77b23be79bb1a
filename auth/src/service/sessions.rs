//! The list of signed-in devices.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::identity::Caller;
use comptoir_mesh::page;
use comptoir_proto::auth::v1 as proto;
use jiff::Timestamp;

use super::not_found;
use crate::auth::Auth;
use crate::convert;
use crate::domain::session::End;
use crate::store::SessionQuery;

impl Auth {
    pub(crate) async fn list_sessions(
        &self,
        caller: &Caller,
        request: proto::ListSessionsRequest,
    ) -> Result<proto::ListSessionsResponse, Error> {
        let me = caller.user()?;
        let limit = page::size(request.page_size, 100, self.env.limit_list)?;
        let after = read_cursor(&request.page_token)?;
        let id = if request.user_id.is_empty() {
            &me.id
        } else {
            convert::user_id(&request.user_id)?
        };
        if *id != me.id && !caller.is_staff() {
            return Err(not_found("user"));
        }
        let user = self.store.user(id).await?.ok_or_else(|| not_found("user"))?;
        let since = self.now() - self.limits.session_idle;
        // One more than requested tells whether there is a next page.
        let query = SessionQuery {
            after,
            limit: limit + 1,
        };
        let mut sessions = if user.active {
            self.store.list_sessions(&user, since, query).await?
        } else {
            Vec::new()
        };
        let more = sessions.len() > limit as usize;
        sessions.truncate(limit as usize);
        let next_page_token = match sessions.last() {
            Some(last) if more => cursor(last.last_used_at, &last.id),
            _ => String::new(),
        };
        Ok(proto::ListSessionsResponse {
            sessions: sessions
                .into_iter()
                .map(|session| convert::session(session, &me.session_id))
                .collect(),
            next_page_token,
        })
    }

    pub(crate) async fn revoke_session(
        &self,
        caller: &Caller,
        request: proto::RevokeSessionRequest,
    ) -> Result<proto::RevokeSessionResponse, Error> {
        let id = convert::checked_id("session_id", &request.session_id, "ses_")?;
        let user = self.caller_account(caller).await?;
        let session = self.store.session(id).await?;
        let own = session.filter(|session| {
            session.user_id == user.id
                && session.ended.is_none()
                && user.keeps_session(&session.id, session.epoch)
        });
        own.ok_or_else(|| not_found("session"))?;
        self.end_session(id, End::Revoked).await?;
        Ok(proto::RevokeSessionResponse {
            user: Some(user.into()),
        })
    }
}

/// A cursor of a list that is sorted by time and id.
pub(super) fn cursor(at: Timestamp, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{id}", at.as_microsecond()))
}

/// Reads a [`cursor`]; empty is the beginning.
pub(super) fn read_cursor(token: &str) -> Result<Option<(Timestamp, String)>, Error> {
    if token.is_empty() {
        return Ok(None);
    }
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (at, id) = text.split_once(':')?;
        Some((Timestamp::from_microsecond(at.parse().ok()?).ok()?, id.to_owned()))
    };
    let invalid = || {
        Error::field(
            "page_token",
            ErrorReason::ValidationFailed,
            "This is not a cursor of this list.",
        )
    };
    read().map(Some).ok_or_else(invalid)
}
