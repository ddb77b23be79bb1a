//! A row of the file as values, or why it is refused.

use std::borrow::Cow;

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::text as mesh_text;
use comptoir_shop::money;
use comptoir_shop::money::DecimalError;
use encoding_rs::WINDOWS_1252;
use unicode_normalization::UnicodeNormalization as _;

use super::columns::{Column, Columns, OPTIONS};
use super::records::Record;
use super::text;
use crate::convert::{DESCRIPTION_LIMIT, LINE_LIMIT, LIST_LIMIT, PRICE_LIMIT, picture_url, sanitised};
use crate::domain::Status;
use crate::domain::text::{is_option_name, slug_of};

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

/// What a row says. None is what it does not say, so that it stays as it is; an empty text clears it, and so does a None
/// inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) handle: Handle,
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
    pub(super) grams: Option<Option<i32>>,
    pub(super) quantity: Option<i32>,
    pub(super) price: Option<i64>,
    pub(super) compare_at_price: Option<Option<i64>>,
    pub(super) image: Option<Picture>,
    pub(super) variant_image: Option<Option<String>>,
    pub(super) seo_title: Option<String>,
    pub(super) seo_description: Option<String>,
    /// Whether it says anything of the product as a whole.
    pub(super) names_text: bool,
    /// Whether it names a picture, also one that is not taken.
    pub(super) names_picture: bool,
    /// Why the row is not taken. Its texts are good all the same where they could be read.
    pub(super) problem: Option<Problem>,
    /// Whether the names of its options could not be read: then no row of its product can be.
    pub(super) is_nameless: bool,
    /// What was taken otherwise than it says.
    pub(super) remarks: Vec<Problem>,
}

/// How the file calls a product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Handle {
    /// As the file has it, letter case aside.
    pub(super) text: String,
    /// As it stands in URLs.
    pub(super) slug: String,
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
    digits: u32,
    /// Whether a desktop program wrote the file in the manner of its country: its numbers may have a comma, and its letters
    /// the encoding of that desktop.
    is_desktop: bool,
    letters: Letters,
}

/// The encoding of the letters beyond ASCII that were read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letters {
    NoneYet,
    Utf8,
    Windows1252,
}

impl Reader {
    pub(super) fn new(columns: Columns, digits: u32, delimiter: u8) -> Self {
        Self {
            columns,
            digits,
            is_desktop: matches!(delimiter, b';' | b'\t'),
            letters: Letters::NoneYet,
        }
    }

    /// The row; None when it is empty; or why not even its product is known.
    pub(super) fn read(&mut self, record: &Record) -> Result<Option<Row>, Problem> {
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
        if (0..record.len()).all(|at| record.get(at).unwrap_or_default().trim_ascii().is_empty()) {
            return Ok(None);
        }
        let before = self.letters;
        let mut fields = Fields {
            reader: self,
            record,
            problem: None,
            is_nameless: false,
            remarks: Vec::new(),
        };
        let text = fields.raw(Column::Handle).unwrap_or_default().into_owned();
        if let Some(problem) = fields.problem {
            return Err(problem);
        }
        let handle = handle(&text)?;
        let mut row = fields.row();
        row.line = record.line;
        row.problem = fields.problem;
        row.is_nameless = fields.is_nameless;
        row.remarks = fields.remarks;
        if self.letters == Letters::Windows1252 && before == Letters::NoneYet {
            let note = "The file is not UTF-8: its letters are read as Windows-1252 from here.";
            row.remarks.push(Problem::new(ErrorReason::InvalidEncoding, note));
        }
        row.handle = handle;
        Ok(Some(row))
    }
}

/// The handle with its slug.
fn handle(text: &str) -> Result<Handle, Problem> {
    if text.is_empty() {
        return Err(Problem::invalid("The row has no Handle."));
    }
    let slug = slug_of(text, "");
    if slug.is_empty() {
        return Err(Problem::invalid("The Handle needs a letter or a digit."));
    }
    Ok(Handle {
        text: text.nfc().flat_map(char::to_lowercase).collect(),
        slug,
    })
}

