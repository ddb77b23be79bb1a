//! What the index holds: words to products, and beside them each product in numbers to filter, count and sort by.

use std::collections::{BTreeSet, HashMap};

use super::categories::{Categories, NONE};
use super::dictionary::Dictionary;
use super::document::{Document, DocumentVariant};
use super::entry::{self, Detail, Entry, Row, Stock, Values};
use super::interner::Interner;
use super::sku::Sku;
use super::suggestions::Suggestions;
use crate::domain::Category;

/// Between the name and the value of an option: in no text, as control characters are refused.
const SEPARATOR: char = '\u{1f}';

/// Everything there is to search. Products have small numbers, given again when one goes.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(super) dictionary: Dictionary,
    pub(super) categories: Categories,
    pub(super) vendors: Interner,
    pub(super) types: Interner,
    pub(super) tags: Interner,
    /// Names of options.
    pub(super) axes: Interner,
    /// Values of options, each with its name in front.
    pub(super) values: Interner,
    /// The number of its name for each of `values`.
    pub(super) axis_of: Vec<u32>,
    pub(super) entries: Vec<Option<Entry>>,
    pub(super) suggestions: Suggestions,
    /// Each with the products that have it.
    skus: BTreeSet<(Sku, u32)>,
    numbers: HashMap<Box<str>, u32>,
    free: Vec<u32>,
}

