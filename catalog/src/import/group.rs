//! The rows of one product, which stand one behind the other in the file.

use std::collections::HashSet;

use comptoir_mesh::error::ErrorReason;

use super::columns::OPTIONS;
use super::row::{Handle, Picture, Problem, Row};
use crate::convert::{LIST_LIMIT, VARIANT_LIMIT};
use crate::domain::{Image, ImportedProduct, ImportedVariant, Tree};

/// The one option of a product that has none, and its value.
const NO_OPTION: (&str, &str) = ("title", "default title");

/// A problem and the line it is about.
pub(super) type Finding = (u64, Problem);

/// A product to be written, and what became of its rows so far.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Group {
    /// None when no row of it is taken.
    pub(super) product: Option<ImportedProduct>,
    /// The lines of the rows that are taken with it.
    pub(super) lines: Vec<u64>,
    /// For each of its variants the line, and whether it names a price.
    pub(super) variant_lines: Vec<(u64, bool)>,
    pub(super) images: usize,
    /// What is wrong with rows that are not taken.
    pub(super) errors: Vec<Finding>,
    /// What of the lines that are taken is taken otherwise than they say; without a product, what is to be said of the file.
    pub(super) remarks: Vec<Finding>,
}

/// Gathers rows of one handle.
#[derive(Debug)]
pub(super) struct Gathering {
    handle: Handle,
    /// From the first row that names each; of a row that is not taken too, so that one bad price does not cost the others
    /// their product's title.
    texts: Row,
    rows: Vec<Row>,
    variants: usize,
    pictures: usize,
    /// Whether the names of its options could not be read: its rows mean nothing without.
    is_nameless: bool,
    errors: Vec<Finding>,
}

impl Gathering {
    pub(super) fn new(handle: Handle) -> Self {
        Self {
            handle,
            texts: Row::default(),
            rows: Vec::new(),
            variants: 0,
            pictures: 0,
            is_nameless: false,
            errors: Vec::new(),
        }
    }

    pub(super) fn slug(&self) -> &str {
        &self.handle.slug
    }

    /// Takes a row of the handle in.
    pub(super) fn push(&mut self, mut row: Row) {
        row.names_text = row.has_text();
        self.keep_texts(&mut row);
        self.is_nameless |= row.is_nameless;
        if let Some(problem) = row.problem.take() {
            self.errors.push((row.line, problem));
            return;
        }
        let (variants, pictures) = (usize::from(row.is_variant()), usize::from(row.image.is_some()));
        if self.variants + variants > VARIANT_LIMIT || self.pictures + pictures > LIST_LIMIT {
            let message =
                format!("A product has at most {VARIANT_LIMIT} variants and {LIST_LIMIT} pictures.");
            self.errors
                .push((row.line, Problem::new(ErrorReason::ValidationFailed, message)));
            return;
        }
        self.variants += variants;
        self.pictures += pictures;
        self.rows.push(row);
    }

    fn keep_texts(&mut self, row: &mut Row) {
        fn keep<T: Default + PartialEq>(kept: &mut Option<T>, named: &mut Option<T>) {
            // What is empty clears, unless a later row says more.
            if kept.as_ref().is_none_or(|kept| *kept == T::default()) && named.is_some() {
                *kept = named.take();
            }
        }
        let kept = &mut self.texts;
        keep(&mut kept.title, &mut row.title);
        keep(&mut kept.description, &mut row.description);
        keep(&mut kept.vendor, &mut row.vendor);
        keep(&mut kept.product_type, &mut row.product_type);
        keep(&mut kept.category, &mut row.category);
        keep(&mut kept.tags, &mut row.tags);
        kept.status = kept.status.or(row.status);
        keep(&mut kept.seo_title, &mut row.seo_title);
        keep(&mut kept.seo_description, &mut row.seo_description);
        for (kept, named) in kept.option_names.iter_mut().zip(&mut row.option_names) {
            keep(kept, named);
        }
    }

    /// The product of the rows.
    pub(super) fn finish(mut self, currency: &str, tree: &Tree) -> Group {
        let mut group = Group {
            errors: std::mem::take(&mut self.errors),
            ..Group::default()
        };
        if self.is_nameless {
            // One error says it; each row would repeat it.
            return group;
        }
        let names = self.texts.option_names.clone();
        let without_options = self.is_without_options();
        let axes = names.iter().take_while(|name| name.is_some()).count();
        let mut refuse = |line: u64, message: &str| {
            group
                .errors
                .push((line, Problem::new(ErrorReason::ValidationFailed, message)));
        };
        if let Some(line) = self.rows.first().map(|row| row.line)
            && names[..axes].iter().collect::<HashSet<_>>().len() < axes
        {
            refuse(line, "Two options of the product have the same name.");
            return group;
        }
        let mut seen = HashSet::new();
        let (mut variants, mut pictures): (Vec<ImportedVariant>, Vec<Picture>) = (Vec::new(), Vec::new());
        for mut row in std::mem::take(&mut self.rows) {
            if row.is_variant() {
                let named = (axes > 0).then_some(axes);
                match option_values(&row, named, without_options).and_then(|values| {
                    if seen.insert(values.clone()) {
                        Ok(values)
                    } else {
                        Err("Another row has the same option values.")
                    }
                }) {
                    Ok(values) => {
                        group.variant_lines.push((row.line, row.price.is_some()));
                        variants.push(variant(&mut row, values));
                    }
                    Err(message) => {
                        refuse(row.line, message);
                        continue;
                    }
                }
            } else if !row.names_picture && !row.names_text {
                refuse(row.line, "The row names neither a variant nor a picture.");
                continue;
            }
            let line = row.line;
            group
                .remarks
                .extend(row.remarks.drain(..).map(|remark| (line, remark)));
            group.lines.push(line);
            pictures.extend(row.image.take());
        }
        if group.lines.is_empty() {
            return group;
        }
        if let (Some(line), Some(renamed)) = (group.lines.first(), self.handle.renamed()) {
            group.remarks.push((*line, renamed));
        }
        pictures.sort_by_key(|picture| picture.position);
        group.images = pictures.len();
        let options = (axes > 0).then(|| {
            let names = names.into_iter().flatten().take(axes);
            names.filter(|_| !without_options).collect()
        });
        group.product = Some(self.product(currency, tree, options, variants, pictures));
        group
    }

