//! Filters, and which of them a product fails: none makes it a hit, exactly one a count of that filter's own facet.

use super::categories::NONE;
use super::entry::{Entry, Row, Stock};
use super::facets::{Counters, Kind};
use super::interner::Interner;
use super::query::among;
use super::state::State;

/// The filters of a search. Values of one filter are OR-ed, different filters AND-ed; an empty filter is ignored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    /// Slugs; descendants are taken in.
    pub(crate) categories: Vec<String>,
    pub(crate) vendors: Vec<String>,
    pub(crate) product_types: Vec<String>,
    pub(crate) tags: Vec<String>,
    /// A name and its values.
    pub(crate) options: Vec<(String, Vec<String>)>,
    pub(crate) price_min: Option<i64>,
    pub(crate) price_max: Option<i64>,
    pub(crate) available_only: bool,
}

/// Filters as numbers of one state.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Whether no filter is of products as a whole.
    any_product: bool,
    categories: Option<Vec<bool>>,
    vendors: Option<Vec<bool>>,
    types: Option<Vec<bool>>,
    tags: Option<Vec<bool>>,
    options: Vec<Axis>,
    price_min: i64,
    price_max: i64,
    available_only: bool,
}

/// What the sums of a product tell of its variants and the filters of price, stock and options.
enum Fit<'a> {
    /// No variant passes the filters.
    No,
    /// Some do, and these are their option values.
    With(&'a [u32]),
    /// They have to be looked at.
    Unknown,
}

/// The filter of one option.
#[derive(Debug)]
struct Axis {
    /// The number of its name; NONE when no product has it.
    name: u32,
    wanted: Vec<bool>,
}

impl Compiled {
    pub(crate) fn new(state: &State, filters: &Filters) -> Self {
        let mut options: Vec<(&str, Axis)> = Vec::new();
        for (name, values) in filters.options.iter().filter(|(_, values)| !values.is_empty()) {
            let at = options
                .iter()
                .position(|(known, _)| known == name)
                .unwrap_or_else(|| {
                    let number = state.axes.get(name).unwrap_or(NONE);
                    options.push((
                        name,
                        Axis {
                            name: number,
                            wanted: vec![false; state.values.len()],
                        },
                    ));
                    options.len() - 1
                });
            for number in values.iter().filter_map(|value| state.option_value(name, value)) {
                options[at].1.wanted[number as usize] = true;
            }
        }
        let of_products = [
            &filters.categories,
            &filters.vendors,
            &filters.product_types,
            &filters.tags,
        ];
        Self {
            any_product: of_products.iter().all(|filter| filter.is_empty()),
            categories: (!filters.categories.is_empty()).then(|| state.categories.below(&filters.categories)),
            vendors: wanted(&state.vendors, &filters.vendors),
            types: wanted(&state.types, &filters.product_types),
            tags: wanted(&state.tags, &filters.tags),
            options: options.into_iter().map(|(_, axis)| axis).collect(),
            price_min: filters.price_min.unwrap_or(i64::MIN),
            price_max: filters.price_max.unwrap_or(i64::MAX),
            available_only: filters.available_only,
        }
    }

    /// Whether the product is a hit; counts it in every facet it belongs to either way.
    pub(crate) fn admit(&self, state: &State, entry: &Entry, number: u32, counters: &mut Counters) -> bool {
        let Some(failed) = self.failed(entry) else {
            return false;
        };
        if failed.is_some() && !counters.on {
            return false;
        }
        // What fails elsewhere does not count in the facets of options.
        let counts_options = failed.is_none() && counters.on;
        let sold = match self.fit(entry) {
            Fit::No => return false,
            Fit::With(values) => {
                if counts_options {
                    counters.count_options(values);
                }
                true
            }
            Fit::Unknown => {
                let counters = counts_options.then_some((number, &mut *counters));
                self.variants(state, entry, counters)
            }
        };
        if sold && counters.on {
            counters.count(entry, failed);
        }
        sold && failed.is_none()
    }

    /// The one facet of the product as a whole whose filter fails, if one does; the outer None when several do.
    fn failed(&self, entry: &Entry) -> Option<Option<Kind>> {
        if self.any_product {
            return Some(None);
        }
        let passes_tags = self
            .tags
            .as_ref()
            .is_none_or(|wanted| entry.values.tags().iter().any(|tag| wanted[*tag as usize]));
        let checks = [
            (among(self.categories.as_ref(), entry.category), Kind::Category),
            (among(self.vendors.as_ref(), entry.vendor), Kind::Vendor),
            (among(self.types.as_ref(), entry.product_type), Kind::Type),
            (passes_tags, Kind::Tag),
        ];
        let mut failed = checks
            .into_iter()
            .filter(|(passes, _)| !passes)
            .map(|(_, kind)| kind);
        let first = failed.next();
        if failed.next().is_some() {
            None
        } else {
            Some(first)
        }
    }

    fn fit<'a>(&self, entry: &'a Entry) -> Fit<'a> {
        if entry.highest_price < self.price_min
            || self.price_max < entry.lowest_price
            || (self.available_only && entry.stock == Stock::None)
        {
            Fit::No
        } else if !self.options.is_empty() || !self.every_price(entry) {
            Fit::Unknown
        } else if self.available_only && entry.stock == Stock::Some {
            Fit::With(entry.values.available_options())
        } else {
            Fit::With(entry.values.options())
        }
    }

    /// Whether each variant passes the filter of prices.
    fn every_price(&self, entry: &Entry) -> bool {
        self.price_min <= entry.lowest_price && entry.highest_price <= self.price_max
    }

    /// Whether one and the same variant passes the filters of price, stock and all options. Counts the values of those that do,
    /// and of those that fail one option only the values of that option.
    fn variants(&self, state: &State, entry: &Entry, mut counters: Option<(u32, &mut Counters)>) -> bool {
        let every_one = self.every_price(entry) && (!self.available_only || entry.stock == Stock::All);
        let mut sold = false;
        for at in 0..entry.variants as usize {
            if !every_one && !self.sells(&entry.detail.variants[at]) {
                continue;
            }
            let row = entry.values.of_variant(at);
            let mut failing = self
                .options
                .iter()
                .filter(|axis| !row.iter().any(|value| axis.wanted[*value as usize]));
            let failed = failing.next();
            if failing.next().is_some() {
                continue;
            }
            sold |= failed.is_none();
            if let Some((product, counters)) = &mut counters {
                for value in row {
                    if failed.is_none_or(|axis| axis.name == state.axis_of[*value as usize]) {
                        counters.count_once(*value, *product);
                    }
                }
            } else if sold {
                break;
            }
        }
        sold
    }

    /// Whether the variant passes the filters of price and stock.
    fn sells(&self, variant: &Row) -> bool {
        (self.price_min..=self.price_max).contains(&variant.price)
            && (variant.available || !self.available_only)
    }
}

fn wanted(interner: &Interner, values: &[String]) -> Option<Vec<bool>> {
    if values.is_empty() {
        return None;
    }
    let mut wanted = vec![false; interner.len()];
    for number in values.iter().filter_map(|value| interner.get(value)) {
        wanted[number as usize] = true;
    }
    Some(wanted)
}
