//! The inverted index: for each word the products it stands in, and where.
//!
//! A word is found exactly, by another form of it, by its prefix, or with typos. For typos the search scans every word of the
//! dictionary, but only eight bytes of each: its length and its letters. These exclude most words.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::query::QueryWord;
use super::{stem, text};

/// Where a word stands in a product, as bits.
pub(crate) mod field {
    pub(crate) const TITLE: u8 = 1;
    pub(crate) const VENDOR: u8 = 2;
    pub(crate) const TYPE: u8 = 4;
    pub(crate) const TAG: u8 = 8;
    pub(crate) const OPTION: u8 = 16;
    pub(crate) const DESCRIPTION: u8 = 32;
}

/// The worth of a word by the fields it stands in.
const fn weights() -> [u8; 64] {
    let mut weights = [0; 64];
    let mut fields = 0;
    while fields < 64 {
        let bits = fields as u8;
        let mut weight = 0;
        if bits & field::TITLE != 0 {
            weight += 24;
        }
        if bits & (field::VENDOR | field::TYPE | field::TAG) != 0 {
            weight += 8;
        }
        if bits & field::OPTION != 0 {
            weight += 6;
        }
        if bits & field::DESCRIPTION != 0 {
            weight += 3;
        }
        weights[fields] = weight;
        fields += 1;
    }
    weights
}
const WEIGHTS: [u8; 64] = weights();

/// The weights of a word that is found exactly, by another form, by its prefix, and with one or two typos.
const EXACT: u32 = 8;
const FORM: u32 = 7;
const PREFIX: u32 = 6;
const TYPO: [u32; 3] = [EXACT, 3, 1];

#[derive(Debug, Default)]
struct Term {
    text: Box<str>,
    /// Ascending, and beside each the fields.
    documents: Vec<u32>,
    fields: Vec<u8>,
}

/// Words and their products.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    terms: Vec<Term>,
    /// One for each of `terms`; 0 for one that is free.
    signatures: Vec<u64>,
    numbers: BTreeMap<Box<str>, u32>,
    /// The keys of each word's stems, and its number.
    stems: BTreeSet<(u64, u32)>,
    free: Vec<u32>,
}

/// How a word of a query is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matching {
    /// As it is.
    Exact,
    /// With typos.
    Word,
    /// With typos, or as the beginning of a word.
    Prefix,
}

impl Dictionary {
    /// Adds `document` to `word`; gives the word's number, to be released when the document goes.
    pub(crate) fn add(&mut self, word: &str, document: u32, fields: u8) -> u32 {
        let number = match self.numbers.get(word) {
            Some(number) => *number,
            None => self.insert(word),
        };
        let term = &mut self.terms[number as usize];
        match term.documents.binary_search(&document) {
            Ok(at) => term.fields[at] |= fields,
            Err(at) => {
                term.documents.insert(at, document);
                term.fields.insert(at, fields);
            }
        }
        number
    }

    fn insert(&mut self, word: &str) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.terms.push(Term::default());
            self.signatures.push(0);
            (self.terms.len() - 1) as u32
        });
        self.terms[number as usize].text = word.into();
        self.signatures[number as usize] = signature(word);
        self.numbers.insert(word.into(), number);
        self.stems
            .extend(stem::keys(word).into_iter().map(|key| (key, number)));
        number
    }

    /// Takes `document` off the word of that number.
    pub(crate) fn remove(&mut self, number: u32, document: u32) {
        let term = &mut self.terms[number as usize];
        if let Ok(at) = term.documents.binary_search(&document) {
            term.documents.remove(at);
            term.fields.remove(at);
        }
        if term.documents.is_empty() {
            self.numbers.remove(&term.text);
            for key in stem::keys(&term.text) {
                self.stems.remove(&(key, number));
            }
            *term = Term::default();
            self.signatures[number as usize] = 0;
            self.free.push(number);
        }
    }

    /// Calls `each` with every product the word finds and what the find is worth; with a product more than once when several
    /// words of the dictionary are found.
    pub(crate) fn find(&self, query_word: &QueryWord, mut each: impl FnMut(u32, u32)) {
        let mut hits = Vec::new();
        for word in query_word.spellings() {
            self.look_up(word, query_word.matching, &mut hits);
        }
        if hits.is_empty() && query_word.matching == Matching::Prefix {
            for word in query_word.spellings() {
                self.near_beginnings(word, text::typos(word), &mut hits);
            }
        }
        for (number, worth) in hits {
            let term = &self.terms[number as usize];
            for (document, fields) in term.documents.iter().zip(&term.fields) {
                each(*document, u32::from(WEIGHTS[usize::from(*fields & 63)]) * worth);
            }
        }
    }

    /// Words that are found by `word`, and what that is worth.
    fn look_up(&self, word: &str, matching: Matching, hits: &mut Vec<(u32, u32)>) {
        let exact = self.numbers.get(word);
        hits.extend(exact.map(|number| (*number, EXACT)));
        if matching == Matching::Exact {
            return;
        }
        let forms = self.forms(word);
        hits.extend(forms.iter().map(|number| (*number, FORM)));
        if matching == Matching::Prefix {
            let range = (Bound::Excluded(word), Bound::Unbounded);
            let words = self
                .numbers
                .range::<str, _>(range)
                .take_while(|(term, _)| term.starts_with(word));
            let others = words.filter(|(_, number)| !forms.contains(number));
            hits.extend(others.map(|(_, number)| (*number, PREFIX)));
        }
        let typos = text::typos(word);
        if typos > 0 {
            self.near(word, typos, hits);
        }
    }

    /// Other forms of `word`.
    fn forms(&self, word: &str) -> Vec<u32> {
        let mut forms = Vec::new();
        for key in stem::keys(word) {
            for (_, number) in self.stems.range((key, 0)..=(key, u32::MAX)) {
                let term = &*self.terms[*number as usize].text;
                if term != word && !forms.contains(number) && stem::alike(word, term) {
                    forms.push(*number);
                }
            }
        }
        forms
    }

    /// Words at most `typos` edits away, other than itself.
    fn near(&self, word: &str, typos: usize, hits: &mut Vec<(u32, u32)>) {
        let letters: Vec<char> = word.chars().collect();
        let expected = signature(word);
        let mut term = Vec::new();
        for (number, signature) in self.signatures.iter().enumerate() {
            if length(*signature).abs_diff(letters.len()) > typos
                || has_more((signature ^ expected) & LETTERS, 2 * typos)
            {
                continue;
            }
            term.clear();
            term.extend(self.terms[number].text.chars());
            if let Some(edits @ 1..) = text::distance(&letters, &term, typos) {
                hits.push((number as u32, TYPO[edits.min(2)]));
            }
        }
    }

    /// Words that begin at most `typos` edits away: what is being typed, with a typo already in it.
    fn near_beginnings(&self, word: &str, typos: usize, hits: &mut Vec<(u32, u32)>) {
        if typos == 0 {
            return;
        }
        let letters: Vec<char> = word.chars().collect();
        let expected = signature(word);
        let mut term = Vec::new();
        for (number, signature) in self.signatures.iter().enumerate() {
            if length(*signature) + typos < letters.len() || has_more(expected & !signature & LETTERS, typos)
            {
                continue;
            }
            term.clear();
            term.extend(self.terms[number].text.chars());
            if text::prefix_distance(&letters, &term, typos).is_some() {
                hits.push((number as u32, TYPO[2]));
            }
        }
    }

    /// How many words there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }
}

