//! A product as the index takes it: made ready before any lock is held.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::dictionary::field;
use super::text::{self, Token};
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
    /// How many words the title has.
    pub(crate) title_words: u8,
    /// Equal for equal text: then the words need not be written again when only stock changed.
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
        words.add(&text::strip_html(&content.description), field::DESCRIPTION);
        words.add(content.vendor.as_deref().unwrap_or_default(), field::VENDOR);
        words.add(content.product_type.as_deref().unwrap_or_default(), field::TYPE);
        content.tags.iter().for_each(|tag| words.add(tag, field::TAG));
        let values = variants.iter().flat_map(|variant| &variant.option_values);
        values.for_each(|value| words.add(value, field::OPTION));
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
            match self.words.get_mut(word) {
                Some(fields) => *fields |= field,
                None => {
                    self.words.insert(word.into(), field);
                }
            }
        });
    }
}
