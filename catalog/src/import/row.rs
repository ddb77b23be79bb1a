//! A row of the file as values, or why it is refused.

use std::num::IntErrorKind;

use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::{Error, money, text};

use super::columns::{Column, Columns, OPTIONS};
use super::records::Record;
use crate::convert::{DESCRIPTION_LIMIT, LINE_LIMIT, LIST_LIMIT, PRICE_LIMIT, is_picture_url, sanitised};
use crate::domain::Status;
use crate::domain::text::is_option_name;

/// The longest texts other than names, in characters.
const SEO_DESCRIPTION: usize = 1_000;
const ALT_TEXT: usize = 1_000;
const CATEGORY: usize = 1_000;
/// The most units of a variant.
const MOST_UNITS: i64 = 1_000_000_000;

/// Why a row is refused, or taken otherwise than it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) code: ErrorReason,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(code: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorReason::ValidationFailed, message)
    }
}

/// What a row names. None, or empty, is what it does not name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) slug: String,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) vendor: Option<String>,
    pub(super) product_type: Option<String>,
    /// A path such as "Apparel > Shirts".
    pub(super) category: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) status: Option<Status>,
    pub(super) option_names: [Option<String>; OPTIONS],
    pub(super) option_values: [Option<String>; OPTIONS],
    pub(super) sku: Option<String>,
    pub(super) grams: Option<i32>,
    pub(super) quantity: Option<i32>,
    pub(super) price: Option<i64>,
    pub(super) compare_at_price: Option<i64>,
    pub(super) image: Option<Picture>,
    pub(super) variant_image: Option<String>,
    pub(super) seo_title: Option<String>,
    pub(super) seo_description: Option<String>,
    /// Whether it says anything of the product as a whole.
    pub(super) names_text: bool,
    /// Why the row is not taken. Its texts are good all the same where they could be read.
    pub(super) problem: Option<Problem>,
    /// What was taken otherwise than it says.
    pub(super) note: Option<Problem>,
}

/// A picture of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) url: String,
    pub(super) alt_text: Option<String>,
    /// Its place among the product's; those without come last.
    pub(super) position: u32,
}

impl Row {
    /// Whether it is a variant; else it is a picture, or nothing but texts.
    pub(super) fn is_variant(&self) -> bool {
        self.price.is_some() || self.option_values.iter().any(Option::is_some)
    }
}

/// Reads rows of one file.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) columns: Columns,
    /// How many digits the shop's currency has behind the point.
    pub(super) digits: u32,
}

impl Reader {
    /// The row, or why not even its product is known.
    pub(super) fn read(&self, record: &Record) -> Result<Row, Problem> {
        if record.damaged {
            return Err(Problem::invalid(
                "The row's quotes do not close, or it is broken or too long.",
            ));
        }
        if record.len() != self.columns.width() {
            let (found, expected) = (record.len(), self.columns.width());
            return Err(Problem::invalid(format!(
                "The row has {found} fields, the header {expected}."
            )));
        }
        let mut fields = Fields {
            reader: self,
            record,
            problem: None,
        };
        let handle = fields.raw(Column::Handle).unwrap_or_default().to_owned();
        if let Some(problem) = fields.problem {
            return Err(problem);
        }
        let (slug, renamed) = slug(&handle)?;
        let mut row = fields.row();
        row.line = record.line;
        row.note = renamed.or_else(|| self.policy(record));
        row.problem = fields.problem;
        row.slug = slug;
        Ok(row)
    }

    /// Selling what is not there is not possible, which its owner has to be told.
    fn policy(&self, record: &Record) -> Option<Problem> {
        let policy = self.columns.get(record, Column::Policy)?;
        policy.trim_ascii().eq_ignore_ascii_case(b"continue").then(|| {
            Problem::invalid(
                "The inventory policy \"continue\" was taken as \"deny\": only what is in stock is sold.",
            )
        })
    }
}

