//! One search: the words narrow down, then one pass over what is left filters, counts and keeps the best.

use std::cmp::Ordering;

use super::categories::NONE;
use super::dictionary::Matching;
use super::entry::Entry;
use super::facets::{Counters, Facet};
use super::filters::{Compiled, Filters};
use super::sku::Sku;
use super::state::State;
use super::text::{self, Piece};

/// The order of what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The best match first.
    Relevance,
    /// By lowest price.
    PriceAsc,
    /// By lowest price, highest first.
    PriceDesc,
    /// The last made first.
    Newest,
    /// By title, folded.
    TitleAsc,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) text: String,
    pub(crate) filters: Filters,
    pub(crate) sort: Sort,
    /// The place to go on behind.
    pub(crate) after: Option<Position>,
    pub(crate) limit: usize,
    pub(crate) with_facets: bool,
}

/// A product's place in the order: complete without the product, so that a page goes on also when it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// Ascending: a score or a price, negated where the highest comes first.
    pub(crate) primary: i64,
    /// The folded title when it sorts, else empty.
    pub(crate) title: String,
    pub(crate) created: i64,
    pub(crate) id: String,
}

/// What is found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) hits: Vec<Position>,
    pub(crate) more: bool,
    pub(crate) total: u64,
    pub(crate) facets: Vec<Facet>,
}

/// What finding a product by its SKU is worth: more than any word, as nothing else can be meant.
const SKU: u32 = 400;

/// A product with what sorts it, to be compared without looking it up.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    primary: i64,
    created: i64,
    number: u32,
}

impl State {
    /// Answers a query. Linear in the number of products its words find, at some nanoseconds each.
    pub(crate) fn search(&self, query: &Query) -> Found {
        let filters = Compiled::new(self, &query.filters);
        let mut counters = Counters::new(self, query.with_facets);
        let mut best = Best::new(self, query);
        let mut total = 0;
        let mut look_at = |number: u32, score| {
            if let Some(entry) = &self.entries[number as usize]
                && filters.admit(self, entry, number, &mut counters)
            {
                total += 1;
                best.offer(entry, number, score);
            }
        };
        // The last first: new products have high numbers, and then those that follow are not among the newest.
        match self.matches(&query.text) {
            None => (0..self.entries.len() as u32)
                .rev()
                .for_each(|number| look_at(number, 0)),
            Some(matches) => matches
                .iter()
                .rev()
                .for_each(|(number, score)| look_at(*number, *score)),
        }
        let (hits, more) = best.finish();
        Found {
            hits,
            more,
            total,
            facets: counters.finish(self),
        }
    }

    /// Completions of what was typed, which is folded: what begins with it, then the titles that a search for it finds.
    pub(crate) fn suggest(&self, typed: &str, limit: usize) -> Vec<String> {
        let completed = self.suggestions.complete(typed, limit).into_iter();
        let mut found: Vec<String> = completed.map(str::to_owned).collect();
        if found.len() < limit {
            let query = Query {
                text: typed.to_owned(),
                filters: Filters::default(),
                sort: Sort::Relevance,
                after: None,
                limit: 2 * limit,
                with_facets: false,
            };
            for hit in self.search(&query).hits {
                if let Some(title) = self.title(&hit.id)
                    && found.len() < limit
                    && !found.iter().any(|known| text::fold(known) == text::fold(title))
                {
                    found.push(title.to_owned());
                }
            }
        }
        found
    }

    /// The products in which all words of `text` are found, each with its score; None when there are no words, which all
    /// products match.
    pub(super) fn matches(&self, text: &str) -> Option<Vec<(u32, u32)>> {
        let words = query_words(text);
        if words.is_empty() {
            return None;
        }
        let mut tallies = vec![Tally::default(); self.entries.len()];
        // By the first word, to look only at those again.
        let mut matches: Vec<(u32, u32)> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let before = at as u32;
            let mut found = false;
            let mut look_at = |number: u32, worth| {
                let tally = &mut tallies[number as usize];
                if tally.words == before {
                    *tally = Tally {
                        words: before + 1,
                        best: worth,
                        total: tally.total + tally.best,
                    };
                    found = true;
                    if before == 0 {
                        matches.push((number, 0));
                    }
                } else if tally.words == before + 1 {
                    tally.best = tally.best.max(worth);
                }
            };
            self.dictionary.find(word, &mut look_at);
            for sku in &word.skus {
                self.with_sku(*sku).for_each(|number| look_at(number, SKU));
            }
            if !found {
                return Some(Vec::new());
            }
        }
        matches.retain_mut(|(number, score)| {
            let tally = &tallies[*number as usize];
            *score = tally.total + tally.best;
            tally.words == words.len() as u32
        });
        Some(matches)
    }
}

/// How many words of the query a product was found by so far, running.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    words: u32,
    /// For the last of them.
    best: u32,
    /// For those before.
    total: u32,
}

/// A word that a query looks for.
#[derive(Debug, Clone)]
pub(super) struct QueryWord {
    word: String,
    /// All of what it is a part of, without what stands between the parts: `tshirt` for `t-shirt`, `mens` for `men's`.
    whole: Option<String>,
    /// The SKUs that it may be a part of.
    skus: Vec<Sku>,
    pub(super) matching: Matching,
}

impl QueryWord {
    pub(super) fn new(word: &str, matching: Matching) -> Self {
        Self {
            word: word.to_owned(),
            whole: None,
            skus: Vec::new(),
            matching,
        }
    }