impl State {
    /// Adds the product or replaces it.
    pub(crate) fn put(&mut self, document: &Document) {
        let known = self.numbers.get(document.id.as_str()).copied();
        if let Some(number) = known
            && let Some(mut old) =
                self.entries[number as usize].take_if(|entry| entry.detail.text_hash == document.text_hash)
        {
            // Most changes are of stock: words and SKUs stay.
            let words = std::mem::take(&mut old.detail.words);
            let entry = self.entry(document, words);
            self.release_values(&old);
            self.entries[number as usize] = Some(entry);
            return;
        }
        self.remove(&document.id);
        let number = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            (self.entries.len() - 1) as u32
        });
        self.numbers.insert(document.id.as_str().into(), number);
        let words = document
            .words
            .iter()
            .map(|(word, fields)| self.dictionary.add(word, number, *fields))
            .collect();
        self.skus.extend(document.skus.iter().map(|sku| (*sku, number)));
        let entry = self.entry(document, words);
        self.suggestions.add(&self.phrases(&entry));
        self.entries[number as usize] = Some(entry);
    }

    /// Takes the product out, if it is there.
    pub(crate) fn remove(&mut self, id: &str) {
        let Some(number) = self.numbers.remove(id) else {
            return;
        };
        let Some(entry) = self.entries[number as usize].take() else {
            return;
        };
        let phrases = self.phrases(&entry);
        self.suggestions.remove(&phrases);
        self.release_values(&entry);
        for sku in &entry.detail.skus {
            self.skus.remove(&(*sku, number));
        }
        for word in &entry.detail.words {
            self.dictionary.remove(*word, number);
        }
        self.free.push(number);
    }

    /// Takes the category tree in.
    pub(crate) fn set_categories(&mut self, categories: &[Category]) {
        self.categories.replace(categories);
    }

    /// The title of the product, if it is there.
    pub(crate) fn title(&self, id: &str) -> Option<&str> {
        let entry = self.entries[*self.numbers.get(id)? as usize].as_ref()?;
        Some(&entry.detail.title)
    }

    /// The products that have a variant with the SKU.
    pub(super) fn with_sku(&self, sku: Sku) -> impl Iterator<Item = u32> {
        let products = self.skus.range((sku, 0)..=(sku, u32::MAX));
        products.map(|(_, number)| *number)
    }

    /// How many products there are.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    fn entry(&mut self, document: &Document, words: Box<[u32]>) -> Entry {
        let category = document
            .category_id
            .as_deref()
            .map_or(NONE, |id| self.categories.acquire(id));
        let vendor = document
            .vendor
            .as_deref()
            .map_or(NONE, |vendor| self.vendors.acquire(vendor));
        let product_type = document
            .product_type
            .as_deref()
            .map_or(NONE, |kind| self.types.acquire(kind));
        let tags: Vec<u32> = document.tags.iter().map(|tag| self.tags.acquire(tag)).collect();
        let axes = document.options.len();
        let (mut options, mut available_options): (Vec<u32>, Vec<u32>) = Default::default();
        let mut matrix = Vec::with_capacity(axes * document.variants.len());
        for variant in &document.variants {
            for (at, name) in document.options.iter().enumerate() {
                let value = variant.option_values.get(at).map_or("", String::as_str);
                let number = self.value(name, value, &options);
                if !options.contains(&number) {
                    options.push(number);
                }
                if variant.available && !available_options.contains(&number) {
                    available_options.push(number);
                }
                matrix.push(number);
            }
        }
        let variant = |variant: &DocumentVariant| Row {
            price: variant.price,
            available: variant.available,
        };
        let variants: Box<[Row]> = document.variants.iter().map(variant).collect();
        let prices = || variants.iter().map(|variant| variant.price);
        Entry {
            created: document.created,
            lowest_price: prices().min().unwrap_or_default(),
            highest_price: prices().max().unwrap_or_default(),
            category,
            vendor,
            product_type,
            stock: Stock::of(&variants),
            title_words: document.title_words,
            variants: variants.len() as u32,
            values: Values::new(&tags, &options, &available_options, &matrix, axes),
            detail: Box::new(Detail {
                id: document.id.as_str().into(),
                title: document.title.as_str().into(),
                title_key: document.title_key.as_str().into(),
                title_beginning: entry::beginning(&document.title_key),
                variants,
                words,
                skus: document.skus.as_slice().into(),
                text_hash: document.text_hash,
            }),
        }
    }

    /// The number of an option value; `mine` are those the product has already, of which it is one user only.
    fn value(&mut self, name: &str, value: &str, mine: &[u32]) -> u32 {
        let key = format!("{name}{SEPARATOR}{value}");
        if let Some(number) = self.values.get(&key).filter(|number| mine.contains(number)) {
            return number;
        }
        let axis = self.axes.acquire(name);
        let number = self.values.acquire(&key);
        if self.axis_of.len() < self.values.len() {
            self.axis_of.resize(self.values.len(), NONE);
        }
        self.axis_of[number as usize] = axis;
        number
    }

    fn release_values(&mut self, entry: &Entry) {
        if entry.category != NONE {
            self.categories.release(entry.category);
        }
        if entry.vendor != NONE {
            self.vendors.release(entry.vendor);
        }
        if entry.product_type != NONE {
            self.types.release(entry.product_type);
        }
        entry.values.tags().iter().for_each(|tag| self.tags.release(*tag));
        for value in entry.values.options() {
            self.axes.release(self.axis_of[*value as usize]);
            self.values.release(*value);
        }
    }

    /// The number of a value of the option `name`, if any product has it.
    pub(super) fn option_value(&self, name: &str, value: &str) -> Option<u32> {
        self.values.get(&format!("{name}{SEPARATOR}{value}"))
    }

    /// An option value without its name.
    pub(super) fn option_label(&self, number: u32) -> &str {
        let key = self.values.value(number);
        key.split_once(SEPARATOR).map_or(key, |(_, value)| value)
    }

    /// What of a product is worth completing to.
    fn phrases(&self, entry: &Entry) -> Vec<String> {
        let mut phrases = vec![entry.detail.title.to_string()];
        if entry.vendor != NONE {
            phrases.push(self.vendors.value(entry.vendor).to_owned());
        }
        if entry.product_type != NONE {
            phrases.push(self.types.value(entry.product_type).to_owned());
        }
        phrases.extend(
            entry
                .values
                .tags()
                .iter()
                .map(|tag| self.tags.value(*tag).to_owned()),
        );
        phrases
    }
}
