//! What people write, checked and brought to one form before it is stored.

use std::ops::RangeInclusive;

use comptoir_proto::types::ErrorReason;
use unicode_normalization::UnicodeNormalization as _;

use crate::error::Error;

/// The longest e-mail address (RFC 5321).
pub const MAX_EMAIL: usize = 254;

/// One line of text in NFC, without the space around it. Refused with INVALID_TEXT: control characters and line breaks,
/// characters that change the direction of text or are invisible, and more than `max` characters. `field` is the path into
/// the request.
pub fn line(field: &str, text: &str, max: usize) -> Result<String, Error> {
    check(field, text, max, false)
}

/// Text of several lines in NFC; otherwise as [`line`].
pub fn lines(field: &str, text: &str, max: usize) -> Result<String, Error> {
    check(field, text, max, true)
}

fn check(field: &str, text: &str, max: usize, breaks: bool) -> Result<String, Error> {
    let invalid = |message: String| Error::field(field, ErrorReason::InvalidText, message);
    if text.contains('\0') {
        return Err(Error::field(
            field,
            ErrorReason::InvalidEncoding,
            "The text holds a NUL character.",
        ));
    }
    let clean: String = text.trim().nfc().collect();
    if clean.chars().count() > max {
        return Err(invalid(format!("The text has more than {max} characters.")));
    }
    let allowed_break = |character: char| breaks && matches!(character, '\n' | '\r' | '\t');
    if clean
        .chars()
        .any(|character| !allowed_break(character) && is_refused(character))
    {
        return Err(invalid(
            "The text holds a control character, or one that is invisible or changes the direction of text."
                .into(),
        ));
    }
    Ok(clean)
}

/// Control, line-separating, direction-changing and invisible characters: what can forge a header, a log line or a name.
/// The joiners U+200C and U+200D stay out of this list: several scripts and emoji need them.
pub const REFUSED: [RangeInclusive<char>; 15] = [
    '\0'..='\u{1F}',
    '\u{7F}'..='\u{9F}',
    '\u{AD}'..='\u{AD}',
    '\u{61C}'..='\u{61C}',
    '\u{115F}'..='\u{1160}',
    '\u{180E}'..='\u{180E}',
    '\u{200B}'..='\u{200B}',
    '\u{200E}'..='\u{200F}',
    '\u{2028}'..='\u{202E}',
    '\u{2060}'..='\u{206F}',
    '\u{3164}'..='\u{3164}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFA0}'..='\u{FFA0}',
    '\u{FFF9}'..='\u{FFFB}',
    '\u{E0000}'..='\u{E007F}',
];

fn is_refused(character: char) -> bool {
    REFUSED.iter().any(|range| range.contains(&character))
}

/// An e-mail address as it is kept: NFC, trimmed, as typed otherwise. ASCII only in front of the @ and behind it, so that two
/// addresses that look the same are the same.
pub fn email(field: &str, text: &str) -> Result<String, Error> {
    let clean = line(field, text, MAX_EMAIL)?;
    let invalid = |reason: ErrorReason| Error::field(field, reason, "This is not an e-mail address.");
    if !clean.is_ascii() || clean.contains(['\u{200C}', '\u{200D}']) {
        return Err(invalid(ErrorReason::InvalidText));
    }
    let Some((local, domain)) = clean.rsplit_once('@') else {
        return Err(invalid(ErrorReason::ValidationFailed));
    };
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&byte));
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !local_ok || !domain.contains('.') || !domain.split('.').all(label_ok) {
        return Err(invalid(ErrorReason::ValidationFailed));
    }
    Ok(clean)
}

/// The form in which two spellings of an address are the same: lower case. Dots and tags stay, since only the mail's host
/// knows what they mean.
pub fn normalise_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// An address for logs: `a***@example.com`.
pub fn mask_email(email: &str) -> String {
    match email.split_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().next().unwrap_or('?')),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_text_is_refused() {
        for text in [
            "a\r\nBcc: x@y",
            "a\u{2028}b",
            "a\u{202E}b",
            "ze\u{200B}ro",
            "\u{FEFF}bom",
            "tab\there",
        ] {
            let error = line("name", text, 100).unwrap_err();
            assert_eq!(error.reason(), ErrorReason::InvalidText, "{text:?}");
        }
        assert_eq!(
            line("name", "a\0b", 100).unwrap_err().reason(),
            ErrorReason::InvalidEncoding
        );
        assert_eq!(
            line("name", &"x".repeat(101), 100).unwrap_err().reason(),
            ErrorReason::InvalidText
        );
    }

    #[test]
    fn text_is_stored_in_nfc() {
        assert_eq!(line("name", " Zoe\u{0308} ", 100).unwrap(), "Zoë");
        assert_eq!(lines("body", "one\ntwo", 100).unwrap(), "one\ntwo");
    }

    #[test]
    fn addresses_are_checked() {
        assert_eq!(
            email("email", " Ada.Lovelace+shop@Example.org ").unwrap(),
            "Ada.Lovelace+shop@Example.org"
        );
        for text in [
            "",
            "a",
            "a@",
            "@b.fr",
            "a@b",
            "a b@c.fr",
            "a..b@c.fr",
            "a@-b.fr",
            "a@b..fr",
            "a\n@b.fr",
        ] {
            assert!(email("email", text).is_err(), "{text:?}");
        }
        assert!(
            email("email", "аda@example.org").is_err(),
            "a Cyrillic look-alike"
        );
    }
}
