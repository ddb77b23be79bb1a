//! Folding of text for sorting and matching, and slugs.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// The longest slug, in characters.
pub(crate) const SLUG_LIMIT: usize = comptoir_mesh::lengths::SLUG;

/// The text without case and accents, so that "Éclair" sorts and matches as "eclair". Letters of half and full width are one (ｶﾞ is
/// ガ); marks that make another letter stay (カ is not ガ), as do the vowels of Thai and Hindi.
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

/// What [`fold`] made of a text before it kept any marks, if that is another: stores still have it of products that were not
/// written since.
pub(crate) fn folded_before(folded: &str) -> Option<String> {
    let plain = folded.nfkd().filter(|letter| !is_combining_mark(*letter));
    Some(plain.collect()).filter(|before| before != folded)
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

/// Whether the text is a slug: lower case letters, digits and single hyphens between them, as [`slug_of`] writes them.
pub(crate) fn is_slug(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.bytes().all(plain) {
        return text.len() <= SLUG_LIMIT && text.split('-').all(|part| !part.is_empty());
    }
    text.chars().count() <= SLUG_LIMIT && slugged(text) == text
}

/// A slug made of a title; `fallback` when it has no letter or digit.
pub(crate) fn slug_of(title: &str, fallback: &str) -> String {
    let slug = slugged(title);
    // Room for the suffix that makes it unique.
    let end = slug.char_indices().nth(SLUG_LIMIT - 12);
    let slug = end.map_or(slug.as_str(), |(end, _)| &slug[..end]);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        fallback.to_owned()
    } else {
        slug.to_owned()
    }
}

/// Letters and digits with single hyphens between them. Latin letters lose case and accents; those of other scripts lose their
/// case and keep their marks, which make other letters of them (ハ and バ, и and й).
fn slugged(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    let mut carries_marks = false;
    for letter in text.chars().flat_map(decomposed) {
        if is_invisible(letter) || matches!(letter, '\'' | '\u{2019}' | '\u{2bc}') {
            continue;
        }
        if is_combining_mark(letter) {
            if carries_marks {
                slug.push(letter);
            }
        } else if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
            carries_marks = false;
        } else if is_latin(letter) {
            slug.push_str(&fold(letter.encode_utf8(&mut [0; 4])));
            carries_marks = false;
        } else if letter.is_alphanumeric() {
            slug.extend(letter.to_lowercase());
            carries_marks = true;
        } else {
            if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            carries_marks = false;
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug.nfc().collect()
}

/// The letter in its plain form, its marks behind it.
fn decomposed(letter: char) -> impl Iterator<Item = char> {
    // The letter AM of Thai and Lao has a plain form of two letters, which is not what people type.
    let kept = matches!(letter, '\u{e33}' | '\u{eb3}');
    let plain = (!kept).then(|| std::iter::once(letter).nfkd());
    kept.then_some(letter)
        .into_iter()
        .chain(plain.into_iter().flatten())
}

/// Latin letters that have lost their marks.
fn is_latin(letter: char) -> bool {
    letter.is_alphabetic()
        && matches!(letter, '\u{c0}'..='\u{2af}' | '\u{1d00}'..='\u{1d7f}' | '\u{1e00}'..='\u{1eff}'
            | '\u{2c60}'..='\u{2c7f}' | '\u{a722}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab6f}')
}

/// Characters that take no place, turn the direction of text, or choose between looks of a letter.
pub(crate) fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
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
        assert_eq!(fold("Ελλάδα Ёлка Йод"), "ελλαδα елка иод");
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
        let slugs = [
            ("  L'Été — à la Plage! ", "lete-a-la-plage"),
            ("Straße ŒUF Ǆ İ", "strasse-oeuf-dz-i"),
            ("日本", "日本"),
            ("シャツ-2", "シャツ-2"),
            ("パンツ-2", "パンツ-2"),
            ("ﾊﾟﾝﾂ ２", "パンツ-2"),
            ("رف", "رف"),
            ("ΟΔΌΣ Й", "οδόσ-й"),
            ("น้ำ", "น้ำ"),
            ("हिन्दी", "हिन्दी"),
            ("soft\u{ad}hyphen \u{200b}\u{feff}x", "softhyphen-x"),
            ("🎩 \u{301}", "product"),
        ];
        for (title, slug) in slugs {
            assert_eq!(slug_of(title, "product"), slug, "{title}");
            assert!(is_slug(slug), "{slug}");
        }
        assert!(is_slug(&slug_of(&"Ab ".repeat(200), "product")));
        assert!(is_slug(&slug_of(&"한국 ".repeat(200), "product")));
        let nfd = "シャツハ\u{309a}";
        for bad in [
            "",
            "-a",
            "a-",
            "a--b",
            "A",
            "a_b",
            "é",
            "Й",
            "日 本",
            "日_本",
            "-日",
            "日-",
            "日\u{200b}本",
            nfd,
        ] {
            assert!(!is_slug(bad), "{bad}");
        }
        assert!(is_slug("t-shirt-2") && is_slug(&"日".repeat(SLUG_LIMIT)));
        assert!(!is_slug(&"日".repeat(SLUG_LIMIT + 1)));
    }

    #[test]
    fn what_the_contract_says_of_slugs_is_so() {
        let letters = comptoir_mesh::text::SLUG_LETTERS.into_iter().flatten();
        let letters: Vec<char> = letters.collect();
        for some in letters.chunks(SLUG_LIMIT) {
            let slug: String = some.iter().collect();
            assert!(is_slug(&slug), "{slug} is {}", slugged(&slug));
        }
    }

    #[test]
    fn a_slug_of_any_letter_is_one_and_stays_so() {
        for letter in ('\0'..'\u{20000}').chain('\u{e0000}'..'\u{e0200}') {
            let slug = slug_of(&format!("a{letter}ハ{letter}ب{letter}"), "product");
            assert!(is_slug(&slug), "{slug:?} of {letter:?}");
            assert!(
                slug.chars().all(|c| c != '_' && c != '/' && !c.is_whitespace()),
                "{slug:?}"
            );
        }
    }
}