/// The fields of one row; keeps the first problem.
struct Fields<'a> {
    reader: &'a mut Reader,
    record: &'a Record,
    problem: Option<Problem>,
    is_nameless: bool,
    remarks: Vec<Problem>,
}

impl<'a> Fields<'a> {
    fn row(&mut self) -> Row {
        self.policy();
        let title = self.line(Column::Title, LINE_LIMIT);
        let mut row = Row {
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
            price: self.price(Column::Price),
            // Shops write 0 where there was no other price.
            compare_at_price: self
                .has(Column::CompareAtPrice)
                .then(|| self.price(Column::CompareAtPrice).filter(|price| *price > 0)),
            names_picture: self.raw(Column::ImageSrc).is_some(),
            image: self.picture(),
            variant_image: self.variant_image(),
            seo_title: self.line(Column::SeoTitle, LINE_LIMIT),
            seo_description: self.text(Column::SeoDescription, SEO_DESCRIPTION),
            title,
            ..Row::default()
        };
        self.clear(&mut row);
        row
    }

    /// What is empty in a column that is there is cleared: of the variant in each row of one, of the product in the row with
    /// its title, the others of a product being empty by the format.
    fn clear(&self, row: &mut Row) {
        let clear = |field: &mut Option<String>, column| {
            if field.is_none() && self.has(column) {
                *field = Some(String::new());
            }
        };
        clear(&mut row.sku, Column::Sku);
        if row.title.is_none() {
            return;
        }
        clear(&mut row.description, Column::Body);
        clear(&mut row.vendor, Column::Vendor);
        clear(&mut row.product_type, Column::Type);
        clear(&mut row.seo_title, Column::SeoTitle);
        clear(&mut row.seo_description, Column::SeoDescription);
        if row.tags.is_none() && self.has(Column::Tags) {
            row.tags = Some(Vec::new());
        }
    }

    fn has(&self, column: Column) -> bool {
        self.reader.columns.get(self.record, column).is_some()
    }

    fn refuse(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
    }

    fn remark(&mut self, code: ErrorReason, message: impl Into<String>) {
        self.remarks.push(Problem::new(code, message));
    }

