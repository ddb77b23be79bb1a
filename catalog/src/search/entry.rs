//! A product in the index: in one small record what every search looks at, the rest behind it.

use super::sku::Sku;

/// A product in numbers. A search goes over thousands of them, so what it filters and counts by is close together.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) created: i64,
    pub(super) lowest_price: i64,
    pub(super) highest_price: i64,
    pub(super) category: u32,
    pub(super) vendor: u32,
    pub(super) product_type: u32,
    pub(super) stock: Stock,
    pub(super) title_words: u8,
    pub(super) variants: u32,
    pub(super) values: Values,
    pub(super) detail: Box<Detail>,
}

/// How many of a product's variants can be bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stock {
    None,
    Some,
    All,
}

/// A product's tags and option values in one piece of memory.
#[derive(Debug)]
pub(super) struct Values {
    all: Box<[u32]>,
    tags_end: u32,
    options_end: u32,
    available_end: u32,
    /// Values of a variant.
    axes: u32,
}

/// What only some searches look at.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) id: Box<str>,
    pub(super) title: Box<str>,
    pub(super) title_key: Box<str>,
    /// The first bytes of the key as a number: most titles differ in them.
    pub(super) title_beginning: i64,
    pub(super) variants: Box<[Row]>,
    pub(super) words: Box<[u32]>,
    pub(super) skus: Box<[Sku]>,
    pub(super) text_hash: u64,
}

/// A variant's price and whether it can be bought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(super) price: i64,
    pub(super) available: bool,
}

impl Stock {
    pub(super) fn of(variants: &[Row]) -> Self {
        match variants.iter().filter(|variant| variant.available).count() {
            0 => Self::None,
            some if some < variants.len() => Self::Some,
            _ => Self::All,
        }
    }
}

impl Values {
    /// Each of `tags`, `options` and `available_options` is there once; `matrix` has `axes` values for each variant.
    pub(super) fn new(
        tags: &[u32],
        options: &[u32],
        available_options: &[u32],
        matrix: &[u32],
        axes: usize,
    ) -> Self {
        let options_end = tags.len() + options.len();
        Self {
            all: [tags, options, available_options, matrix].concat().into(),
            tags_end: tags.len() as u32,
            options_end: options_end as u32,
            available_end: (options_end + available_options.len()) as u32,
            axes: axes as u32,
        }
    }

    pub(super) fn tags(&self) -> &[u32] {
        &self.all[..self.tags_end as usize]
    }

    /// The option values of all variants.
    pub(super) fn options(&self) -> &[u32] {
        &self.all[self.tags_end as usize..self.options_end as usize]
    }

    /// The option values of the variants that can be bought.
    pub(super) fn available_options(&self) -> &[u32] {
        &self.all[self.options_end as usize..self.available_end as usize]
    }

    /// The option values of the variant at that place.
    pub(super) fn of_variant(&self, variant: usize) -> &[u32] {
        let axes = self.axes as usize;
        let begin = self.available_end as usize + variant * axes;
        &self.all[begin..begin + axes]
    }
}

/// The first seven bytes as a number.
pub(super) fn beginning(text: &str) -> i64 {
    let bytes = text.bytes().chain(std::iter::repeat(0));
    bytes
        .take(7)
        .fold(0, |number, byte| number << 8 | i64::from(byte))
}
