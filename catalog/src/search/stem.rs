//! Words that are forms of one another: `mug` and `mugs`, `battery` and `batteries`, `manteau` and `manteaux`.
//!
//! A shop may be English, French or both, and no word says which: each is stemmed by both languages. What the French stemmer
//! takes for one verb is often two English words (`leath` and `leather`, `print` and `printer`), so that of its finds only
//! those count that differ in number or gender.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rust_stemmers::{Algorithm, Stemmer};

/// Shorter words have no other forms.
const SHORTEST: usize = 3;

/// Endings of number and gender in French, behind what two forms of a word have in common.
const FRENCH_ENDINGS: &[&str] = &[
    "", "s", "x", "e", "es", "l", "ux", "le", "les", "ne", "nes", "te", "tes", "f", "fs", "ve", "ves", "se",
    "ses",
];

/// What the forms of a word have in common, by language.
#[derive(Debug, PartialEq, Eq)]
struct Stems {
    english: String,
    french: String,
    /// Of the singular, where the stemmer does not know the plural: `tissus`, `bijoux`.
    french_singular: Option<String>,
}

impl Stems {
    /// Those of a word that has been folded; None where it has no other forms.
    fn of(word: &str) -> Option<Self> {
        if word.len() < SHORTEST || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        let french = |word: &str| {
            Stemmer::create(Algorithm::French)
                .stem(&accented(word))
                .into_owned()
        };
        let singular = word
            .strip_suffix(['s', 'x'])
            .filter(|singular| singular.ends_with('u') && singular.len() >= SHORTEST);
        Some(Self {
            english: Stemmer::create(Algorithm::English).stem(word).into_owned(),
            french: french(word),
            french_singular: singular.map(french),
        })
    }

    fn french(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.french.as_str()).chain(self.french_singular.as_deref())
    }
}

/// The word with the accents that tell the French stemmer an ending: folding took them away.
fn accented(word: &str) -> Cow<'_, str> {
    for (plain, accented) in [("ees", "ées"), ("ee", "ée"), ("ieres", "ières"), ("iere", "ière")] {
        if let Some(beginning) = word.strip_suffix(plain) {
            return format!("{beginning}{accented}").into();
        }
    }
    word.into()
}

/// One number for each stem of `word`, which is folded: words that are [`alike`] have one in common. Few others have.
pub(crate) fn keys(word: &str) -> Vec<u64> {
    let key = |language: u8, stem: &str| {
        let mut hasher = DefaultHasher::new();
        (language, stem).hash(&mut hasher);
        hasher.finish()
    };
    let Some(stems) = Stems::of(word) else {
        return Vec::new();
    };
    let mut keys = vec![key(0, &stems.english)];
    keys.extend(stems.french().map(|stem| key(1, stem)));
    keys
}

/// Whether two folded words are forms of one word.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    let (Some(of_one), Some(of_other)) = (Stems::of(one), Stems::of(other)) else {
        return false;
    };
    of_one.english == of_other.english
        || (of_one
            .french()
            .any(|stem| of_other.french().any(|other| other == stem))
            && differ_by_ending(one, other))
}

/// Whether number or gender is all that tells two French words apart.
fn differ_by_ending(one: &str, other: &str) -> bool {
    let common = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    FRENCH_ENDINGS.contains(&&one[common..]) && FRENCH_ENDINGS.contains(&&other[common..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_are_alike() {
        for family in [
            &["mug", "mugs"][..],
            &["cup", "cups"],
            &["men", "mens"],
            &["women", "womens"],
            &["watch", "watches"],
            &["battery", "batteries"],
            &["glass", "glasses"],
            &["shirt", "shirts"],
            &["print", "printed", "prints"],
            &["chaussure", "chaussures"],
            &["tasse", "tasses"],
            &["manteau", "manteaux"],
            &["cheval", "chevaux"],
            &["bijou", "bijoux"],
            &["tissu", "tissus"],
            &["bleu", "bleue", "bleus", "bleues"],
            &["gris", "grise", "grises"],
            &["brode", "brodee", "brodes", "brodees"],
            &["premier", "premiere", "premieres", "premiers"],
            &["naturel", "naturelle", "naturels", "naturelles"],
            &["heureux", "heureuse", "heureuses"],
            &["qualite", "qualites"],
        ] {
            for (one, other) in family
                .iter()
                .flat_map(|one| family.iter().map(move |other| (one, other)))
            {
                assert!(alike(one, other), "{one} and {other}");
                assert!(
                    keys(one).iter().any(|key| keys(other).contains(key)),
                    "{one} and {other} have a key in common"
                );
            }
        }
    }

    #[test]
    fn other_words_are_not() {
        for (one, other) in [
            ("leath", "leather"),
            ("print", "printer"),
            ("shirt", "short"),
            ("s", "ss"),
            ("nor0", "nor0s"),
            ("\u{30ab}\u{30e9}\u{30b9}", "\u{30ac}\u{30e9}\u{30b9}"),
        ] {
            assert!(!alike(one, other), "{one} and {other}");
        }
    }
}
