//! Searches against a brute-force reading of the rules, over random catalogues.

mod beside;
mod matching;
#[cfg(feature = "measure")]
mod measure;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::facets::Facet;
use super::filters::Filters;
use super::query::{Query, Sort};
use super::state::State;
use crate::domain::{Category, Content, Product, Status, Variant};

const WORDS: &[&str] = &[
    "shirt",
    "leather",
    "jacket",
    "été",
    "bag",
    "wool",
    "headphones",
    "red",
];
const VENDORS: &[&str] = &["Acme", "Étoile", "acme"];
const TYPES: &[&str] = &["Top", "Shoe"];
const TAGS: &[&str] = &["new", "sale", "men", "women"];
const SIZES: &[&str] = &["S", "M", "L"];
const COLOURS: &[&str] = &["Red", "Blue"];

fn categories() -> Vec<Category> {
    let category = |id: &str, parent: Option<&str>| Category {
        id: format!("cat_{id}"),
        slug: id.to_owned(),
        name: id.to_uppercase(),
        parent_id: parent.map(|parent| format!("cat_{parent}")),
    };
    vec![
        category("men", None),
        category("tops", Some("men")),
        category("tees", Some("tops")),
        category("women", None),
    ]
}

fn pick<'a>(random: &mut StdRng, from: &[&'a str]) -> Option<&'a str> {
    random.random_bool(0.7).then(|| *from.choose(random).unwrap())
}

fn product(random: &mut StdRng, number: usize) -> Product {
    let words: Vec<&str> = (0..random.random_range(1..4))
        .map(|_| *WORDS.choose(random).unwrap())
        .collect();
    let mut options = Vec::new();
    options.extend(random.random_bool(0.8).then_some(("Size", SIZES)));
    options.extend(random.random_bool(0.6).then_some(("Colour", COLOURS)));
    let mut variants: Vec<Variant> = Vec::new();
    for at in 0..random.random_range(1..6) {
        let values: Vec<String> = options
            .iter()
            .map(|(_, values)| values.choose(random).unwrap().to_string())
            .collect();
        if variants.iter().any(|variant| variant.option_values == values) {
            continue;
        }
        variants.push(Variant {
            id: format!("var_{number}_{at}"),
            sku: None,
            option_values: values,
            price: random.random_range(1..6) * 1_000,
            compare_at_price: None,
            weight_grams: None,
            image: None,
            on_hand: random.random_range(0..2),
            reserved: 0,
        });
    }
    let tags: BTreeSet<&str> = (0..3).filter_map(|_| pick(random, TAGS)).collect();
    Product {
        id: format!("prod_{number:04}"),
        slug: format!("product-{number}"),
        content: Content {
            title: words.join(" "),
            description: format!("<p>{}</p>", pick(random, WORDS).unwrap_or_default()),
            vendor: pick(random, VENDORS).map(str::to_owned),
            product_type: pick(random, TYPES).map(str::to_owned),
            tags: tags.into_iter().map(str::to_owned).collect(),
            category_id: pick(random, &["cat_men", "cat_tops", "cat_tees", "cat_women"]).map(str::to_owned),
            options: options.iter().map(|(name, _)| (*name).to_owned()).collect(),
            ..Content::default()
        },
        currency: "EUR".to_owned(),
        status: Status::Active,
        variants,
        created_at: Timestamp::from_second(1_700_000_000 + random.random_range(0..50)).unwrap(),
        updated_at: Timestamp::from_second(1_700_000_000).unwrap(),
        version: 1,
    }
}

fn some(random: &mut StdRng, from: &[&str]) -> Vec<String> {
    if random.random_bool(0.6) {
        return Vec::new();
    }
    (0..random.random_range(1..3))
        .map(|_| from.choose(random).unwrap().to_string())
        .collect()
}

fn filters(random: &mut StdRng) -> Filters {
    let options = vec![
        ("Size".to_owned(), some(random, &["S", "M", "XXL"])),
        ("Colour".to_owned(), some(random, COLOURS)),
    ];
    Filters {
        categories: some(random, &["men", "tops", "tees", "nowhere"]),
        vendors: some(random, VENDORS),
        product_types: some(random, TYPES),
        tags: some(random, TAGS),
        options,
        price_min: random.random_bool(0.3).then(|| random.random_range(1..4) * 1_000),
        price_max: random.random_bool(0.3).then(|| random.random_range(3..6) * 1_000),
        available_only: random.random_bool(0.3),
    }
}

/// The values a product has in each facet, when `filters` without that facet's own leave it.
struct Oracle<'a> {
    filters: &'a Filters,
    product: &'a Product,
}

