//! Text of a file as programs wrote it, without what cannot be seen.

use std::borrow::Cow;

/// The text without characters that take no place. What people type is refused with them; a file is full of them, from the
/// pages and programs its text came from. Those that turn letters round stay, and have the text refused: without them it would
/// be another.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains(is_dropped) {
        Cow::Owned(text.replace(is_dropped, ""))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text on one line.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_break) {
        return Cow::Borrowed(text);
    }
    let parts = text.split(is_break).map(str::trim);
    Cow::Owned(
        parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// The text with the line breaks that are usual.
pub(super) fn lines(text: &str) -> String {
    text.replace(
        |letter| is_break(letter) && !matches!(letter, '\t' | '\n' | '\r'),
        "\n",
    )
}

/// The text without those characters too that turn letters round: in HTML they do no harm.
pub(super) fn unturned(text: &str) -> String {
    text.replace(['\u{202d}', '\u{202e}'], "")
}

fn is_break(letter: char) -> bool {
    matches!(
        letter,
        '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// NUL stays too: it shows that this is not text.
fn is_dropped(letter: char) -> bool {
    letter.is_control() && letter != '\0' && !is_break(letter)
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202c}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use comptoir_mesh::text;

    #[test]
    fn what_cannot_be_seen_goes_and_what_turns_letters_stays() {
        let cleaned = |text: &str| super::line(&super::clean(text)).trim().to_owned();
        let written = "\u{feff} Tee\u{ad}\u{200b}pot\tfor\r\n two\u{2028}\u{7}\u{200f}";
        assert_eq!(cleaned(written), "Teepot for two");
        assert_eq!(
            cleaned("می\u{200c}خواهم 👩\u{200d}🎨"),
            "می\u{200c}خواهم 👩\u{200d}🎨"
        );
        for letter in ('\0'..'\u{e1000}').filter(|letter| !matches!(letter, '\0' | '\u{202d}' | '\u{202e}')) {
            let text = cleaned(&format!("a{letter}b"));
            assert!(
                text::line("", &text, 10).is_ok(),
                "{letter:?} is left and refused"
            );
        }
        assert!(text::line("", &cleaned("a\u{202e}b"), 10).is_err());
    }
}
