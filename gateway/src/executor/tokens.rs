//! Counts the tokens and the nesting of a document before it is parsed: the parser is recursive, and could overflow the
//! stack.

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use crate::config::{Limits, some};

/// The deepest nesting of brackets that may be parsed. The limit of depth refuses deep selections before. What remains are
/// inline fragments, lists and input objects, which real documents do not nest that deep.
const MAX_NESTING: usize = 50;

/// Refuses a document over the limits: first DOCUMENT_TOO_LARGE, then QUERY_TOO_DEEP. Returns the number of tokens.
pub(crate) fn check(document: &str, limits: &Limits) -> Result<usize, Error> {
    if some(limits.document).is_some_and(|limit| document.len() > limit) {
        let message = format!("The document is larger than {} bytes.", limits.document);
        return Err(Error::new(ErrorReason::DocumentTooLarge, message));
    }
    let Count {
        tokens,
        nesting,
        is_text,
    } = count(document);
    if !is_text {
        let message = "A string has an escape for NUL or for half of a surrogate pair.";
        return Err(Error::new(ErrorReason::InvalidEncoding, message));
    }
    if some(limits.tokens).is_some_and(|limit| tokens > limit) {
        let message = format!("The document has more than {} tokens.", limits.tokens);
        return Err(Error::new(ErrorReason::DocumentTooLarge, message));
    }
    if nesting > MAX_NESTING {
        return Err(Error::new(
            ErrorReason::QueryTooDeep,
            "The document is nested too deep.",
        ));
    }
    Ok(tokens)
}

#[derive(Debug, PartialEq, Eq)]
struct Count {
    tokens: usize,
    nesting: usize,
    /// Whether every escape in its strings is a character that a string may contain.
    is_text: bool,
}

/// Counts by the lexical grammar. An invalid character counts as one token; the parser will report it.
fn count(document: &str) -> Count {
    let bytes = document.as_bytes();
    let (mut tokens, mut nesting, mut open) = (0, 0, 0_usize);
    let mut is_text = true;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => at += 1,
            b'#' => at = end_of(bytes, at, |byte| byte != b'\n' && byte != b'\r'),
            b'"' => {
                tokens += 1;
                let end = end_of_string(bytes, at);
                is_text &= is_block(&bytes[at..]) || !has_bad_escape(&bytes[at..end]);
                at = end;
            }
            b'{' | b'[' | b'(' => {
                tokens += 1;
                open += 1;
                nesting = nesting.max(open);
                at += 1;
            }
            b'}' | b']' | b')' => {
                tokens += 1;
                open = open.saturating_sub(1);
                at += 1;
            }
            b'.' if bytes[at..].starts_with(b"...") => {
                tokens += 1;
                at += 3;
            }
            _ if is_word(byte) => {
                tokens += 1;
                at = end_of(bytes, at, is_word);
            }
            _ => {
                tokens += 1;
                at += 1;
            }
        }
    }
    Count {
        tokens,
        nesting,
        is_text,
    }
}

/// Names and numbers. Two of them are always separated.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+')
}

fn end_of(bytes: &[u8], from: usize, goes_on: impl Fn(u8) -> bool) -> usize {
    bytes[from..]
        .iter()
        .position(|byte| !goes_on(*byte))
        .map_or(bytes.len(), |length| from + length)
}

/// Whether a string is a block string, which has no such escapes.
fn is_block(string: &[u8]) -> bool {
    string.starts_with(b"\"\"\"")
}

/// Whether an escape is NUL or half of a surrogate pair.
fn has_bad_escape(string: &[u8]) -> bool {
    let unit = |at: usize| {
        let digits = string.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while at < string.len() {
        at += match (string[at], unit(at)) {
            (b'\\', Some(0 | 0xDC00..=0xDFFF)) => return true,
            (b'\\', Some(0xD800..=0xDBFF)) => match unit(at + 6) {
                Some(0xDC00..=0xDFFF) => 12,
                _ => return true,
            },
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    false
}

fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    if is_block(rest) {
        let mut at = 3;
        while at < rest.len() {
            if rest[at..].starts_with(b"\\\"\"\"") {
                at += 4;
            } else if rest[at..].starts_with(b"\"\"\"") {
                return from + at + 3;
            } else {
                at += 1;
            }
        }
        return bytes.len();
    }
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return from + at + 1,
            b'\n' => return from + at,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_by_the_grammar() {
        let count = |document| count(document).tokens;
        assert_eq!(count("{ a }"), 3);
        assert_eq!(
            count("query Q($id: ID! = \"x}{\") { a(id: $id) @b ... on C { d } } # { { {"),
            28
        );
        assert_eq!(count(r#"{ a(b: """ " \""" { """) }"#), 8);
        assert_eq!(count("\"never ended"), 1);
        assert_eq!(count("\"ends with \\"), 1);
    }

    #[test]
    fn escapes_stand_for_characters() {
        for text in [
            r"\u00e9",
            r"\\u0000",
            r"\ud83d\ude00",
            r"\u00",
            r"\",
            r"\n",
            "\u{e9}",
        ] {
            assert!(count(&format!("{{ a(b: \"{text}\") }}")).is_text, "{text}");
        }
        for text in [r"\u0000", r"a\\\u0000", r"\ud83d", r"\ud83d\u0041", r"\ude00"] {
            assert!(!count(&format!("{{ a(b: \"{text}\") }}")).is_text, "{text}");
        }
        assert!(count(r#"{ a(b: """\u0000""") } # \u0000"#).is_text);
    }

    #[test]
    fn nesting_is_of_brackets_outside_texts() {
        assert_eq!(count("{a(b:[{c:\"[[[[\"}]){d}}").nesting, 4);
        assert_eq!(count(&"{a".repeat(10_000)).nesting, 10_000);
    }
}
