//! Which column of the file is which: by the names that Shopify gives them or gave them before, in any order, any of them
//! missing.

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use super::records::Record;
use super::row::Problem;
use super::text;

/// What is read of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Handle,
    Title,
    Body,
    Vendor,
    Type,
    Category,
    Tags,
    Published,
    Status,
    OptionName(usize),
    OptionValue(usize),
    Sku,
    Grams,
    Quantity,
    Policy,
    Price,
    CompareAtPrice,
    ImageSrc,
    ImagePosition,
    ImageAlt,
    VariantImage,
    SeoTitle,
    SeoDescription,
}

/// A product has at most three options in this format.
pub(super) const OPTIONS: usize = 3;

/// What may stand between the fields: a comma, or what desktop programs write. The first of equals is taken.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Columns of the older and the newer template whose values have no place in a shop here.
const PASSED_OVER: [&str; 27] = [
    "option1 linked to",
    "option2 linked to",
    "option3 linked to",
    "variant inventory tracker",
    "inventory tracker",
    "variant fulfillment service",
    "fulfillment service",
    "variant requires shipping",
    "requires shipping",
    "variant taxable",
    "charge tax",
    "variant tax code",
    "tax code",
    "variant barcode",
    "variant barcodes",
    "barcode",
    "barcodes",
    "variant weight unit",
    "weight unit for display",
    "unit price total measure",
    "unit price total measure unit",
    "unit price base measure",
    "unit price base measure unit",
    "gift card",
    "cost per item",
    "template suffix",
    "published scope",
];
/// Beginnings of names of such columns: advertising, and prices for other markets.
const PASSED_OVER_BEGINNINGS: [&str; 5] = [
    "google shopping /",
    "included /",
    "price /",
    "compare at price /",
    "compare-at price /",
];
/// In the names of columns for attributes of a product category, as of `Color (product.metafields.shopify.color-pattern)`.
const ATTRIBUTES: &str = "(product.metafields.shopify";

/// Unknown columns that are named one by one, and the most letters of a name.
const NAMED: usize = 20;
const LETTERS: usize = 60;

impl Column {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "handle" | "url handle" => Self::Handle,
            "title" => Self::Title,
            "body (html)" | "body html" | "body" | "description" => Self::Body,
            "vendor" => Self::Vendor,
            "type" | "product type" | "custom product type" => Self::Type,
            "product category" | "standard product type" | "standardized product type" => Self::Category,
            "tags" => Self::Tags,
            "published" | "published on online store" => Self::Published,
            "status" => Self::Status,
            "option1 name" => Self::OptionName(0),
            "option2 name" => Self::OptionName(1),
            "option3 name" => Self::OptionName(2),
            "option1 value" => Self::OptionValue(0),
            "option2 value" => Self::OptionValue(1),
            "option3 value" => Self::OptionValue(2),
            "variant sku" | "sku" => Self::Sku,
            "variant grams" | "weight value (grams)" => Self::Grams,
            "variant inventory qty" | "inventory quantity" => Self::Quantity,
            "variant inventory policy" | "continue selling when out of stock" => Self::Policy,
            "variant price" | "price" => Self::Price,
            "variant compare at price" | "compare-at price" | "compare at price" => Self::CompareAtPrice,
            "image src" | "product image url" => Self::ImageSrc,
            "image position" => Self::ImagePosition,
            "image alt text" | "image alt" => Self::ImageAlt,
            "variant image" | "variant image url" => Self::VariantImage,
            "seo title" => Self::SeoTitle,
            "seo description" => Self::SeoDescription,
            _ => return None,
        })
    }

    fn place(self) -> usize {
        match self {
            Self::Handle => 0,
            Self::Title => 1,
            Self::Body => 2,
            Self::Vendor => 3,
            Self::Type => 4,
            Self::Category => 5,
            Self::Tags => 6,
            Self::Published => 7,
            Self::Status => 8,
            Self::Sku => 9,
            Self::Grams => 10,
            Self::Quantity => 11,
            Self::Policy => 12,
            Self::Price => 13,
            Self::CompareAtPrice => 14,
            Self::ImageSrc => 15,
            Self::ImagePosition => 16,
            Self::ImageAlt => 17,
            Self::VariantImage => 18,
            Self::SeoTitle => 19,
            Self::SeoDescription => 20,
            Self::OptionName(axis) => 21 + axis,
            Self::OptionValue(axis) => 21 + OPTIONS + axis,
        }
    }
}