/// The handle as a slug, and whether that is another.
fn slug(handle: &str) -> Result<(String, Option<Problem>), Problem> {
    if handle.is_empty() {
        return Err(Problem::invalid("The row has no Handle."));
    }
    if crate::domain::text::is_slug(handle) {
        return Ok((handle.to_owned(), None));
    }
    let slug = crate::domain::text::slug_of(handle, "");
    if slug.is_empty() {
        return Err(Problem::invalid("The Handle needs a Latin letter or a digit."));
    }
    let note =
        format!("The Handle was taken as \"{slug}\": it has lower case letters, digits and hyphens only.");
    let note = (slug != handle.to_lowercase()).then(|| Problem::invalid(note));
    Ok((slug, note))
}

/// The fields of one row; keeps the first problem met.
struct Fields<'a> {
    reader: &'a Reader,
    record: &'a Record,
    problem: Option<Problem>,
}

impl<'a> Fields<'a> {
    fn row(&mut self) -> Row {
        let alt_text = self.line(Column::ImageAlt, ALT_TEXT);
        let position = self.position();
        Row {
            title: self.line(Column::Title, LINE_LIMIT),
            description: self.description(),
            vendor: self.line(Column::Vendor, LINE_LIMIT),
            product_type: self.line(Column::Type, LINE_LIMIT),
            category: self.line(Column::Category, CATEGORY),
            tags: self.tags(),
            status: self.status(),
            option_names: [0, 1, 2].map(|axis| self.option_name(axis)),
            option_values: [0, 1, 2].map(|axis| self.line(Column::OptionValue(axis), LINE_LIMIT)),
            sku: self.line(Column::Sku, LINE_LIMIT),
            grams: self.grams(),
            quantity: self.quantity(),
            price: self.price(Column::Price, "Variant Price"),
            // Shops write 0 where there was no other price.
            compare_at_price: self
                .price(Column::CompareAtPrice, "Variant Compare At Price")
                .filter(|price| *price > 0),
            image: self.url(Column::ImageSrc).map(|url| Picture {
                url,
                alt_text,
                position,
            }),
            variant_image: self.url(Column::VariantImage),
            seo_title: self.line(Column::SeoTitle, LINE_LIMIT),
            seo_description: self.text(Column::SeoDescription, SEO_DESCRIPTION),
            ..Row::default()
        }
    }

    fn refuse(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
    }

