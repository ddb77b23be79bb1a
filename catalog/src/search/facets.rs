//! Counting: one dense array of counters for each facet.

use super::categories::NONE;
use super::entry::Entry;
use super::interner::Interner;
use super::state::State;

/// A facet lists at most so many values, those of the highest counts: an answer stays within a message.
const MOST_VALUES: usize = 1_000;

/// A way to narrow a search down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facet {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) values: Vec<FacetValue>,
}

/// What the filter takes, what a person reads, and how many products it would leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FacetValue {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) count: u32,
}

/// A facet of products as a whole, not of their variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Category,
    Vendor,
    Type,
    Tag,
}

/// Counters by the numbers of a state.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Whether anything is to be counted.
    pub(super) on: bool,
    categories: Vec<u32>,
    vendors: Vec<u32>,
    types: Vec<u32>,
    tags: Vec<u32>,
    values: Vec<u32>,
    /// The last product (and one) that counted for an option value: several of its variants may have it.
    last: Vec<u32>,
}

impl Counters {
    pub(crate) fn new(state: &State, on: bool) -> Self {
        let zeros = |len: usize| vec![0; if on { len } else { 0 }];
        Self {
            on,
            categories: zeros(state.categories.len()),
            vendors: zeros(state.vendors.len()),
            types: zeros(state.types.len()),
            tags: zeros(state.tags.len()),
            values: zeros(state.values.len()),
            last: zeros(state.values.len()),
        }
    }

    /// Counts the product in the facet that failed, or in all when none did.
    pub(super) fn count(&mut self, entry: &Entry, failed: Option<Kind>) {
        let in_facet = |kind| failed.is_none_or(|failed| failed == kind);
        if in_facet(Kind::Category) && entry.category != NONE {
            self.categories[entry.category as usize] += 1;
        }
        if in_facet(Kind::Vendor) && entry.vendor != NONE {
            self.vendors[entry.vendor as usize] += 1;
        }
        if in_facet(Kind::Type) && entry.product_type != NONE {
            self.types[entry.product_type as usize] += 1;
        }
        if in_facet(Kind::Tag) {
            entry
                .values
                .tags()
                .iter()
                .for_each(|tag| self.tags[*tag as usize] += 1);
        }
    }

    /// Counts distinct option values of a product.
    pub(super) fn count_options(&mut self, values: &[u32]) {
        values.iter().for_each(|value| self.values[*value as usize] += 1);
    }

    /// Counts an option value once for the product.
    pub(super) fn count_once(&mut self, value: u32, product: u32) {
        let last = &mut self.last[value as usize];
        if *last != product + 1 {
            *last = product + 1;
            self.values[value as usize] += 1;
        }
    }

    /// The facets that have values.
    pub(crate) fn finish(self, state: &State) -> Vec<Facet> {
        if !self.on {
            return Vec::new();
        }
        let categories = state.categories.roll_up(&self.categories);
        let categories = categories.iter().take(MOST_VALUES).map(|category| FacetValue {
            value: category.slug.to_owned(),
            label: category.name.to_owned(),
            count: category.count,
        });
        let mut facets = vec![
            facet("category", "Category", categories.collect()),
            facet("vendor", "Vendor", named(&state.vendors, &self.vendors)),
            facet("productType", "Product type", named(&state.types, &self.types)),
            facet("tag", "Tag", named(&state.tags, &self.tags)),
        ];
        facets.extend(options(state, &self.values));
        facets.retain(|facet| !facet.values.is_empty());
        facets
    }
}

fn facet(id: &str, label: &str, values: Vec<FacetValue>) -> Facet {
    Facet {
        id: id.to_owned(),
        label: label.to_owned(),
        values,
    }
}

/// The numbers that were counted, highest count first, then by the alphabet; at most `limit` of them.
fn ranked(interner: &Interner, counts: &[u32], limit: usize) -> Vec<(u32, u32)> {
    let counted = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let mut counted: Vec<(u32, u32)> = counted.map(|(number, count)| (number as u32, *count)).collect();
    let rank = |(number, count): &(u32, u32)| (u32::MAX - count, interner.rank(*number));
    if counted.len() > limit {
        counted.select_nth_unstable_by_key(limit, rank);
        counted.truncate(limit);
    }
    counted.sort_unstable_by_key(rank);
    counted
}

fn named(interner: &Interner, counts: &[u32]) -> Vec<FacetValue> {
    let ranked = ranked(interner, counts, MOST_VALUES).into_iter();
    let value = |(number, count)| {
        let value = interner.value(number);
        FacetValue {
            value: value.to_owned(),
            label: value.to_owned(),
            count,
        }
    };
    ranked.map(value).collect()
}

/// A facet for each option name, by the alphabet.
fn options(state: &State, counts: &[u32]) -> Vec<Facet> {
    let mut ranked = ranked(&state.values, counts, usize::MAX);
    // Stable: within a name the order stays.
    ranked.sort_by_key(|(number, _)| state.axes.rank(state.axis_of[*number as usize]));
    let same_name =
        |a: &(u32, u32), b: &(u32, u32)| state.axis_of[a.0 as usize] == state.axis_of[b.0 as usize];
    let facet_of = |values: &[(u32, u32)]| {
        let name = state.axes.value(state.axis_of[values[0].0 as usize]);
        let values = values.iter().take(MOST_VALUES).map(|(number, count)| {
            let value = state.option_label(*number);
            FacetValue {
                value: value.to_owned(),
                label: value.to_owned(),
                count: *count,
            }
        });
        facet(&format!("option.{name}"), name, values.collect())
    };
    ranked.chunk_by(same_name).map(facet_of).collect()
}
