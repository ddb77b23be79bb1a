//! Refresh tokens and mail tokens. They are derived from keys of auth, so that a repeated call gets the same one
//! although the store has only hashes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use ulid::Ulid;

/// Bytes of an HMAC-SHA-256.
const MAC_BYTES: usize = 32;
/// Bytes of the counter in a refresh token.
const COUNTER_BYTES: usize = 8;
/// Longest token worth decoding.
const MAX_TOKEN: usize = 512;

/// The keys that tokens are derived with. Prints as `***`.
#[derive(Clone)]
pub(crate) struct Secrets {
    refresh: [u8; 32],
    mail: [u8; 32],
    identifier: [u8; 32],
}

impl Secrets {
    /// Derives one key for each purpose from the root key of the store.
    pub(crate) fn derive(root: &[u8; 32]) -> Self {
        Self {
            refresh: mac(root, &[b"comptoir refresh token v1"]),
            mail: mac(root, &[b"comptoir mail token v1"]),
            identifier: mac(root, &[b"comptoir token id v1"]),
        }
    }

    /// The refresh token of the session at `counter`.
    pub(crate) fn refresh_token(&self, session_id: &str, counter: u64) -> String {
        let counter = counter.to_be_bytes();
        let mut bytes = mac(&self.refresh, &[&counter, session_id.as_bytes()]).to_vec();
        bytes.extend_from_slice(&counter);
        bytes.extend_from_slice(session_id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a refresh token; `None` for a forged one. Whether the session still accepts it is decided later.
    pub(crate) fn read_refresh_token(&self, token: &str) -> Option<Presented> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (given, rest) = bytes.split_at_checked(MAC_BYTES)?;
        let (counter, session_id) = rest.split_at_checked(COUNTER_BYTES)?;
        let genuine: bool = mac(&self.refresh, &[counter, session_id]).ct_eq(given).into();
        if !genuine {
            return None;
        }
        Some(Presented {
            session_id: String::from_utf8(session_id.to_vec()).ok()?,
            counter: u64::from_be_bytes(counter.try_into().ok()?),
            hash: token_hash(token),
        })
    }

    /// The `jti` of the session's access token at `counter`, issued at `at`: a ULID, whose time tells whether the token
    /// is older than a revocation.
    pub(crate) fn token_id(&self, session_id: &str, counter: u64, at: Timestamp) -> String {
        let [random @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            mac(&self.identifier, &[&counter.to_be_bytes(), session_id.as_bytes()]);
        let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Ulid::from_parts(milliseconds, u128::from_be_bytes(random)).to_string()
    }

    /// The token for the link in the mail `mail_id`.
    pub(crate) fn mail_token(&self, mail_id: &str) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.mail, &[mail_id.as_bytes()]))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A genuine refresh token, as a client presents it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) session_id: String,
    pub(crate) counter: u64,
    /// The stored hash of the token.
    pub(crate) hash: String,
}

/// The stored hash of a token. Tokens have 256 random bits, so a plain hash suffices.
pub(crate) fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            text
        })
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; MAC_BYTES] {
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_a_changed_one_is_not() {
        let secrets = Secrets::derive(&[7; 32]);
        let token = secrets.refresh_token("ses_1", 3);
        let presented = secrets.read_refresh_token(&token).unwrap();
        assert_eq!((presented.session_id.as_str(), presented.counter), ("ses_1", 3));
        assert_eq!(token, secrets.refresh_token("ses_1", 3));
        assert_eq!(Secrets::derive(&[8; 32]).read_refresh_token(&token), None);
        for bad in [
            "",
            "x",
            "a.b.c",
            &token[1..],
            &format!("{token}A"),
            &"A".repeat(1_000_000),
        ] {
            assert_eq!(secrets.read_refresh_token(bad), None);
        }
        assert_eq!(format!("{secrets:?}"), "***");
    }

    #[test]
    fn hashes_are_hexadecimal() {
        assert_eq!(hex(&[0, 15, 255]), "000fff");
    }
}
