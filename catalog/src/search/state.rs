//! What the index holds: words to products, and beside them columns of numbers to filter, count and sort by.

use std::collections::HashMap;

use super::categories::{Categories, NONE};
use super::dictionary::Dictionary;
use super::document::Document;
use super::interner::Interner;
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
    numbers: HashMap<Box<str>, u32>,
    free: Vec<u32>,
}

/// A product in numbers.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) id: Box<str>,
    pub(super) title: Box<str>,
    pub(super) title_key: Box<str>,
    pub(super) title_words: u8,
    pub(super) created: i64,
    pub(super) lowest_price: i64,
    pub(super) category: u32,
    pub(super) vendor: u32,
    pub(super) product_type: u32,
    pub(super) tags: Box<[u32]>,
    /// The distinct option values of all variants.
    pub(super) options: Box<[u32]>,
    pub(super) variants: Box<[Row]>,
    /// `axes` values for each variant, one row behind the other.
    pub(super) matrix: Box<[u32]>,
    pub(super) axes: usize,
    words: Box<[u32]>,
    text_hash: u64,
}

/// A variant's price and whether it can be bought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(super) price: i64,
    pub(super) available: bool,
}

impl Entry {
    /// The option values of the variant at that place.
    pub(super) fn row(&self, variant: usize) -> &[u32] {
        &self.matrix[variant * self.axes..(variant + 1) * self.axes]
    }
}

impl State {
    /// Adds the product or takes it in anew.
    pub(crate) fn put(&mut self, document: &Document) {
        let known = self.numbers.get(document.id.as_str()).copied();
        if let Some(number) = known
            && let Some(old) =
                self.entries[number as usize].take_if(|entry| entry.text_hash == document.text_hash)
        {
            // Most changes are of stock: the words stay.
            let entry = Entry {
                words: old.words.clone(),
                ..self.columns(document)
            };
            self.release_columns(&old);
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
        let entry = Entry {
            words,
            ..self.columns(document)
        };
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
        self.release_columns(&entry);
        entry
            .words
            .iter()
            .for_each(|word| self.dictionary.remove(*word, number));
        self.free.push(number);
    }

    /// Takes the category tree in.
    pub(crate) fn set_categories(&mut self, categories: &[Category]) {
        self.categories.replace(categories);
    }

    /// Makes ready for searching after a batch of changes.
    pub(crate) fn finish(&mut self) {
        for interner in [
            &mut self.vendors,
            &mut self.types,
            &mut self.tags,
            &mut self.axes,
            &mut self.values,
        ] {
            interner.sort();
        }
    }

    /// The title of the product, if it is there.
    pub(crate) fn title(&self, id: &str) -> Option<&str> {
        let entry = self.entries[*self.numbers.get(id)? as usize].as_ref()?;
        Some(&entry.title)
    }

    /// How many products there are.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Everything of an entry but its words.
    fn columns(&mut self, document: &Document) -> Entry {
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
        let tags = document.tags.iter().map(|tag| self.tags.acquire(tag)).collect();
        let axes = document.options.len();
        let mut options: Vec<u32> = Vec::new();
        let mut matrix = Vec::with_capacity(axes * document.variants.len());
        for variant in &document.variants {
            for (at, name) in document.options.iter().enumerate() {
                let value = variant.option_values.get(at).map_or("", String::as_str);
                let number = self.value(name, value, &options);
                if !options.contains(&number) {
                    options.push(number);
                }
                matrix.push(number);
            }
        }
        Entry {
            id: document.id.as_str().into(),
            title: document.title.as_str().into(),
            title_key: document.title_key.as_str().into(),
            title_words: document.title_words,
            created: document.created,
            lowest_price: document
                .variants
                .iter()
                .map(|variant| variant.price)
                .min()
                .unwrap_or_default(),
            category,
            vendor,
            product_type,
            tags,
            options: options.into(),
            variants: document
                .variants
                .iter()
                .map(|variant| Row {
                    price: variant.price,
                    available: variant.available,
                })
                .collect(),
            matrix: matrix.into(),
            axes,
            words: Box::default(),
            text_hash: document.text_hash,
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

    fn release_columns(&mut self, entry: &Entry) {
        if entry.category != NONE {
            self.categories.release(entry.category);
        }
        if entry.vendor != NONE {
            self.vendors.release(entry.vendor);
        }
        if entry.product_type != NONE {
            self.types.release(entry.product_type);
        }
        entry.tags.iter().for_each(|tag| self.tags.release(*tag));
        for value in &entry.options {
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
        let mut phrases = vec![entry.title.to_string()];
        if entry.vendor != NONE {
            phrases.push(self.vendors.value(entry.vendor).to_owned());
        }
        if entry.product_type != NONE {
            phrases.push(self.types.value(entry.product_type).to_owned());
        }
        phrases.extend(entry.tags.iter().map(|tag| self.tags.value(*tag).to_owned()));
        phrases
    }
}
