//! Folding of text for sorting and matching, and slugs.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// The longest slug, in characters.
pub(crate) const SLUG_LIMIT: usize = comptoir_mesh::lengths::SLUG;

/// The text without case and accents, so that "Éclair" sorts and matches as "eclair". Marks that make another letter stay: カ and
/// ガ are two letters of one width each, as き and ぎ are, and so are the vowels of Thai and Hindi.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut marks_stay = false;
    for letter in text.nfkd() {
        if is_combining_mark(letter) {
            if marks_stay && !is_variation_selector(letter) {
                folded.push(letter);
            }
            continue;
        }
        marks_stay = letter.is_alphabetic() && !has_accents(letter);
        for lower in letter.to_lowercase() {
            match lower {
                'ß' => folded.push_str("ss"),
                'œ' => folded.push_str("oe"),
                'æ' => folded.push_str("ae"),
                'ø' => folded.push('o'),
                'ł' => folded.push('l'),
                'đ' | 'ð' => folded.push('d'),
                'þ' => folded.push_str("th"),
                'ı' => folded.push('i'),
                'ς' => folded.push('σ'),
                // What lower-casing left behind, as of the Turkish dotted I.
                mark if is_combining_mark(mark) => {}
                other => folded.push(other),
            }
        }
    }
    if folded.is_ascii() {
        return folded;
    }
    // One character for a letter with its marks; only Korean syllables stay in parts, so that one begun finds the whole.
    let mut composed = String::with_capacity(folded.len());
    for letter in folded.nfc() {
        if matches!(letter, '\u{ac00}'..='\u{d7a3}') {
            composed.extend(std::iter::once(letter).nfd());
        } else {
            composed.push(letter);
        }
    }
    composed
}

/// Letters of scripts whose marks are accents or optional: Latin, Greek and Cyrillic, and the points of Hebrew and Arabic.
fn has_accents(letter: char) -> bool {
    matches!(letter, '\0'..='\u{77f}' | '\u{1c80}'..='\u{1c8f}' | '\u{1d00}'..='\u{1dbf}' | '\u{1e00}'..='\u{1fff}'
        | '\u{2c60}'..='\u{2c7f}' | '\u{a640}'..='\u{a69f}' | '\u{a720}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab6f}')
}

/// Marks that choose between looks of a character.
fn is_variation_selector(mark: char) -> bool {
    matches!(mark, '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whether the text is a slug: lower case ASCII letters, digits and single hyphens between them.
pub(crate) fn is_slug(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= SLUG_LIMIT
        && text.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// A slug made of a title; `fallback` when it has no Latin letter or digit.
pub(crate) fn slug_of(title: &str, fallback: &str) -> String {
    let mut slug = String::new();
    for letter in fold(title).chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') && letter != '\'' && letter != '’' {
            slug.push('-');
        }
        // Room for the suffix that makes it unique.
        if slug.len() >= SLUG_LIMIT - 12 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        fallback.to_owned()
    } else {
        slug.to_owned()
    }
}

/// Whether an option may have this name: one that cannot be taken for a path or an operator.
pub(crate) fn is_option_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_drops_case_and_accents() {
        assert_eq!(fold("Éclair ŒUF Straße İ"), "eclair oeuf strasse i");
        assert_eq!(fold("Ελλάδα ΟΔΌΣ οδός Ёлка Йод"), "ελλαδα οδοσ οδοσ елка иод");
        assert_eq!(fold("שָׁלוֹם مُحَمَّد ❤\u{fe0f}"), "שלום محمد ❤");
    }

    #[test]
    fn folding_keeps_marks_that_make_another_letter() {
        for (text, folded) in [
            ("パスタ バスタ ハスタ", "パスタ バスタ ハスタ"),
            ("ﾊﾟｽﾀ ｶﾞﾗｽ Ａ１", "パスタ ガラス a1"),
            ("ハ\u{309a}", "パ"),
            ("हिन्दी", "हिन्दी"),
        ] {
            assert_eq!(fold(text), folded);
        }
        assert!(fold("한국").starts_with(&fold("하")), "a syllable begun");
    }

    #[test]
    fn slugs_are_made_and_recognised() {
        assert_eq!(slug_of("  L'Été — à la Plage! ", "product"), "lete-a-la-plage");
        assert_eq!(slug_of("日本", "product"), "product");
        assert!(is_slug(&slug_of(&"Ab ".repeat(200), "product")));
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "é"] {
            assert!(!is_slug(bad), "{bad}");
        }
        assert!(is_slug("t-shirt-2"));
    }
}