impl Oracle<'_> {
    fn categories(&self) -> Vec<&'static str> {
        match self.product.content.category_id.as_deref() {
            Some("cat_tees") => vec!["tees", "tops", "men"],
            Some("cat_tops") => vec!["tops", "men"],
            Some("cat_men") => vec!["men"],
            Some("cat_women") => vec!["women"],
            _ => Vec::new(),
        }
    }

    fn content_passes(&self, without: &str) -> bool {
        let any = |facet: &str, wanted: &[String], has: &[&str]| {
            facet == without
                || wanted.is_empty()
                || has.iter().any(|value| wanted.iter().any(|want| want == value))
        };
        let content = &self.product.content;
        let tags: Vec<&str> = content.tags.iter().map(String::as_str).collect();
        any("category", &self.filters.categories, &self.categories())
            && any(
                "vendor",
                &self.filters.vendors,
                content.vendor.as_deref().as_slice(),
            )
            && any(
                "productType",
                &self.filters.product_types,
                content.product_type.as_deref().as_slice(),
            )
            && any("tag", &self.filters.tags, &tags)
    }

    /// Variants that meet everything of variants but the filter of `without`.
    fn variants(&self, without: &str) -> Vec<&Variant> {
        let passes = |variant: &&Variant| {
            let axis = |name: &str| {
                self.product
                    .content
                    .options
                    .iter()
                    .position(|option| option == name)
            };
            self.filters.price_min.is_none_or(|min| variant.price >= min)
                && self.filters.price_max.is_none_or(|max| variant.price <= max)
                && (!self.filters.available_only || variant.available() > 0)
                && self.filters.options.iter().all(|(name, wanted)| {
                    format!("option.{name}") == without
                        || wanted.is_empty()
                        || axis(name).is_some_and(|axis| wanted.contains(&variant.option_values[axis]))
                })
        };
        self.product.variants.iter().filter(passes).collect()
    }

    fn is_hit(&self) -> bool {
        self.content_passes("") && !self.variants("").is_empty()
    }

    fn count(&self, counts: &mut BTreeMap<(String, String), u32>) {
        let content = &self.product.content;
        let tags: Vec<&str> = content.tags.iter().map(String::as_str).collect();
        let of_content: [(&str, Vec<&str>); 4] = [
            ("category", self.categories()),
            ("vendor", content.vendor.as_deref().into_iter().collect()),
            (
                "productType",
                content.product_type.as_deref().into_iter().collect(),
            ),
            ("tag", tags),
        ];
        for (facet, values) in of_content {
            if self.content_passes(facet) && !self.variants("").is_empty() {
                for value in values {
                    *counts.entry((facet.to_owned(), value.to_owned())).or_default() += 1;
                }
            }
        }
        for (axis, name) in content.options.iter().enumerate() {
            let facet = format!("option.{name}");
            if self.content_passes("") {
                let values: BTreeSet<&String> = self
                    .variants(&facet)
                    .iter()
                    .map(|variant| &variant.option_values[axis])
                    .collect();
                for value in values {
                    *counts.entry((facet.clone(), value.clone())).or_default() += 1;
                }
            }
        }
    }
}

fn counted(facets: &[Facet]) -> BTreeMap<(String, String), u32> {
    let values = facets
        .iter()
        .flat_map(|facet| facet.values.iter().map(move |value| (facet, value)));
    values
        .map(|(facet, value)| ((facet.id.clone(), value.value.clone()), value.count))
        .collect()
}

fn query(text: &str, filters: Filters, sort: Sort, limit: usize) -> Query {
    Query {
        text: text.to_owned(),
        filters,
        sort,
        after: None,
        limit,
        with_facets: true,
    }
}

/// The products whose text has the word, by the same folding.
fn has_word(product: &Product, word: &str) -> bool {
    let text = format!("{} {}", product.content.title, product.content.description);
    text.contains(word)
}

