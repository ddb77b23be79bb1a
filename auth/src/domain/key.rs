//! Signing keys: which one signs, which are published, and when the next one is due.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comptoir_mesh::identity::TOKEN_TYPE;
use ed25519_dalek::{Signer as _, SigningKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How long an access token is good.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(300);
/// How long a key is published before it signs, so that every process knows it by then.
pub(crate) const LEAD: Duration = Duration::from_secs(60);
/// How much longer than its last token a key is published, since clocks differ.
const MARGIN: Duration = Duration::from_secs(60);

/// A key that signs access tokens. Its secret never prints.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Counts the keys; unique, so that two processes do not create the same one.
    pub generation: u64,
    /// Names the key: its thumbprint (RFC 7638, RFC 8037).
    pub kid: String,
    /// The public key, base64url without padding.
    pub x: String,
    /// When it begins to sign; its predecessor ends then.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub active_from: Timestamp,
    /// The Ed25519 seed.
    seed: [u8; 32],
}

impl Key {
    /// A key of random `seed`.
    pub(crate) fn new(generation: u64, seed: [u8; 32], active_from: Timestamp) -> Self {
        let x = URL_SAFE_NO_PAD.encode(SigningKey::from_bytes(&seed).verifying_key().as_bytes());
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()));
        Self {
            generation,
            kid,
            x,
            active_from,
            seed,
        }
    }

    /// Signs `claims` as a compact JWS of type `at+jwt`.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Header<'a> {
            alg: &'a str,
            typ: &'a str,
            kid: &'a str,
        }
        let header = Header {
            alg: "EdDSA",
            typ: TOKEN_TYPE,
            kid: &self.kid,
        };
        let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?);
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims)?);
        let signed = format!("{header}.{claims}");
        let signature = SigningKey::from_bytes(&self.seed).sign(signed.as_bytes());
        Ok(format!(
            "{signed}.{}",
            URL_SAFE_NO_PAD.encode(signature.to_bytes())
        ))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("generation", &self.generation)
            .field("active_from", &self.active_from)
            .finish_non_exhaustive()
    }
}

/// All keys, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ring(Vec<Key>);

impl Ring {
    pub(crate) fn new(mut keys: Vec<Key>) -> Self {
        keys.sort_by_key(|key| key.generation);
        Self(keys)
    }

    /// The key that signs now; the first one if the clock went back to before it.
    pub(crate) fn signing(&self, now: Timestamp) -> Option<&Key> {
        self.0
            .iter()
            .rev()
            .find(|key| key.active_from <= now)
            .or(self.0.first())
    }

    /// The key `kid`.
    pub(crate) fn find(&self, kid: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.kid == kid)
    }

    /// The keys that verify: the signing one, then the next, then those whose tokens may still be valid.
    pub(crate) fn published(&self, now: Timestamp) -> Vec<&Key> {
        let retired_from = self.first_kept(now);
        let mut keys: Vec<&Key> = self
            .0
            .iter()
            .filter(|key| key.generation >= retired_from)
            .collect();
        let signing = self.signing(now).map(|key| key.generation);
        keys.sort_by_key(|key| (Some(key.generation) != signing, std::cmp::Reverse(key.generation)));
        keys
    }

    /// The first generation that is still published; older ones can be deleted.
    pub(crate) fn first_kept(&self, now: Timestamp) -> u64 {
        self.0
            .windows(2)
            .filter(|pair| pair[1].active_from + TOKEN_LIFE + MARGIN <= now)
            .map(|pair| pair[1].generation)
            .max()
            .unwrap_or(0)
    }

    /// The key to create now, if one is due: `(generation, active_from)`.
    pub(crate) fn due(&self, rotation: Duration, now: Timestamp) -> Option<(u64, Timestamp)> {
        match self.0.last() {
            None => Some((1, now)),
            Some(newest) if newest.active_from + rotation <= now + LEAD => Some((
                newest.generation + 1,
                (newest.active_from + rotation).max(now + LEAD),
            )),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn keys_overlap_while_they_rotate() {
        let start = Timestamp::UNIX_EPOCH;
        let mut ring = Ring::default();
        let (generation, from) = ring.due(DAY, start).unwrap();
        ring = Ring::new(vec![Key::new(generation, [1; 32], from)]);
        assert_eq!(ring.signing(start).unwrap().generation, 1);
        assert_eq!(ring.due(DAY, start + DAY - LEAD - LEAD), None);

        let early = start + DAY - LEAD;
        let (generation, from) = ring.due(DAY, early).unwrap();
        assert_eq!((generation, from), (2, start + DAY));
        ring = Ring::new(vec![Key::new(2, [2; 32], from), Key::new(1, [1; 32], start)]);
        let order = |now| {
            ring.published(now)
                .iter()
                .map(|key| key.generation)
                .collect::<Vec<_>>()
        };
        assert_eq!(order(early), [1, 2], "published before it signs");
        assert_eq!(order(from), [2, 1], "the old one while its tokens live");
        assert_eq!(order(from + TOKEN_LIFE), [2, 1]);
        assert_eq!(order(from + TOKEN_LIFE + MARGIN), [2]);
        assert_eq!(ring.due(DAY, from), None);
    }

    #[test]
    fn a_key_that_is_long_due_is_still_published_first() {
        let ring = Ring::new(vec![Key::new(1, [1; 32], Timestamp::UNIX_EPOCH)]);
        let now = Timestamp::UNIX_EPOCH + 10 * DAY;
        assert_eq!(ring.due(DAY, now), Some((2, now + LEAD)));
    }

    #[test]
    fn a_clock_that_goes_back_leaves_a_key_to_sign_with() {
        let ring = Ring::new(vec![Key::new(1, [1; 32], Timestamp::UNIX_EPOCH + DAY)]);
        assert_eq!(
            ring.signing(Timestamp::UNIX_EPOCH).map(|key| key.generation),
            Some(1)
        );
    }

    #[test]
    fn a_key_never_prints_its_secret() {
        let text = format!("{:?}", Key::new(1, [77; 32], Timestamp::UNIX_EPOCH));
        assert!(!text.contains("77"), "{text}");
    }
}