/// The places of the columns in this file.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    places: [Option<usize>; 21 + 2 * OPTIONS],
    /// As the file calls each of the places.
    names: Vec<String>,
    width: usize,
}

impl Columns {
    /// Reads the header, and says which of its columns are not known. VALIDATION_FAILED when it names no handle: then nothing
    /// of the file can be read.
    pub(super) fn of(header: &Record, delimiter: u8) -> Result<(Self, Option<Problem>), Error> {
        let mut columns = Self {
            places: [None; 21 + 2 * OPTIONS],
            names: (0..header.len())
                .map(|at| shown(header.get(at).unwrap_or_default()))
                .collect(),
            width: header.len(),
        };
        let mut unknown = Vec::new();
        for (at, name) in columns.names.iter().enumerate() {
            let folded = name.to_lowercase();
            match Column::named(&folded) {
                // Of two of a name the first holds.
                Some(column) => {
                    columns.places[column.place()].get_or_insert(at);
                }
                None if is_passed_over(&folded) => {}
                None => unknown.push(name.as_str()),
            }
        }
        if columns.place(Column::Handle).is_none() {
            let message = format!(
                "This is no product file: its first line names no column Handle. Read with {} between the columns it names: {}.",
                match delimiter {
                    b'\t' => "tabs".to_owned(),
                    other => format!("\"{}\"", char::from(other)),
                },
                list(&columns.names.iter().map(String::as_str).collect::<Vec<_>>())
            );
            return Err(Error::new(ErrorReason::ValidationFailed, message));
        }
        let remark = (!unknown.is_empty()).then(|| {
            let message = format!(
                "These columns are not known here, and were left out: {}.",
                list(&unknown)
            );
            Problem::new(ErrorReason::ValidationFailed, message)
        });
        Ok((columns, remark))
    }

    fn place(&self, column: Column) -> Option<usize> {
        self.places[column.place()]
    }

    /// As the file calls the column.
    pub(super) fn name(&self, column: Column) -> &str {
        self.place(column).map_or("", |at| &self.names[at])
    }

    /// How many fields each row should have.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// A field's bytes; None when the file has no such column.
    pub(super) fn get<'a>(&self, record: &'a Record, column: Column) -> Option<&'a [u8]> {
        record.get(self.place(column)?)
    }
}

/// What stands between the fields of this header: with which it names the most columns that are known.
pub(super) fn delimiter(header: &[u8]) -> u8 {
    let known = |delimiter: &u8| {
        let names = header.split(|byte| byte == delimiter);
        names
            .filter(|name| {
                let name = shown(name).trim_matches('"').to_lowercase();
                Column::named(&name).is_some() || !name.is_empty() && is_passed_over(&name)
            })
            .count()
    };
    let first_of_most = DELIMITERS.iter().rev().max_by_key(|delimiter| known(delimiter));
    first_of_most.copied().unwrap_or(DELIMITERS[0])
}

/// A column's name on one line, without what takes no place.
fn shown(name: &[u8]) -> String {
    text::line(&text::clean(&String::from_utf8_lossy(name)))
        .trim()
        .to_owned()
}

/// Whether what the column says has no place here. One without a name is what desktop programs write behind the last.
fn is_passed_over(name: &str) -> bool {
    name.is_empty()
        || PASSED_OVER.contains(&name)
        || PASSED_OVER_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
        || name.contains(ATTRIBUTES)
}

