//! Checks and normalises user text before it is stored.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use comptoir_proto::types::ErrorReason;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;

use crate::error::Error;

/// The longest e-mail address (RFC 5321).
pub const MAX_EMAIL: usize = 254;

/// One line of text in NFC, without the space around it. Refused with INVALID_TEXT: control characters and line breaks,
/// characters that change the direction of text or are invisible, and more than `max` characters. `field` is the path into
/// the request. Spaces, tabs and line ends around the text go, as they come with what people paste; every other character
/// counts wherever it stands.
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
    let clean: String = text.trim_matches(is_margin).nfc().collect();
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

/// What may stand around a text and is dropped. Unicode's white space holds U+2028, U+2029 and U+0085 too: those forge lines
/// at the end of a text as in its middle.
fn is_margin(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r') || (character.is_whitespace() && !is_refused(character))
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

/// Letters and digits that may stand in a slug side by side: not all that may, but those of the scripts that most shops write.
pub const SLUG_LETTERS: [RangeInclusive<char>; 12] = [
    '0'..='9',
    'a'..='z',
    // Greek, Cyrillic, Hebrew, Arabic.
    '\u{3AC}'..='\u{3CE}',
    '\u{430}'..='\u{45F}',
    '\u{5D0}'..='\u{5EA}',
    '\u{621}'..='\u{63A}',
    '\u{641}'..='\u{64A}',
    // The consonants of Thai, kana, Chinese characters, Korean.
    '\u{E01}'..='\u{E2E}',
    '\u{3041}'..='\u{3096}',
    '\u{30A1}'..='\u{30FA}',
    '\u{4E00}'..='\u{9FA5}',
    '\u{AC00}'..='\u{D7A3}',
];

fn is_refused(character: char) -> bool {
    REFUSED.iter().any(|range| range.contains(&character))
}

/// An e-mail address as it is kept: NFC, trimmed, as typed otherwise, and a domain with letters beyond ASCII in the ASCII form
/// that mail hosts know (IDNA, UTS 46): info@exämple.example is info@xn--exmple-cua.example. ASCII only in front of the @, so
/// that two addresses that look the same are the same.
pub fn email(field: &str, text: &str) -> Result<String, Error> {
    let clean = line(field, text, MAX_EMAIL)?;
    let invalid = |reason: ErrorReason| Error::field(field, reason, "This is not an e-mail address.");
    let Some((local, domain)) = clean.rsplit_once('@') else {
        let reason = if clean.is_ascii() {
            ErrorReason::ValidationFailed
        } else {
            ErrorReason::InvalidText
        };
        return Err(invalid(reason));
    };
    if !local.is_ascii() {
        return Err(invalid(ErrorReason::InvalidText));
    }
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
    let domain = ascii_domain(domain).ok_or_else(|| invalid(ErrorReason::ValidationFailed))?;
    if !local_ok
        || !domain.contains('.')
        || !domain.split('.').all(label_ok)
        || local.len() + 1 + domain.len() > MAX_EMAIL
    {
        return Err(invalid(ErrorReason::ValidationFailed));
    }
    Ok(format!("{local}@{domain}"))
}

/// A domain in ASCII: as typed where it is, else by IDNA in lower case. `None` for one that has no such form, and for one that
/// says it is such a form and is not.
fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    let encoded = |label: &str| {
        label
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
    };
    let plain = domain.is_ascii();
    if plain && !domain.split('.').any(encoded) {
        return Some(domain.into());
    }
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::Check,
        DnsLength::Verify,
    );
    ascii.ok().map(|ascii| if plain { domain.into() } else { ascii })
}

/// The form in which two spellings of an address are the same: lower case, the domain in ASCII. Dots and tags stay, since only
/// the mail's host knows what they mean.
pub fn normalise_email(email: &str) -> String {
    let email = email.trim();
    match email.rsplit_once('@').filter(|(_, domain)| !domain.is_ascii()) {
        Some((local, domain)) => match ascii_domain(domain) {
            Some(domain) => format!("{}@{domain}", local.to_lowercase()),
            None => email.to_lowercase(),
        },
        None => email.to_lowercase(),
    }
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
            "a name\u{2028}",
            "a name\u{2029} ",
            "\u{85}a name",
            "a name\u{B}",
            "\u{C}",
            "\u{1F}a name",
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
    fn what_comes_with_pasted_text_goes() {
        assert_eq!(line("name", "\t\u{A0}Ada\u{3000}\r\n", 100).unwrap(), "Ada");
        assert!(
            lines("body", "one\u{2028}", 100).is_err(),
            "at the end of several lines too"
        );
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
        assert_eq!(
            email("email", "аda@example.org").unwrap_err().reason(),
            ErrorReason::InvalidText,
            "a Cyrillic look-alike"
        );
    }

    #[test]
    fn a_domain_with_other_letters_is_kept_in_ascii() {
        for (typed, kept) in [
            ("info@exämple.example", "info@xn--exmple-cua.example"),
            ("Info@EXÄMPLE.example", "Info@xn--exmple-cua.example"),
            ("info@exa\u{308}mple.example", "info@xn--exmple-cua.example"),
            ("a@faß.de", "a@xn--fa-hia.de"),
            ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
            ("a@例え。テスト", "a@xn--r8jz45g.xn--zckzah"),
            ("a@ｅxample.org", "a@example.org"),
            ("info@XN--exmple-cua.example", "info@XN--exmple-cua.example"),
        ] {
            let address = email("email", typed).unwrap();
            assert_eq!(address, kept, "{typed}");
            assert_eq!(normalise_email(typed), normalise_email(kept), "{typed} is {kept}");
            assert_eq!(email("email", &address).unwrap(), address, "read again");
        }
        let long = format!("a@{}.example", "ä".repeat(64));
        for wrong in [
            "info@-ä.example",
            "info@ä..example",
            "info@ä",
            "info@ä .example",
            "info@ä_b.example",
            "info@xn--0.example",
            "info@xn--a-ä.example",
            "a@b@ä.example",
            &long,
        ] {
            assert!(email("email", wrong).is_err(), "{wrong}");
            normalise_email(wrong);
        }
    }
}
