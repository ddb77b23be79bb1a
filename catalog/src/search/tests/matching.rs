//! What words find and what it is worth, against the rules read word by word.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::super::{dictionary::field, document::Document, state::State, stem, text};
use super::product;

/// The edits between two words, by the whole matrix.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut matrix = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            matrix[i][j] = match (i, j) {
                (0, other) | (other, 0) => other,
                _ => {
                    let replaced = matrix[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let one_more = matrix[i - 1][j].min(matrix[i][j - 1]) + 1;
                    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    let swap = if swapped {
                        matrix[i - 2][j - 2] + 1
                    } else {
                        usize::MAX
                    };
                    replaced.min(one_more).min(swap)
                }
            };
        }
    }
    matrix[a.len()][b.len()]
}

fn letters(word: &str) -> Vec<char> {
    word.chars().collect()
}

/// What finding `term` by `word` is worth; 0 when it is not found.
fn worth(word: &str, is_last: bool, term: &str) -> u32 {
    if word == term {
        return 8;
    }
    if stem::alike(word, term) {
        return 7;
    }
    if is_last && term.starts_with(word) {
        return 6;
    }
    match edits(&letters(word), &letters(term)) {
        edits if edits > text::typos(word) => 0,
        1 => 3,
        _ => 1,
    }
}

/// Whether `term` begins with `word` but for its typos.
fn begins_nearly(word: &str, term: &str) -> bool {
    let (word_letters, term) = (letters(word), letters(term));
    let typos = text::typos(word);
    typos > 0 && (0..=term.len()).any(|end| edits(&word_letters, &term[..end]) <= typos)
}

fn weight(fields: u8) -> u32 {
    let any = |of: u8, weight| if fields & of == 0 { 0 } else { weight };
    any(field::TITLE, 24)
        + any(field::VENDOR | field::TYPE | field::TAG, 8)
        + any(field::OPTION, 6)
        + any(field::DESCRIPTION, 3)
}

/// The score of each document that all words find.
fn scores<'a>(documents: &'a [Document], words: &[&str]) -> BTreeMap<&'a str, u32> {
    let mut scores: BTreeMap<&str, u32> = documents.iter().map(|one| (one.id.as_str(), 0)).collect();
    for (at, word) in words.iter().enumerate() {
        let is_last = at + 1 == words.len();
        let terms: BTreeSet<&str> = documents
            .iter()
            .flat_map(|one| one.words.keys())
            .map(|term| &**term)
            .collect();
        let mut found: BTreeMap<&str, u32> = terms
            .iter()
            .map(|term| (*term, worth(word, is_last, term)))
            .collect();
        if is_last && found.values().all(|worth| *worth == 0) {
            found = terms
                .iter()
                .map(|term| (*term, u32::from(begins_nearly(word, term))))
                .collect();
        }
        for document in documents {
            let worths = document
                .words
                .iter()
                .map(|(term, fields)| found[&**term] * weight(*fields));
            match worths.max().unwrap_or_default() {
                0 => {
                    scores.remove(document.id.as_str());
                }
                best => {
                    scores.entry(&document.id).and_modify(|score| *score += best);
                }
            }
        }
    }
    scores
}

fn word(random: &mut StdRng) -> String {
    let length = random.random_range(2..12);
    (0..length)
        .map(|_| *['a', 'b', 'c', 'é'].choose(random).unwrap())
        .collect()
}

/// The word as one types it in a hurry.
fn typed(random: &mut StdRng, word: &str) -> String {
    let mut letters = letters(word);
    for _ in 0..random.random_range(0..3) {
        let at = random.random_range(0..letters.len());
        match random.random_range(0..4) {
            0 => letters.insert(at, 'b'),
            1 if letters.len() > 2 => drop(letters.remove(at)),
            2 => letters[at] = 'c',
            _ if at > 0 => letters.swap(at - 1, at),
            _ => letters.truncate(4),
        }
    }
    text::fold(&letters.into_iter().collect::<String>())
}

#[test]
fn words_find_what_the_rules_say_and_score_it() {
    let mut several = 0;
    for seed in 0..30 {
        let mut random = StdRng::seed_from_u64(seed);
        let vocabulary: Vec<String> = (0..40).map(|_| word(&mut random)).collect();
        let mut state = State::default();
        let documents: Vec<Document> = (0..40)
            .map(|number| {
                let mut product = product(&mut random, number);
                let mut words = |count: usize| -> Vec<String> {
                    (0..count)
                        .map(|_| vocabulary.choose(&mut random).unwrap().clone())
                        .collect()
                };
                product.content.title = words(3).join(" ");
                product.content.description = words(4).join(" ");
                product.content.tags = words(2);
                Document::from(&product)
            })
            .collect();
        documents.iter().for_each(|document| state.put(document));
        for _ in 0..40 {
            let words: Vec<String> = (0..random.random_range(1..4))
                .map(|_| {
                    let known = vocabulary.choose(&mut random).unwrap();
                    typed(&mut random, known)
                })
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let query = words.join(" ");
            let found = state.matches(&query).unwrap();
            let found: BTreeMap<&str, u32> = found
                .iter()
                .map(|(number, score)| {
                    let entry = state.entries[*number as usize].as_ref().unwrap();
                    (&*entry.detail.id, *score)
                })
                .collect();
            assert_eq!(found, scores(&documents, &words), "seed {seed}, {query:?}");
            several += usize::from(words.len() > 1 && !found.is_empty());
        }
    }
    assert!(several > 50, "queries of several words find something: {several}");
}
