//! Verifies access tokens: EdDSA JWTs of type `at+jwt`, by the keys and revocations that auth hands out.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use comptoir_proto::{
    auth::v1::{Jwk, Revocation, revocation},
    types::ErrorReason,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ulid::Ulid;

use super::{Role, User};
use crate::{clock::Clock, error::Error, json};

/// The `iss` of access tokens.
pub const ISSUER: &str = "comptoir";
/// The `aud` of access tokens.
pub const AUDIENCE: &str = "comptoir";
/// The `typ` of access tokens (RFC 9068).
pub const TOKEN_TYPE: &str = "at+jwt";

/// Clocks may differ by this much.
const LEEWAY: i64 = 5;
/// The maximal length of an access token.
const MAX_TOKEN: usize = 4096;
/// How long tokens are trusted without an answer from auth, in seconds.
const MAX_SILENCE: i64 = 45;
/// Verified tokens that are remembered, so that a signature is checked once.
const REMEMBERED: u64 = 10_000;

/// What an access token says. `jti` is a ULID: its time tells a token from before a revocation from one after it within the
/// same second.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// The user's id.
    pub sub: String,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it begins.
    pub nbf: i64,
    /// When it was made.
    pub iat: i64,
    /// Its own id, a ULID.
    pub jti: String,
    /// The session it belongs to.
    pub sid: String,
    /// The user's role as it was made.
    pub role: Role,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
    b64: Option<serde_json::Value>,
}

#[derive(Default)]
struct Revocations {
    sessions: HashMap<String, ()>,
    /// Milliseconds since 1970 before which a user's tokens do not count.
    users: HashMap<String, i64>,
}

/// Knows the keys and the revocations.
pub struct Verifier {
    clock: Arc<dyn Clock>,
    keys: ArcSwap<HashMap<String, DecodingKey>>,
    revocations: ArcSwap<Revocations>,
    /// Seconds since 1970 at which auth answered last.
    heard: AtomicI64,
    remembered: moka::sync::Cache<Arc<str>, Arc<Claims>>,
}

impl Verifier {
    /// A verifier that knows no key yet, and so refuses every token.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            keys: ArcSwap::default(),
            revocations: ArcSwap::default(),
            heard: AtomicI64::new(0),
            remembered: moka::sync::Cache::new(REMEMBERED),
        }
    }

    /// Takes over the key set.
    pub fn set_keys(&self, keys: &[Jwk]) {
        let keys: HashMap<_, _> = keys
            .iter()
            .filter_map(|key| Some((key.kid.clone(), DecodingKey::from_ed_components(&key.x).ok()?)))
            .collect();
        // A signature that was checked by a key that is gone no longer counts.
        if self.keys.load().keys().any(|kid| !keys.contains_key(kid)) {
            self.remembered.invalidate_all();
        }
        self.keys.store(Arc::new(keys));
        self.heard.store(self.clock.now().as_second(), Ordering::Relaxed);
    }

    /// Takes over the revocations of the last five minutes.
    pub fn set_revocations(&self, revocations: &[Revocation]) {
        let mut known = Revocations::default();
        for revocation in revocations {
            let at = revocation
                .revoked_at
                .as_ref()
                .map_or(0, |at| at.seconds * 1000 + i64::from(at.nanos) / 1_000_000);
            match &revocation.subject {
                Some(revocation::Subject::SessionId(id)) => {
                    known.sessions.insert(id.clone(), ());
                }
                Some(revocation::Subject::UserId(id)) => {
                    let latest = known.users.entry(id.clone()).or_insert(at);
                    *latest = at.max(*latest);
                }
                None => {}
            }
        }
        self.revocations.store(Arc::new(known));
        self.heard.store(self.clock.now().as_second(), Ordering::Relaxed);
    }

    /// The user of a token, or TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED, or DEPENDENCY_UNAVAILABLE when auth has been
    /// silent for too long to know.
    pub fn verify(&self, token: &str) -> Result<Arc<User>, Error> {
        let claims = match self.remembered.get(token) {
            Some(claims) => claims,
            None => {
                let claims = Arc::new(self.read(token).ok_or_else(invalid)?);
                self.remembered.insert(token.into(), claims.clone());
                claims
            }
        };
        let now = self.clock.now().as_second();
        if claims.nbf > now + LEEWAY || claims.iat > now + LEEWAY {
            return Err(invalid());
        }
        if claims.exp <= now - LEEWAY {
            return Err(Error::new(
                ErrorReason::TokenExpired,
                "The access token has expired. Refresh it.",
            ));
        }
        let silence = now.saturating_sub(self.heard.load(Ordering::Relaxed));
        if silence > MAX_SILENCE && claims.iat < now - MAX_SILENCE {
            return Err(Error::unavailable(anyhow::anyhow!(
                "auth has not answered for {silence} s"
            )));
        }
        let revocations = self.revocations.load();
        let issued = Ulid::from_string(&claims.jti).map_or(claims.iat * 1000, |id| {
            i64::try_from(id.timestamp_ms()).unwrap_or(i64::MAX)
        });
        if revocations.sessions.contains_key(&claims.sid)
            || revocations
                .users
                .get(&claims.sub)
                .is_some_and(|revoked| issued <= *revoked)
        {
            return Err(Error::new(
                ErrorReason::TokenRevoked,
                "The session has ended. Sign in again.",
            ));
        }
        Ok(Arc::new(User {
            id: claims.sub.clone(),
            session_id: claims.sid.clone(),
            role: claims.role,
            expires_at: claims.exp,
        }))
    }

    /// Checks form, type, key and signature, and that every claim is there.
    fn read(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let header: Header = part(header)?;
        // One algorithm per key, whatever the token asks for. Nothing critical is understood, so nothing critical is taken;
        // jku, x5u, jwk and x5c are never looked at.
        if header.alg != "EdDSA" || header.crit.is_some() || header.b64.is_some() {
            return None;
        }
        if !header.typ.is_some_and(|typ| typ.eq_ignore_ascii_case(TOKEN_TYPE)) {
            return None;
        }
        let keys = self.keys.load();
        let key = keys.get(&header.kid?)?;
        let genuine = jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::EdDSA)
            .unwrap_or(false);
        if !genuine {
            return None;
        }
        let claims: Claims = part(payload)?;
        let ours = claims.iss == ISSUER && claims.aud == AUDIENCE && claims.exp > 0;
        (ours && crate::ids::is_id(&claims.sub, "user_") && !claims.sid.is_empty()).then_some(claims)
    }
}

/// Reads a part of a token. A name that stands twice in it, read here or not, may have another value for a reader that looked at the
/// token before.
fn part<T: DeserializeOwned>(encoded: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    serde_json::from_value(json::read(&bytes).ok()?).ok()
}

fn invalid() -> Error {
    Error::new(ErrorReason::TokenInvalid, "The access token is not valid.")
}