    /// A product without options is written as one with the option Title and the value Default Title, or with no columns for
    /// them at all.
    fn is_without_options(&self) -> bool {
        let default = |text: &Option<String>, expected: &str| {
            text.as_deref()
                .is_some_and(|text| text.eq_ignore_ascii_case(expected))
        };
        let [first, second, third] = &self.texts.option_names;
        let mut variants = self.rows.iter().filter(|row| row.is_variant()).peekable();
        let all_default = |row: &Row| {
            let [first, second, third] = &row.option_values;
            (default(first, NO_OPTION.1) || first.is_none()) && second.is_none() && third.is_none()
        };
        let named = (default(first, NO_OPTION.0) || first.is_none()) && second.is_none() && third.is_none();
        named && variants.peek().is_some() && variants.all(all_default)
    }

    fn product(
        self,
        currency: &str,
        tree: &Tree,
        options: Option<Vec<String>>,
        variants: Vec<ImportedVariant>,
        pictures: Vec<Picture>,
    ) -> ImportedProduct {
        let texts = self.texts;
        let mut images: Vec<Image> = Vec::with_capacity(pictures.len());
        for picture in pictures {
            if images.iter().all(|known| known.url != picture.url) {
                images.push(Image {
                    url: picture.url,
                    alt_text: picture.alt_text,
                    ..Image::default()
                });
            }
        }
        ImportedProduct {
            handle: self.handle.text,
            slug: self.handle.slug,
            title: texts.title,
            description: texts.description,
            vendor: texts.vendor,
            product_type: texts.product_type,
            tags: texts.tags,
            category_id: texts.category.and_then(|path| category(&path, tree)),
            status: texts.status,
            options,
            variants,
            images,
            seo_title: texts.seo_title,
            seo_description: texts.seo_description,
            currency: currency.to_owned(),
        }
    }
}

impl Row {
    fn has_text(&self) -> bool {
        let texts = [
            &self.title,
            &self.description,
            &self.vendor,
            &self.product_type,
            &self.category,
        ];
        let others = [&self.seo_title, &self.seo_description];
        texts.into_iter().chain(others).any(Option::is_some) || self.tags.is_some() || self.status.is_some()
    }
}

impl Handle {
    fn renamed(&self) -> Option<Problem> {
        let message = format!(
            "The Handle was taken as \"{}\": it has lower case letters without accents, digits and hyphens only.",
            self.slug
        );
        (self.slug != self.text).then(|| Problem::new(ErrorReason::ValidationFailed, message))
    }
}

/// The row's values on the options; `named` is how many the file names, if it does.
fn option_values(
    row: &Row,
    named: Option<usize>,
    without_options: bool,
) -> Result<Vec<String>, &'static str> {
    if without_options {
        return Ok(Vec::new());
    }
    let given = row
        .option_values
        .iter()
        .take_while(|value| value.is_some())
        .count();
    if row.option_values[given..].iter().any(Option::is_some) || named.is_some_and(|named| named != given) {
        return Err("The row needs a value for each option of its product, and no more.");
    }
    Ok(row
        .option_values
        .iter()
        .take(OPTIONS)
        .flatten()
        .cloned()
        .collect())
}

fn variant(row: &mut Row, option_values: Vec<String>) -> ImportedVariant {
    let image = row.variant_image.take().map(|url| {
        url.map(|url| Image {
            url,
            ..Image::default()
        })
    });
    ImportedVariant {
        option_values,
        sku: row.sku.take(),
        price: row.price,
        compare_at_price: row.compare_at_price,
        quantity: row.quantity,
        weight_grams: row.grams,
        image,
    }
}

/// The category a path such as "Apparel > Shirts" names: the deepest part of it that the shop has.
fn category(path: &str, tree: &Tree) -> Option<String> {
    let parts = path
        .rsplit('>')
        .map(|part| crate::domain::text::slug_of(part, ""));
    parts
        .filter_map(|slug| tree.by_slug(&slug))
        .map(|category| category.id.clone())
        .next()
}
