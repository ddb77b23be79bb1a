//! Passwords: which are accepted, and how they are stored.

use std::fmt;

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::text::normalise_email;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// The minimal length of a password, in bytes.
pub(crate) const MIN_BYTES: usize = comptoir_mesh::lengths::PASSWORD_BYTES_MIN;
/// The maximal length of a password, in bytes; it bounds the work of hashing.
pub(crate) const MAX_BYTES: usize = comptoir_mesh::lengths::PASSWORD_BYTES_MAX;

/// A password as presented, in NFC, so that different keyboards produce the same bytes. Prints as `***`.
#[derive(Clone)]
pub(crate) struct Password(String);

impl Password {
    /// A password to compare with a hash. One that is longer than the maximum is VALIDATION_FAILED on `field`.
    pub(crate) fn presented(field: &str, text: &str) -> Result<Self, Error> {
        let too_long = || {
            let message = "A password has at most 1,024 bytes.";
            Error::field(field, ErrorReason::ValidationFailed, message)
        };
        if text.len() > MAX_BYTES {
            return Err(too_long());
        }
        let password: String = text.nfc().collect();
        if password.len() > MAX_BYTES {
            return Err(too_long());
        }
        Ok(Self(password))
    }

    /// A new password of the account `email`: VALIDATION_FAILED on `field` when it is too long, WEAK_PASSWORD when it
    /// is too short or too common.
    pub(crate) fn new(field: &str, text: &str, email: &str) -> Result<Self, Error> {
        let weak = |message: &str| Err(Error::field(field, ErrorReason::WeakPassword, message));
        let Self(password) = Self::presented(field, text)?;
        if password.len() < MIN_BYTES {
            return weak("A password has at least 8 bytes.");
        }
        let lower = password.to_lowercase();
        let mut characters = lower.chars();
        let first = characters.next();
        if characters.all(|character| Some(character) == first)
            || COMMON.lines().any(|common| common == lower)
        {
            return weak("This password is too common. Choose another.");
        }
        if normalise_email(&lower) == normalise_email(email) {
            return weak("A password is not the address it belongs to. Choose another.");
        }
        Ok(Self(password))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A hashed password in PHC string form. Prints as `***`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    /// From a PHC string.
    pub(crate) fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub(crate) fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The most used passwords of eight bytes and more, lower case, one a line.
const COMMON: &str = include_str!("common_passwords.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_refused() {
        for weak in [
            "",
            "1234567",
            "éèé",
            "password",
            "PassWord123",
            "zzzzzzzzzz",
            "Ada@Example.org",
            " ada@example.org",
        ] {
            let error = Password::new("password", weak, "ada@example.org").unwrap_err();
            assert_eq!(error.reason(), ErrorReason::WeakPassword, "{weak}");
        }
        assert!(
            Password::new("password", &"x1".repeat(512), "").is_ok(),
            "1,024 bytes"
        );
        let long = Password::new("password", &"x1".repeat(513), "").unwrap_err();
        assert_eq!(long.reason(), ErrorReason::ValidationFailed, "1,026 bytes");
        assert!(Password::new("password", "correct horse", "").is_ok());
    }

    #[test]
    fn a_password_is_never_printed() {
        let password = Password::new("password", "correct horse", "").unwrap();
        assert_eq!(format!("{password:?}"), "***");
        assert_eq!(
            format!("{:?}", PasswordHash::from_phc("$argon2id$x".into())),
            "***"
        );
    }

    #[test]
    fn two_keyboards_type_the_same() {
        let composed = Password::new("password", "caf\u{e9} noir", "").unwrap();
        assert_eq!(
            composed.as_bytes(),
            Password::presented("password", "cafe\u{301} noir")
                .unwrap()
                .as_bytes()
        );
    }

    #[test]
    fn a_password_is_presented_within_the_limit() {
        assert!(Password::presented("password", &"x1".repeat(512)).is_ok());
        for long in [
            "x1".repeat(513),
            "\u{1F980}".repeat(100_000),
            // Grows when it is composed: U+0958 is excluded from composition.
            "\u{958}".repeat(341),
        ] {
            let error = Password::presented("password", &long).unwrap_err();
            assert_eq!(error.reason(), ErrorReason::ValidationFailed);
            assert_eq!(error.field_violations()[0].field, "password");
        }
    }
}
