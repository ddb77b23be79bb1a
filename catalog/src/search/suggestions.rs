//! What a beginning may be completed to: titles, vendors, types and tags, and the words in them.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use super::text;

/// Shorter words are not worth completing.
const SHORTEST_WORD: usize = 3;

/// Completions by their folded text.
#[derive(Debug, Default)]
pub(crate) struct Suggestions {
    by_text: BTreeMap<Box<str>, Suggestion>,
}

#[derive(Debug)]
struct Suggestion {
    /// As it was written first.
    text: Box<str>,
    /// How many products have it.
    products: u32,
}

impl Suggestions {
    /// A product with these phrases came.
    pub(crate) fn add(&mut self, phrases: &[String]) {
        for (folded, text) in completions(phrases) {
            self.by_text
                .entry(folded.into())
                .or_insert_with(|| Suggestion {
                    text: text.into(),
                    products: 0,
                })
                .products += 1;
        }
    }

    /// It went, or has others now.
    pub(crate) fn remove(&mut self, phrases: &[String]) {
        for (folded, _) in completions(phrases) {
            if let Some(suggestion) = self.by_text.get_mut(folded.as_str()) {
                suggestion.products -= 1;
                if suggestion.products == 0 {
                    self.by_text.remove(folded.as_str());
                }
            }
        }
    }

    /// Up to `limit` completions of `prefix`, which is folded: those of most products first, then the shortest.
    pub(crate) fn complete(&self, prefix: &str, limit: usize) -> Vec<&str> {
        let range = (Bound::Included(prefix), Bound::Unbounded);
        let mut found: Vec<(&str, &Suggestion)> = self
            .by_text
            .range::<str, _>(range)
            .map(|(folded, suggestion)| (&**folded, suggestion))
            .take_while(|(folded, _)| folded.starts_with(prefix))
            .collect();
        let likeliest = |(a, one): &(&str, &Suggestion), (b, other): &(&str, &Suggestion)| {
            other
                .products
                .cmp(&one.products)
                .then(a.len().cmp(&b.len()))
                .then(a.cmp(b))
        };
        // A letter begins much of what a shop has.
        if found.len() > limit {
            found.select_nth_unstable_by(limit, likeliest);
            found.truncate(limit);
        }
        found.sort_unstable_by(likeliest);
        found
            .into_iter()
            .map(|(_, suggestion)| &*suggestion.text)
            .collect()
    }
}

/// The distinct completions of a product: folded, and as they are to be shown.
fn completions(phrases: &[String]) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    let mut completions = Vec::new();
    let mut add = |text: &str| {
        let folded = text::fold(text.trim());
        if !folded.is_empty() && seen.insert(folded.clone()) {
            completions.push((folded, text.trim().to_owned()));
        }
    };
    phrases.iter().for_each(|phrase| add(phrase));
    for phrase in phrases {
        for word in phrase.split(|c: char| !c.is_alphanumeric()) {
            if word.chars().count() >= SHORTEST_WORD {
                add(&word.to_lowercase());
            }
        }
    }
    completions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_comes_first_and_goes_with_its_products() {
        let phrases = |title: &str| vec![title.to_owned(), "Étamine".to_owned()];
        let mut suggestions = Suggestions::default();
        suggestions.add(&phrases("Leather Bag"));
        suggestions.add(&phrases("Leather Jacket"));
        suggestions.add(&phrases("Leaf Print"));
        assert_eq!(
            suggestions.complete("lea", 8),
            ["leather", "leaf", "Leaf Print", "Leather Bag", "Leather Jacket"]
        );
        assert_eq!(suggestions.complete("leather j", 8), ["Leather Jacket"]);
        assert_eq!(suggestions.complete("etam", 1), ["Étamine"]);
        for title in ["Leather Bag", "Leather Jacket", "Leaf Print"] {
            suggestions.remove(&phrases(title));
        }
        assert!(suggestions.by_text.is_empty());
    }
}