/// The lower bits: which letters a word has. The upper eight: how many.
const LETTERS: u64 = (1 << 56) - 1;

fn signature(word: &str) -> u64 {
    let mut bits = 0;
    let mut length = 0_u64;
    for c in word.chars() {
        length += 1;
        bits |= match c {
            'a'..='z' => 1 << (c as u32 - 'a' as u32),
            '0'..='9' => 1 << (26 + (c as u32 - '0' as u32)),
            c => 1_u64 << (36 + c as u32 % 20),
        };
    }
    bits | length.min(255) << 56
}

/// Whether more than `limit` bits are set: for a limit of a few, fewer steps than counting them all takes.
fn has_more(mut bits: u64, limit: usize) -> bool {
    for _ in 0..limit {
        bits &= bits.wrapping_sub(1);
    }
    bits != 0
}

fn length(signature: u64) -> usize {
    (signature >> 56) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dictionary: &Dictionary, word: &str, matching: Matching) -> Vec<u32> {
        let mut found = Vec::new();
        dictionary.find(&QueryWord::new(word, matching), |document, _| {
            found.push(document);
        });
        found.sort_unstable();
        found.dedup();
        found
    }

    fn dictionary(words: &[&str]) -> Dictionary {
        let mut dictionary = Dictionary::default();
        for (document, word) in words.iter().enumerate() {
            dictionary.add(word, document as u32, field::TITLE);
        }
        dictionary
    }

    #[test]
    fn prefixes_and_typos_are_found() {
        let dictionary = dictionary(&[
            "shirt",
            "short",
            "shirts",
            "shoe",
            "keyboard",
            "headphones",
            "été",
        ]);
        assert_eq!(found(&dictionary, "shirt", Matching::Exact), [0]);
        assert_eq!(found(&dictionary, "shirt", Matching::Word), [0, 1, 2]);
        assert_eq!(found(&dictionary, "sh", Matching::Prefix), [0, 1, 2, 3]);
        assert_eq!(
            found(&dictionary, "sheo", Matching::Word),
            [0; 0],
            "four letters allow no typo"
        );
        assert_eq!(found(&dictionary, "kyeboard", Matching::Word), [4]);
        assert_eq!(
            found(&dictionary, "kyebaord", Matching::Word),
            [0; 0],
            "two typos in eight letters"
        );
        assert_eq!(
            found(&dictionary, "haedphonse", Matching::Word),
            [5],
            "two typos in ten letters"
        );
        assert_eq!(found(&dictionary, "kyeboa", Matching::Prefix), [4]);
    }

    #[test]
    fn a_better_find_is_worth_more() {
        let dictionary = dictionary(&["shirt", "shirts", "shirtdress", "skirt"]);
        let mut worth = [0; 4];
        dictionary.find(&QueryWord::new("shirt", Matching::Prefix), |document, value| {
            let best = &mut worth[document as usize];
            *best = value.max(*best);
        });
        assert!(
            worth.is_sorted_by(|better, worse| better > worse) && worth[3] > 0,
            "{worth:?}"
        );
    }

    #[test]
    fn words_go_with_their_last_product() {
        let mut dictionary = dictionary(&["shirt"]);
        let number = dictionary.add("shirt", 7, field::TAG);
        dictionary.remove(number, 0);
        assert_eq!(found(&dictionary, "shirt", Matching::Word), [7]);
        dictionary.remove(number, 7);
        assert_eq!(dictionary.len(), 0);
        assert!(dictionary.stems.is_empty());
        assert_eq!(found(&dictionary, "shirs", Matching::Word), [0; 0]);
        assert_eq!(
            dictionary.add("shoes", 1, field::TAG),
            number,
            "the number is used again"
        );
    }
}
