//! Which column of the file is which: by the names Shopify gives them, in any order, any of them missing.

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use super::records::Record;

/// What is read of a row. Every other column is left alone.
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

impl Column {
    fn named(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "handle" | "url handle" => Self::Handle,
            "title" => Self::Title,
            "body (html)" | "body html" | "body" | "description" => Self::Body,
            "vendor" => Self::Vendor,
            "type" => Self::Type,
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
            "variant grams" => Self::Grams,
            "variant inventory qty" | "inventory quantity" => Self::Quantity,
            "variant inventory policy" => Self::Policy,
            "variant price" | "price" => Self::Price,
            "variant compare at price" | "compare-at price" => Self::CompareAtPrice,
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
    width: usize,
}

impl Columns {
    /// Reads the header. VALIDATION_FAILED when it names no handle: then nothing of the file can be read.
    pub(super) fn of(header: &Record) -> Result<Self, Error> {
        let mut places = [None; 21 + 2 * OPTIONS];
        for at in 0..header.len() {
            let name = header
                .get(at)
                .and_then(|name| std::str::from_utf8(name).ok())
                .unwrap_or_default();
            if let Some(column) = Column::named(name) {
                // Of two of a name the first holds.
                places[column.place()].get_or_insert(at);
            }
        }
        if places[Column::Handle.place()].is_none() {
            let message = "This is no product file: its first line names no column Handle.";
            return Err(Error::new(ErrorReason::ValidationFailed, message));
        }
        Ok(Self {
            places,
            width: header.len(),
        })
    }

    /// How many fields each row should have.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// A field's bytes; None when the file has no such column.
    pub(super) fn get<'a>(&self, record: &'a Record, column: Column) -> Option<&'a [u8]> {
        record.get(self.places[column.place()]?)
    }
}