    /// The ways it may be written in the index.
    pub(super) fn spellings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.word.as_str()).chain(self.whole.as_deref())
    }
}

/// The words of a query and how each is meant.
fn query_words(query: &str) -> Vec<QueryWord> {
    let query = text::fold(query);
    let all = Sku::of_folded(&query);
    let mut words: Vec<QueryWord> = Vec::new();
    let mut symbols: Vec<QueryWord> = Vec::new();
    // Whether the last word may still be in the making.
    let mut open = false;
    for piece in query.split_whitespace() {
        let sku = Sku::of_folded(piece);
        let piece = Piece::of(piece);
        for part in &piece.parts {
            open = part.counts;
            if part.counts {
                words.push(QueryWord {
                    whole: piece.whole.clone(),
                    skus: sku
                        .into_iter()
                        .chain(all.filter(|all| Some(*all) != sku))
                        .collect(),
                    ..QueryWord::new(part.word, Matching::Word)
                });
            }
        }
        let exactly = |symbol| QueryWord::new(symbol, Matching::Exact);
        symbols.extend(piece.symbols.into_iter().map(exactly));
    }
    let Some(last) = words.last_mut() else {
        // Nothing but signs: they are looked for as they are. Beside words they only separate.
        return symbols;
    };
    if open {
        last.matching = Matching::Prefix;
    }
    words
}

/// The best so far, at most twice `limit` of them.
struct Best<'a> {
    state: &'a State,
    query: &'a Query,
    limit: usize,
    kept: Vec<Candidate>,
    worst: Option<Candidate>,
}

impl<'a> Best<'a> {
    fn new(state: &'a State, query: &'a Query) -> Self {
        // One more than the page tells whether another follows.
        let limit = query.limit + 1;
        Self {
            state,
            query,
            limit,
            kept: Vec::new(),
            worst: None,
        }
    }

    fn offer(&mut self, entry: &Entry, number: u32, score: u32) {
        let primary = match self.query.sort {
            // Of two that match alike the one that says little else comes first.
            Sort::Relevance if score > 0 => -i64::from(score * 32 + 31 - u32::from(entry.title_words)),
            Sort::Relevance | Sort::Newest => 0,
            Sort::PriceAsc => entry.lowest_price,
            Sort::PriceDesc => -entry.lowest_price,
            Sort::TitleAsc => entry.detail.title_beginning,
        };
        let candidate = Candidate {
            primary,
            created: entry.created,
            number,
        };
        if self
            .query
            .after
            .as_ref()
            .is_some_and(|after| self.against(&candidate, after) != Ordering::Greater)
            || self
                .worst
                .is_some_and(|worst| self.compare(&candidate, &worst) != Ordering::Less)
        {
            return;
        }
        self.kept.push(candidate);
        if self.kept.len() == 2 * self.limit {
            let mut kept = std::mem::take(&mut self.kept);
            let (_, worst, _) = kept.select_nth_unstable_by(self.limit - 1, |a, b| self.compare(a, b));
            self.worst = Some(*worst);
            kept.truncate(self.limit);
            self.kept = kept;
        }
    }

    fn finish(mut self) -> (Vec<Position>, bool) {
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_unstable_by(|a, b| self.compare(a, b));
        let more = kept.len() > self.query.limit;
        kept.truncate(self.query.limit);
        let hits = kept.iter().map(|candidate| Position {
            primary: candidate.primary,
            title: self.title(candidate).to_owned(),
            created: candidate.created,
            id: self.id(candidate).to_owned(),
        });
        (hits.collect(), more)
    }

    fn compare(&self, a: &Candidate, b: &Candidate) -> Ordering {
        a.primary
            .cmp(&b.primary)
            .then_with(|| self.by_title(a, self.title(b)))
            .then(b.created.cmp(&a.created))
            .then_with(|| self.id(a).cmp(self.id(b)))
    }

    fn against(&self, candidate: &Candidate, position: &Position) -> Ordering {
        candidate
            .primary
            .cmp(&position.primary)
            .then_with(|| self.by_title(candidate, &position.title))
            .then(position.created.cmp(&candidate.created))
            .then_with(|| self.id(candidate).cmp(position.id.as_str()))
    }

    /// Against another's title, where titles sort.
    fn by_title(&self, candidate: &Candidate, other: &str) -> Ordering {
        match self.query.sort {
            Sort::TitleAsc => self.title(candidate).cmp(other),
            _ => Ordering::Equal,
        }
    }

    /// The folded title where titles sort, else nothing.
    fn title(&self, candidate: &Candidate) -> &'a str {
        if self.query.sort != Sort::TitleAsc {
            return "";
        }
        let entry = self.state.entries[candidate.number as usize].as_ref();
        entry.map_or("", |entry| &entry.detail.title_key)
    }

    fn id(&self, candidate: &Candidate) -> &'a str {
        let entry = self.state.entries[candidate.number as usize].as_ref();
        entry.map_or("", |entry| &entry.detail.id)
    }
}

/// Whether a product's category, vendor or type is among the chosen ones.
pub(super) fn among(chosen: Option<&Vec<bool>>, number: u32) -> bool {
    match chosen {
        None => true,
        Some(chosen) => number != NONE && chosen.get(number as usize).copied().unwrap_or(false),
    }
}