    /// The field as it stands, trimmed; None when empty or not there.
    fn raw(&mut self, column: Column) -> Option<&'a str> {
        let bytes = self.reader.columns.get(self.record, column)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Err(_) => {
                self.refuse(Problem::new(
                    ErrorReason::InvalidEncoding,
                    "The row holds bytes that are not UTF-8.",
                ));
                None
            }
        }
    }

    fn checked(&mut self, checked: Result<String, Error>) -> Option<String> {
        match checked {
            Ok(text) => Some(text).filter(|text| !text.is_empty()),
            Err(error) => {
                self.refuse(Problem::new(error.reason(), error.message()));
                None
            }
        }
    }

    fn line(&mut self, column: Column, longest: usize) -> Option<String> {
        let raw = self.raw(column)?;
        self.checked(text::line("", raw, longest))
    }

    fn text(&mut self, column: Column, longest: usize) -> Option<String> {
        let raw = self.raw(column)?;
        self.checked(text::lines("", raw, longest))
    }

    fn option_name(&mut self, axis: usize) -> Option<String> {
        let name = self.line(Column::OptionName(axis), LINE_LIMIT)?;
        if is_option_name(&name) {
            return Some(name);
        }
        self.refuse(Problem::new(
            ErrorReason::InvalidKey,
            "An option's name has no dot and does not begin with $.",
        ));
        None
    }

    fn description(&mut self) -> Option<String> {
        // Text pasted from elsewhere is full of invisible characters, which in HTML do no harm but would have it refused.
        let raw: String = self
            .raw(Column::Body)?
            .chars()
            .filter(|c| *c == '\0' || !is_invisible(*c))
            .collect();
        self.checked(text::lines("", &raw, DESCRIPTION_LIMIT).map(|html| sanitised(&html)))
    }

    fn tags(&mut self) -> Option<Vec<String>> {
        let mut tags: Vec<String> = Vec::new();
        for tag in self.raw(Column::Tags)?.split(',') {
            let tag = self.checked(text::line("", tag, LINE_LIMIT));
            tags.extend(tag.filter(|tag| !tags.contains(tag)));
        }
        if tags.len() > LIST_LIMIT {
            self.refuse(Problem::invalid(format!(
                "A product has at most {LIST_LIMIT} tags."
            )));
        }
        Some(tags).filter(|tags| !tags.is_empty())
    }

    fn status(&mut self) -> Option<Status> {
        let published = match self
            .raw(Column::Published)
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            None => None,
            Some("true" | "yes" | "1") => Some(true),
            Some("false" | "no" | "0") => Some(false),
            Some(_) => {
                self.refuse(Problem::invalid("Published is true or false."));
                None
            }
        };
        match self.raw(Column::Status).map(str::to_ascii_lowercase).as_deref() {
            Some("archived") => Some(Status::Archived),
            Some("draft" | "unlisted") => Some(Status::Draft),
            None | Some("active") if published == Some(false) => Some(Status::Draft),
            Some("active") => Some(Status::Active),
            None => published.map(|_| Status::Active),
            Some(_) => {
                self.refuse(Problem::invalid("Status is active, draft or archived."));
                None
            }
        }
    }

    fn price(&mut self, column: Column, name: &str) -> Option<i64> {
        let raw = self.raw(column)?;
        match money::parse_decimal(raw, self.reader.digits) {
            Ok(price @ 0..=PRICE_LIMIT) => Some(price),
            Ok(price) => {
                let what = if price < 0 { "below zero" } else { "too high" };
                self.refuse(Problem::invalid(format!("{name} is {what}.")));
                None
            }
            Err(error) => {
                self.refuse(Problem::invalid(format!("{name}: {error}")));
                None
            }
        }
    }

    fn quantity(&mut self) -> Option<i32> {
        let raw = self.raw(Column::Quantity)?;
        match raw.parse::<i64>() {
            Ok(units @ 0..=MOST_UNITS) => i32::try_from(units).ok(),
            units
                if units.as_ref().map_or_else(
                    |error| *error.kind() == IntErrorKind::PosOverflow,
                    |units| *units > 0,
                ) =>
            {
                let message = format!("Variant Inventory Qty is over {MOST_UNITS}.");
                self.refuse(Problem::new(ErrorReason::QuantityOutOfRange, message));
                None
            }
            _ => {
                let message = "Variant Inventory Qty is a whole number of 0 or more.";
                self.refuse(Problem::new(ErrorReason::InvalidQuantity, message));
                None
            }
        }
    }

    /// Whole grams; a fraction, as of pounds converted, is rounded.
    fn grams(&mut self) -> Option<i32> {
        let raw = self.raw(Column::Grams)?;
        let thousandths = money::parse_decimal(raw, 12)
            .ok()
            .map(|value| (value + 500_000_000_000) / 1_000_000_000_000);
        let grams = thousandths
            .and_then(|grams| i32::try_from(grams).ok())
            .filter(|grams| *grams >= 0);
        if grams.is_none() {
            self.refuse(Problem::invalid("Variant Grams is a number of 0 or more."));
        }
        grams
    }

    fn position(&mut self) -> u32 {
        let Some(raw) = self.raw(Column::ImagePosition) else {
            return u32::MAX;
        };
        raw.parse().unwrap_or_else(|_| {
            self.refuse(Problem::invalid("Image Position is a whole number."));
            u32::MAX
        })
    }

    fn url(&mut self, column: Column) -> Option<String> {
        let raw = self.raw(column)?;
        if !is_picture_url(raw) {
            let message = "A picture's address is https://…, or /media/… as an upload gave it.";
            self.refuse(Problem::new(ErrorReason::UrlNotAllowed, message));
            return None;
        }
        Some(raw.to_owned())
    }
}

/// Control characters other than line breaks, and those that take no place or turn the direction.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
