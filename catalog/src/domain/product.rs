//! Products and their variants.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::text;

/// The title of the one variant of a product without options.
const DEFAULT_TITLE: &str = "Default Title";

/// Who sees a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everyone.
    #[default]
    Active,
    /// Staff, while it is being written.
    Draft,
    /// Staff, when it is no longer sold.
    Archived,
}

/// A product of the shop, with one or more variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Begins with `prod_`.
    pub id: String,
    /// Unique in the shop.
    pub slug: String,
    /// The text and pictures that staff wrote.
    pub content: Content,
    /// The ISO 4217 code of all its prices.
    pub currency: String,
    /// Who sees it.
    pub status: Status,
    /// At least one, in the order staff gave them.
    pub variants: Vec<Variant>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its content changed last; not its stock.
    pub updated_at: Timestamp,
    /// Grows with each change of the content from 1.
    pub version: i64,
}

/// The part of a product that is text and pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its name.
    pub title: String,
    /// Sanitised HTML.
    pub description: String,
    /// The vendor.
    pub vendor: Option<String>,
    /// The product type.
    pub product_type: Option<String>,
    /// Tags, distinct, in the order that staff wrote.
    pub tags: Vec<String>,
    /// Its category.
    pub category_id: Option<String>,
    /// The names of the axes; each variant has a value on each.
    pub options: Vec<String>,
    /// Its pictures, the first being the featured one.
    pub images: Vec<Image>,
    /// The title for search engines.
    pub seo_title: Option<String>,
    /// The description for search engines.
    pub seo_description: Option<String>,
    /// What the file that it came from calls it, letter case aside: another file's product of the same slug is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
}

/// An axis with the values its variants have on it, in order of first use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductOption {
    /// Such as Size.
    pub name: String,
    /// Distinct.
    pub values: Vec<String>,
}

/// A variant of a product, which is what customers buy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Begins with `var_`.
    pub id: String,
    /// The SKU.
    pub sku: Option<String>,
    /// In the order of the product's options.
    pub option_values: Vec<String>,
    /// In minor units of the product's currency.
    pub price: i64,
    /// The price before a reduction, in minor units.
    pub compare_at_price: Option<i64>,
    /// The weight of one unit.
    pub weight_grams: Option<i32>,
    /// Its own picture.
    pub image: Option<Image>,
    /// Units on hand, including reserved ones.
    pub on_hand: i32,
    /// Units reserved for orders that are being paid.
    pub reserved: i32,
}

/// A picture by its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// https, or `/media/ID`.
    pub url: String,
    /// What it shows.
    pub alt_text: Option<String>,
    /// In pixels, where known.
    pub width: Option<i32>,
    /// In pixels, where known.
    pub height: Option<i32>,
}

/// A product's content as staff write it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductDraft {
    /// How its slug is chosen.
    pub slug: SlugChoice,
    /// Text and pictures.
    pub content: Content,
    /// The currency of the prices.
    pub currency: String,
    /// None: ACTIVE for a new product, else as it is.
    pub status: Option<Status>,
    /// At least one; a stored variant that is not among them is removed.
    pub variants: Vec<VariantDraft>,
}

/// How a slug was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlugChoice {
    /// By the caller; refused when it is taken.
    Exact(String),
    /// From a title: made unique with a number for a new product; a stored one keeps its slug.
    Derived(String),
}

/// A variant as staff write it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantDraft {
    /// A variant of the product; None makes a new one.
    pub id: Option<String>,
    /// The SKU.
    pub sku: Option<String>,
    /// One for each option of the product.
    pub option_values: Vec<String>,
    /// In minor units.
    pub price: i64,
    /// In minor units.
    pub compare_at_price: Option<i64>,
    /// The first stock of a new variant; of a stored one its present stock, or it is refused.
    pub quantity: Option<i32>,
    /// The weight of one unit.
    pub weight_grams: Option<i32>,
    /// Its own picture.
    pub image: Option<Image>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProductSort {
    /// The last created first.
    #[default]
    Newest,
    /// By the lowest price of a variant.
    PriceAsc,
    /// By the lowest price of a variant, highest first.
    PriceDesc,
    /// By title, case and accents ignored.
    TitleAsc,
}

