//! Folding of text for sorting and matching, and slugs.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// The longest slug, in characters.
pub(crate) const SLUG_LIMIT: usize = 200;

/// The text without case and accents, so that "Éclair" sorts and matches as "eclair".
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter)) {
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
                // What lower-casing or decomposition left behind, as of the Turkish dotted I.
                mark if is_combining_mark(mark) => {}
                other => folded.push(other),
            }
        }
    }
    folded
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
