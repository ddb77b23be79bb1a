//! Extractors. Roles and keys are in the head of a request, so they are checked before its body is read.

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::identity::{Role, User};
use http::request::Parts;
use http_body::Body as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::backend::{is_idempotency_key, signed_in, with_role};
use crate::json::Json;
use crate::problem::Problem;
use crate::request::Client;

/// More characters than any id or slug has.
const ID_LENGTH: usize = 255;

/// The id in the path. Only characters of ids are accepted.
pub(crate) struct Id(pub(crate) String);

/// The id or slug in the path. A slug may be in any script.
pub(crate) struct IdOrSlug(pub(crate) String);

/// The two ids in the path.
pub(crate) struct Ids(pub(crate) String, pub(crate) String);

/// The id of the signed-in user. UNAUTHENTICATED without one.
pub(crate) struct SignedIn(pub(crate) String);

/// Requires STAFF or ADMIN. UNAUTHENTICATED or FORBIDDEN otherwise.
pub(crate) struct Staff;

/// The `Idempotency-Key` header.
pub(crate) struct IdempotencyKey(pub(crate) String);

/// A JSON body, or the default if there is no body.
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// The path's parameters, if all their characters are allowed.
async fn named<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    fits: impl Fn(char) -> bool,
) -> Result<Vec<String>, Problem> {
    let malformed = || Problem::new(ErrorReason::InvalidId, "No id has this form.");
    let parameters = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| malformed())?;
    let ids: Vec<String> = parameters.iter().map(|(_, value)| value.to_owned()).collect();
    if ids
        .iter()
        .all(|id| (1..=ID_LENGTH).contains(&id.chars().count()) && id.chars().all(&fits))
    {
        Ok(ids)
    } else {
        Err(malformed())
    }
}

async fn ids<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, Problem> {
    named(parts, state, is_of_id).await
}

fn is_of_id(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}

fn is_of_slug(letter: char) -> bool {
    is_of_id(letter) || !letter.is_ascii() && !letter.is_control() && !letter.is_whitespace()
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(ids(parts, state).await?.pop().unwrap_or_default()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdOrSlug {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut ids = named(parts, state, is_of_slug).await?;
        Ok(Self(ids.pop().unwrap_or_default()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut ids = ids(parts, state).await?.into_iter();
        Ok(Self(
            ids.next().unwrap_or_default(),
            ids.next().unwrap_or_default(),
        ))
    }
}

/// The user of the request's token.
fn user(parts: &Parts) -> Option<&User> {
    parts.extensions.get::<Client>()?.user.as_deref()
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(signed_in(user(parts))?.id.clone()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Staff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        with_role(user(parts), Role::Staff)?;
        Ok(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let Some(key) = keys.next() else {
            let message = "This needs an Idempotency-Key header, so that the call can be retried safely.";
            return Err(Problem::new(ErrorReason::IdempotencyKeyRequired, message));
        };
        let key = key.as_bytes();
        let fits = is_idempotency_key(key);
        match String::from_utf8(key.to_vec()) {
            Ok(key) if fits && keys.next().is_none() => Ok(Self(key)),
            _ => Err(Problem::new(
                ErrorReason::IdempotencyKeyInvalid,
                "Send one Idempotency-Key of 1 to 255 printable ASCII characters.",
            )),
        }
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        Json::from_request(request, state)
            .await
            .map(|Json(body)| Self(body))
    }
}

/// Distinguishes null (`Some(None)`) from a field that is left out, with `#[serde(default, deserialize_with = "nullable")]`.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