/// Which products to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProductQuery {
    /// The order.
    pub sort: ProductSort,
    /// The position after which the page starts: the sort value and id of the last product seen.
    pub after: Option<(String, String)>,
    /// The most products on the page.
    pub limit: usize,
    /// Only of these categories; empty is all.
    pub categories: Vec<String>,
    /// Only of this status.
    pub status: Option<Status>,
    /// Part of a title, slug or SKU, folded.
    pub text: Option<String>,
}

impl Product {
    /// The axes with their values.
    pub fn options(&self) -> Vec<ProductOption> {
        let values = |axis: usize| {
            let mut values: Vec<String> = Vec::new();
            for value in self
                .variants
                .iter()
                .filter_map(|variant| variant.option_values.get(axis))
            {
                if !values.contains(value) {
                    values.push(value.clone());
                }
            }
            values
        };
        let named = |(axis, name): (usize, &String)| ProductOption {
            name: name.clone(),
            values: values(axis),
        };
        self.content.options.iter().enumerate().map(named).collect()
    }

    /// The variant with the id.
    pub fn variant(&self, id: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.id == id)
    }

    /// The lowest price of a variant, in minor units.
    pub fn lowest_price(&self) -> i64 {
        self.variants
            .iter()
            .map(|variant| variant.price)
            .min()
            .unwrap_or_default()
    }

    /// The highest price of a variant, in minor units.
    pub fn highest_price(&self) -> i64 {
        self.variants
            .iter()
            .map(|variant| variant.price)
            .max()
            .unwrap_or_default()
    }

    /// Whether a unit of it can be bought.
    pub fn is_available(&self) -> bool {
        self.is_active() && self.variants.iter().any(|variant| variant.available() > 0)
    }

    /// Whether everyone may see it.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }
}

impl Content {
    /// The title as lists are sorted by it.
    pub fn title_key(&self) -> String {
        text::fold(&self.title)
    }
}

impl Variant {
    /// Units that can be bought now.
    pub fn available(&self) -> i32 {
        self.on_hand - self.reserved
    }

    /// The option values joined, or "Default Title".
    pub fn title(&self) -> String {
        if self.option_values.is_empty() {
            DEFAULT_TITLE.to_owned()
        } else {
            self.option_values.join(" / ")
        }
    }
}

impl ProductDraft {
    /// The lowest price of a variant, in minor units.
    pub fn lowest_price(&self) -> i64 {
        self.variants
            .iter()
            .map(|variant| variant.price)
            .min()
            .unwrap_or_default()
    }

    /// Whether writing the draft over the product would leave it as it is.
    pub fn equals(&self, product: &Product) -> bool {
        let same_slug = match &self.slug {
            SlugChoice::Exact(slug) => *slug == product.slug,
            SlugChoice::Derived(_) => true,
        };
        same_slug
            && self.content == product.content
            && self.currency == product.currency
            && self.status.is_none_or(|status| status == product.status)
            && self.variants.len() == product.variants.len()
            && self
                .variants
                .iter()
                .zip(&product.variants)
                .all(|(draft, variant)| draft.equals(variant))
    }
}

impl VariantDraft {
    /// Whether writing the draft over the variant would leave it as it is.
    fn equals(&self, variant: &Variant) -> bool {
        self.id.as_deref() == Some(variant.id.as_str())
            && self.sku == variant.sku
            && self.option_values == variant.option_values
            && self.price == variant.price
            && self.compare_at_price == variant.compare_at_price
            && self.weight_grams == variant.weight_grams
            && self.image == variant.image
    }
}