#[test]
fn hits_and_facets_are_those_of_brute_force() {
    for seed in 0..60 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut products: BTreeMap<String, Product> = BTreeMap::new();
        let mut state = State::default();
        state.set_categories(&categories());
        for _ in 0..150 {
            // Products come, change and go, so that numbers are given again.
            let number = random.random_range(0..60);
            let product = product(&mut random, number);
            if random.random_bool(0.2) {
                state.remove(&product.id);
                products.remove(&product.id);
            } else {
                state.put(&(&product).into());
                products.insert(product.id.clone(), product);
            }
        }
        assert_eq!(state.len(), products.len());
        for _ in 0..30 {
            let filters = filters(&mut random);
            // Exact words only: what prefixes and typos find is tested elsewhere.
            let text = if random.random_bool(0.5) {
                *["wool", "été", "bag"].choose(&mut random).unwrap()
            } else {
                ""
            };
            let matching: Vec<&Product> = products
                .values()
                .filter(|product| text.is_empty() || has_word(product, text))
                .collect();
            let mut expected = BTreeMap::new();
            let oracle = |product| Oracle {
                filters: &filters,
                product,
            };
            matching
                .iter()
                .for_each(|product| oracle(product).count(&mut expected));
            let hits: BTreeSet<&str> = matching
                .iter()
                .filter(|product| oracle(product).is_hit())
                .map(|product| product.id.as_str())
                .collect();
            let found = state.search(&query(text, filters.clone(), Sort::Newest, 100));
            let ids: BTreeSet<&str> = found.hits.iter().map(|hit| hit.id.as_str()).collect();
            assert_eq!(ids, hits, "seed {seed}, {text:?}, {filters:?}");
            assert_eq!(found.total, hits.len() as u64);
            assert_eq!(
                counted(&found.facets),
                expected,
                "seed {seed}, {text:?}, {filters:?}"
            );
        }
        products.keys().for_each(|id| state.remove(id));
        assert_eq!(
            (state.len(), state.dictionary.len()),
            (0, 0),
            "nothing is left behind"
        );
    }
}

#[test]
fn facet_values_come_by_count_then_label() {
    let mut random = StdRng::seed_from_u64(7);
    let mut state = State::default();
    state.set_categories(&categories());
    (0..80).for_each(|number| state.put(&(&product(&mut random, number)).into()));
    let found = state.search(&query("", Filters::default(), Sort::Relevance, 10));
    let ids: Vec<&str> = found.facets.iter().map(|facet| facet.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "category",
            "vendor",
            "productType",
            "tag",
            "option.Colour",
            "option.Size"
        ]
    );
    for facet in &found.facets {
        let sorted = facet
            .values
            .is_sorted_by_key(|value| (u32::MAX - value.count, value.label.clone()));
        assert!(sorted, "{facet:?}");
    }
}

#[test]
fn pages_of_every_sort_join_without_gap_or_repeat() {
    let mut random = StdRng::seed_from_u64(11);
    let products: Vec<Product> = (0..97).map(|number| product(&mut random, number)).collect();
    let mut state = State::default();
    products.iter().for_each(|product| state.put(&product.into()));
    for sort in [
        Sort::Relevance,
        Sort::PriceAsc,
        Sort::PriceDesc,
        Sort::Newest,
        Sort::TitleAsc,
    ] {
        for text in ["", "leather"] {
            let whole = state.search(&query(text, Filters::default(), sort, 1_000)).hits;
            let mut paged = Vec::new();
            let mut next = query(text, Filters::default(), sort, 7);
            loop {
                let page = state.search(&next);
                next.after = page.hits.last().cloned();
                paged.extend(page.hits);
                if !page.more {
                    break;
                }
            }
            assert_eq!(paged, whole, "{sort:?} {text:?}");
            let of = |id: &str| products.iter().find(|product| product.id == id).unwrap();
            let sorted = whole.is_sorted_by(|a, b| {
                let (a, b) = (of(&a.id), of(&b.id));
                match sort {
                    Sort::Relevance => true,
                    Sort::PriceAsc => a.lowest_price() <= b.lowest_price(),
                    Sort::PriceDesc => a.lowest_price() >= b.lowest_price(),
                    Sort::Newest => a.created_at >= b.created_at,
                    Sort::TitleAsc => a.content.title_key() <= b.content.title_key(),
                }
            });
            assert!(sorted, "{sort:?}");
        }
    }
}

#[test]
fn a_title_counts_more_than_a_description_and_a_short_one_most() {
    let mut random = StdRng::seed_from_u64(1);
    let mut state = State::default();
    for (number, (title, description)) in [
        ("Bag", "<p>of leather</p>"),
        ("Leather bag with many straps", ""),
        ("Leather bag", ""),
        ("Lether", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let mut product = product(&mut random, number);
        product.content.title = title.to_owned();
        product.content.description = description.to_owned();
        state.put(&(&product).into());
    }
    let found = state.search(&query("leather", Filters::default(), Sort::Relevance, 10));
    let ids: Vec<&str> = found.hits.iter().map(|hit| hit.id.as_str()).collect();
    assert_eq!(ids, ["prod_0002", "prod_0001", "prod_0003", "prod_0000"]);
}
