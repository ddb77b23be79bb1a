//! Makes user text safe for a mail's header, a text part or a text message.

/// The longest user text in a message.
const MAX_CHARS: usize = 300;

/// One line of visible text: control characters, line separators and characters that hide or reverse text become single
/// spaces, and long text is cut. The services refuse such text on input; this covers events from any source.
pub(crate) fn line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut length = 0;
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() || is_unsafe(character) {
            gap = length > 0;
            continue;
        }
        if length >= MAX_CHARS {
            clean.push('…');
            break;
        }
        if gap {
            clean.push(' ');
            length += 1;
            gap = false;
        }
        clean.push(character);
        length += 1;
    }
    clean
}

/// As [`line`]; `None` if nothing visible is left.
pub(crate) fn optional_line(text: Option<&str>) -> Option<String> {
    text.map(line).filter(|clean| !clean.is_empty())
}

/// Whether a character could forge a header, hide text or reverse its direction.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_the_line() {
        assert_eq!(line("a\r\nBcc: x@y.fr"), "a Bcc: x@y.fr");
        assert_eq!(line("  a\u{2028}b\u{0085}c\t d\u{202E}e\0 "), "a b c d e");
        assert_eq!(line("Zoë 🎉"), "Zoë 🎉");
    }

    #[test]
    fn long_text_is_cut() {
        let cut = line(&"x".repeat(10_000));
        assert_eq!(cut.chars().count(), MAX_CHARS + 1);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn invisible_text_is_none() {
        assert_eq!(optional_line(Some("\u{200B}\r\n ")), None);
        assert_eq!(optional_line(Some("x")), Some("x".to_owned()));
    }
}