    /// The field without what cannot be seen, trimmed; None when empty or not there.
    fn raw(&mut self, column: Column) -> Option<Cow<'a, str>> {
        let bytes = self.reader.columns.get(self.record, column)?;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => {
                if self.reader.letters == Letters::NoneYet && !bytes.is_ascii() {
                    self.reader.letters = Letters::Utf8;
                }
                Cow::Borrowed(text)
            }
            Err(_) if self.reader.is_desktop && self.reader.letters != Letters::Utf8 => {
                self.reader.letters = Letters::Windows1252;
                WINDOWS_1252.decode_without_bom_handling(bytes).0
            }
            Err(_) => {
                self.refuse(Problem::new(
                    ErrorReason::InvalidEncoding,
                    "The row holds bytes that are not UTF-8: save the file as CSV UTF-8.",
                ));
                return None;
            }
        };
        let clean = match text {
            Cow::Borrowed(text) => text::clean(text),
            Cow::Owned(text) => Cow::Owned(text::clean(&text).into_owned()),
        };
        let trimmed = match clean {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        };
        Some(trimmed).filter(|text| !text.is_empty())
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
        self.checked(mesh_text::line("", &text::line(&raw), longest))
    }

    fn text(&mut self, column: Column, longest: usize) -> Option<String> {
        let raw = self.raw(column)?;
        self.checked(mesh_text::lines("", &text::lines(&raw), longest))
    }

    fn option_name(&mut self, axis: usize) -> Option<String> {
        self.raw(Column::OptionName(axis))?;
        let Some(name) = self.line(Column::OptionName(axis), LINE_LIMIT) else {
            self.is_nameless = true;
            return None;
        };
        if is_option_name(&name) {
            return Some(name);
        }
        let plain = plain_name(&name);
        if plain.is_empty() {
            self.is_nameless = true;
            let message = format!("\"{name}\" is no name of an option.");
            self.refuse(Problem::new(ErrorReason::InvalidKey, message));
            return None;
        }
        let message = format!(
            "The option \"{name}\" was taken as \"{plain}\": its name has no dot and does not begin with $."
        );
        self.remark(ErrorReason::InvalidKey, message);
        Some(plain)
    }

    fn description(&mut self) -> Option<String> {
        let raw = self.raw(Column::Body)?;
        let html = text::unturned(&text::lines(&raw));
        self.checked(mesh_text::lines("", &html, DESCRIPTION_LIMIT).map(|html| sanitised(&html)))
    }

    fn tags(&mut self) -> Option<Vec<String>> {
        let mut tags: Vec<String> = Vec::new();
        for tag in self.raw(Column::Tags)?.split(',') {
            let tag = self.checked(mesh_text::line("", &text::line(tag), LINE_LIMIT));
            tags.extend(tag.filter(|tag| !tags.contains(tag)));
        }
        if tags.len() > LIST_LIMIT {
            self.refuse(Problem::invalid(format!(
                "A product has at most {LIST_LIMIT} tags."
            )));
        }
        Some(tags).filter(|tags| !tags.is_empty())
    }

    fn word(&mut self, column: Column) -> Option<String> {
        self.raw(column).map(|word| word.to_ascii_lowercase())
    }

    fn status(&mut self) -> Option<Status> {
        let published = match self.word(Column::Published).as_deref() {
            None => None,
            Some("true" | "yes" | "1") => Some(true),
            Some("false" | "no" | "0") => Some(false),
            Some(_) => {
                self.refuse(Problem::invalid("Published is true or false."));
                None
            }
        };
        match self.word(Column::Status).as_deref() {
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

    /// Selling what is not there is not possible, which its owner has to hear.
    fn policy(&mut self) {
        let word = self.word(Column::Policy);
        if matches!(word.as_deref(), Some("continue" | "true" | "yes" | "1")) {
            let message =
                "The inventory policy \"continue\" was taken as \"deny\": only what is in stock is sold.";
            self.remark(ErrorReason::ValidationFailed, message);
        }
    }

    /// The number as programs write it; a comma of a desktop's is its point.
    fn number(&mut self, column: Column) -> Option<Cow<'a, str>> {
        let raw = self.raw(column)?;
        if !self.reader.is_desktop {
            return Some(raw);
        }
        let digits: String = raw
            .chars()
            .filter(|letter| !letter.is_whitespace() && !matches!(letter, '\'' | '\u{2019}'))
            .collect();
        Some(Cow::Owned(match digits.split_once(',') {
            // 1.234,50: the points are for reading.
            Some((whole, fraction)) if !fraction.contains(['.', ',']) => {
                format!("{}.{fraction}", whole.replace('.', ""))
            }
            _ => digits,
        }))
    }

    fn price(&mut self, column: Column) -> Option<i64> {
        let number = self.number(column)?;
        let name = self.reader.columns.name(column).to_owned();
        let digits = self.reader.digits;
        // 1,250 with two digits behind the point may be a thousand.
        let ambiguous = self.raw(column).is_some_and(|raw| raw.contains(','))
            && number
                .split_once('.')
                .is_some_and(|(_, fraction)| fraction.len() > digits as usize);
        let price = if ambiguous {
            Err(DecimalError::TooManyDigits)
        } else {
            money::parse_decimal(&number, digits)
        };
        match price {
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
        let number = self.number(Column::Quantity)?;
        let name = self.reader.columns.name(Column::Quantity).to_owned();
        let below_zero = number.starts_with('-');
        match money::parse_decimal(&number, 0) {
            Ok(units @ 0..=MOST_UNITS) => i32::try_from(units).ok(),
            Ok(_) | Err(DecimalError::TooLarge) if below_zero => {
                let message = format!("{name} {number} was taken as 0: no stock is below zero.");
                self.remark(ErrorReason::InvalidQuantity, message);
                Some(0)
            }
            Ok(_) | Err(DecimalError::TooLarge) => {
                let message = format!("{name} is over {MOST_UNITS}.");
                self.refuse(Problem::new(ErrorReason::QuantityOutOfRange, message));
                None
            }
            Err(DecimalError::Malformed | DecimalError::TooManyDigits) => {
                let message = format!("{name} is a whole number.");
                self.refuse(Problem::new(ErrorReason::InvalidQuantity, message));
                None
            }
        }
    }

    /// Whole grams; a fraction, as of pounds converted, is rounded.
    fn grams(&mut self) -> Option<Option<i32>> {
        if !self.has(Column::Grams) {
            return None;
        }
        let Some(number) = self.number(Column::Grams) else {
            return Some(None);
        };
        let grams = money::parse_decimal(&number, 12)
            .ok()
            .map(|value| (value + 500_000_000_000) / 1_000_000_000_000)
            .and_then(|grams| i32::try_from(grams).ok())
            .filter(|grams| *grams >= 0);
        if grams.is_none() {
            let name = self.reader.columns.name(Column::Grams).to_owned();
            let message = format!("{name} was left out: it is a number of 0 or more.");
            self.remark(ErrorReason::ValidationFailed, message);
        }
        grams.map(Some)
    }

    fn picture(&mut self) -> Option<Picture> {
        let url = self.url(Column::ImageSrc)?;
        let position = self.number(Column::ImagePosition).map_or(Ok(u32::MAX), |number| {
            let place = money::parse_decimal(&number, 0).ok();
            place.and_then(|place| u32::try_from(place).ok()).ok_or(())
        });
        if position.is_err() {
            let name = self.reader.columns.name(Column::ImagePosition).to_owned();
            self.remark(
                ErrorReason::ValidationFailed,
                format!("{name} is a whole number; the picture comes last."),
            );
        }
        let alt_text = self
            .raw(Column::ImageAlt)
            .map(|raw| mesh_text::line("", &text::line(&raw), ALT_TEXT));
        let alt_text = match alt_text {
            Some(Ok(alt_text)) => Some(alt_text).filter(|text| !text.is_empty()),
            Some(Err(error)) => {
                let message = format!("The picture was taken without its text: {}", error.message());
                self.remark(error.reason(), message);
                None
            }
            None => None,
        };
        Some(Picture {
            url,
            alt_text,
            position: position.unwrap_or(u32::MAX),
        })
    }

    /// An address that is refused leaves the picture that is there.
    fn variant_image(&mut self) -> Option<Option<String>> {
        if self.has(Column::VariantImage) && self.raw(Column::VariantImage).is_none() {
            return Some(None);
        }
        self.url(Column::VariantImage).map(Some)
    }

    fn url(&mut self, column: Column) -> Option<String> {
        let raw = self.raw(column)?;
        let url = picture_url(&raw);
        if url.is_none() {
            let name = self.reader.columns.name(column).to_owned();
            let message = format!(
                "{name} was left out: a picture's address is https://…, or /media/… as an upload gave it."
            );
            self.remark(ErrorReason::UrlNotAllowed, message);
        }
        url
    }
}

/// The option's name without what it cannot have: a dot between letters is a hyphen, every other goes.
fn plain_name(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let is_letter = |at: Option<usize>| {
        at.and_then(|at| letters.get(at))
            .is_some_and(|c| c.is_alphanumeric())
    };
    let plain: String = letters
        .iter()
        .enumerate()
        .filter_map(|(at, letter)| match letter {
            '.' if is_letter(at.checked_sub(1)) && is_letter(Some(at + 1)) => Some('-'),
            '.' => None,
            other => Some(*other),
        })
        .collect();
    plain.trim_start_matches(['$', ' ']).trim_end().to_owned()
}
