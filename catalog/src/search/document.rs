//! A product as the index takes it: made ready before any lock is held.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::dictionary::field;
use super::sku::Sku;
use super::text::{self, Piece, Token};
use crate::domain::Product;

/// A description is indexed up to this many bytes of text, which bounds what one product can take.
const LONGEST_DESCRIPTION: usize = 64 * 1024;

/// What is searched, filtered, counted and sorted by.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) title_key: String,
    pub(crate) created: i64,
    pub(crate) category_id: Option<String>,
    pub(crate) vendor: Option<String>,
    pub(crate) product_type: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) options: Vec<String>,
    pub(crate) variants: Vec<DocumentVariant>,
    /// Each word with the fields it stands in.
    pub(crate) words: BTreeMap<Box<str>, u8>,
    /// Each once.
    pub(crate) skus: Vec<Sku>,
    /// How many words the title has.
    pub(crate) title_words: u8,
    /// Equal for equal text: then words and SKUs need not be written again when only stock changed.
    pub(crate) text_hash: u64,
}

/// What is bought.
#[derive(Debug, Clone)]
pub(crate) struct DocumentVariant {
    pub(crate) price: i64,
    pub(crate) available: bool,
    /// In the order of the product's options.
    pub(crate) option_values: Vec<String>,
}

impl From<&Product> for Document {
    fn from(product: &Product) -> Self {
        let content = &product.content;
        let variants: Vec<DocumentVariant> = product
            .variants
            .iter()
            .map(|variant| DocumentVariant {
                price: variant.price,
                available: variant.available() > 0,
                option_values: variant.option_values.clone(),
            })
            .collect();
        let mut words = Words::default();
        words.add(&content.title, field::TITLE);
        let title_words = words.words.len().min(31) as u8;
        words.add_wholes(&content.title, field::TITLE);
        words.add(&text::strip_html(&content.description), field::DESCRIPTION);
        let short = [
            (&content.vendor, field::VENDOR),
            (&content.product_type, field::TYPE),
        ];
        let short = short
            .into_iter()
            .filter_map(|(text, field)| text.as_ref().map(|text| (text, field)));
        let tags = content.tags.iter().map(|tag| (tag, field::TAG));
        let values = variants.iter().flat_map(|variant| &variant.option_values);
        let values = values.map(|value| (value, field::OPTION));
        for (text, field) in short.chain(tags).chain(values) {
            words.add(text, field);
            words.add_wholes(text, field);
        }
        let skus = product
            .variants
            .iter()
            .filter_map(|variant| variant.sku.as_deref());
        let skus: BTreeSet<Sku> = skus.inspect(|sku| words.note(sku)).filter_map(Sku::of).collect();
        Self {
            id: product.id.clone(),
            title: content.title.clone(),
            title_key: content.title_key(),
            created: product.created_at.as_microsecond(),
            category_id: content.category_id.clone(),
            vendor: content.vendor.clone(),
            product_type: content.product_type.clone(),
            tags: content.tags.clone(),
            options: content.options.clone(),
            variants,
            words: words.words,
            skus: skus.into_iter().collect(),
            title_words,
            text_hash: words.hasher.finish(),
        }
    }
}

#[derive(Default)]
struct Words {
    words: BTreeMap<Box<str>, u8>,
    hasher: DefaultHasher,
}

impl Words {
    fn add(&mut self, text: &str, field: u8) {
        (field, text).hash(&mut self.hasher);
        let end = text.floor_char_boundary(LONGEST_DESCRIPTION);
        text::tokens(&text::fold(&text[..end]), |token| {
            let (Token::Word(word) | Token::Symbol(word)) = token;
            self.insert(word, field);
        });
    }

    /// Adds what is written in parts as one word too: "T-shirt" is also looked for as "tshirt". Not for descriptions: it would
    /// be all of what they have between letters.
    fn add_wholes(&mut self, text: &str, field: u8) {
        for piece in text::fold(text).split_whitespace() {
            if let Some(whole) = Piece::of(piece).whole {
                self.insert(&whole, field);
            }
        }
    }

    fn insert(&mut self, word: &str, field: u8) {
        match self.words.get_mut(word) {
            Some(fields) => *fields |= field,
            None => {
                self.words.insert(word.into(), field);
            }
        }
    }

    /// Makes the hash another, as for a text.
    fn note(&mut self, text: &str) {
        text.hash(&mut self.hasher);
    }
}