/// The names, as many as a person reads.
fn list(names: &[&str]) -> String {
    let named: Vec<String> = names
        .iter()
        .take(NAMED)
        .map(|name| format!("\"{}\"", name.chars().take(LETTERS).collect::<String>()))
        .collect();
    match names.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::records::Records;

    /// The header of the file Shopify gives as a sample, and of its exports before.
    const NEWER: &str = "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,\
        Barcode,Option1 name,Option1 value,Option1 Linked To,Option2 name,Option2 value,Option2 Linked To,Option3 name,\
        Option3 value,Option3 Linked To,Price,Compare-at price,Cost per item,Charge tax,Tax code,Unit price total measure,\
        Unit price total measure unit,Unit price base measure,Unit price base measure unit,Inventory tracker,\
        Inventory quantity,Continue selling when out of stock,Weight value (grams),Weight unit for display,\
        Requires shipping,Fulfillment service,Product image URL,Image position,Image alt text,Variant image URL,Gift card,\
        SEO title,SEO description,Color (product.metafields.shopify.color-pattern),\
        Google Shopping / Google product category,Google Shopping / Custom label 4";
    const OLDER: &str = "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,\
        Option1 Linked To,Option2 Name,Option2 Value,Option2 Linked To,Option3 Name,Option3 Value,Option3 Linked To,\
        Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,\
        Variant Fulfillment Service,Variant Price,Variant Compare At Price,Variant Requires Shipping,Variant Taxable,\
        Unit Price Total Measure,Unit Price Total Measure Unit,Unit Price Base Measure,Unit Price Base Measure Unit,\
        Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,SEO Title,SEO Description,\
        Google Shopping / Google Product Category,Google Shopping / MPN,Variant Image,Variant Weight Unit,Variant Tax Code,\
        Cost per item,Included / France,Price / France,Compare At Price / France,Status";

    fn read(header: &str) -> Result<(Columns, Option<Problem>), Error> {
        let mut records = Records::new(header.as_bytes(), delimiter);
        let mut record = Record::default();
        records.next(&mut record).unwrap();
        Columns::of(&record, records.delimiter())
    }

    #[test]
    fn every_column_of_both_templates_is_known() {
        for header in [NEWER, OLDER] {
            let (columns, remark) = read(header).unwrap();
            assert_eq!(remark, None);
            assert!(columns.places.iter().all(Option::is_some), "{:?}", columns.places);
            assert_eq!(read(&header.to_uppercase()).unwrap().0.places, columns.places);
        }
    }

    #[test]
    fn other_columns_are_named_in_one_remark() {
        let (_, remark) = read("Handle,Title,Colour,,Season (product.metafields.custom.season)").unwrap();
        let message = remark.unwrap().message;
        assert!(
            message.contains("\"Colour\", \"Season (product.metafields.custom.season)\""),
            "{message}"
        );
        let many: String = (0..100).map(|n| format!(",Extra {n}")).collect();
        let message = read(&format!("Handle{many}")).unwrap().1.unwrap().message;
        assert!(message.contains("\"Extra 19\" and 80 more"), "{message}");
    }

    #[test]
    fn what_parts_the_fields_is_seen_in_the_header() {
        for delimiter in [',', ';', '\t', '|'] {
            let header = OLDER.replace(',', &delimiter.to_string());
            let (columns, remark) = read(&header).unwrap();
            assert!(
                columns.places.iter().all(Option::is_some) && remark.is_none(),
                "{header}"
            );
        }
        let quoted = read("\"Handle\";\"Title, or name\";\"Variant Price\"").unwrap();
        assert_eq!(quoted.0.place(Column::Price), Some(2));
        let refused = read("Référence;Prix").unwrap_err();
        assert!(
            refused.message().contains("no column Handle"),
            "{}",
            refused.message()
        );
    }
}
