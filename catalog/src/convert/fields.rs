//! The fields of a product that a caller asks for.

use comptoir_mesh::Error;
use prost_types::FieldMask;

use crate::error::invalid;

/// A field of the contract's Product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Id,
    Slug,
    Title,
    Description,
    Vendor,
    ProductType,
    Tags,
    CategoryId,
    Options,
    Variants,
    Images,
    Status,
    SeoTitle,
    SeoDescription,
    CreatedAt,
    UpdatedAt,
    Version,
    PriceRange,
    AvailableForSale,
    FeaturedImage,
}

/// As the contract calls them.
const NAMES: [(&str, Field); 20] = [
    ("id", Field::Id),
    ("slug", Field::Slug),
    ("title", Field::Title),
    ("description", Field::Description),
    ("vendor", Field::Vendor),
    ("product_type", Field::ProductType),
    ("tags", Field::Tags),
    ("category_id", Field::CategoryId),
    ("options", Field::Options),
    ("variants", Field::Variants),
    ("images", Field::Images),
    ("status", Field::Status),
    ("seo_title", Field::SeoTitle),
    ("seo_description", Field::SeoDescription),
    ("created_at", Field::CreatedAt),
    ("updated_at", Field::UpdatedAt),
    ("version", Field::Version),
    ("price_range", Field::PriceRange),
    ("available_for_sale", Field::AvailableForSale),
    ("featured_image", Field::FeaturedImage),
];

/// A set of fields, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields(u32);

impl Fields {
    /// Every field.
    pub(crate) const ALL: Self = Self(u32::MAX);

    /// Those a request's `read_mask` names: all, when it names none.
    pub(crate) fn of(mask: Option<&FieldMask>) -> Result<Self, Error> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        if paths.is_empty() {
            return Ok(Self::ALL);
        }
        let bit = |path: &String| {
            let known = NAMES.iter().find(|(name, _)| name == path);
            known
                .map(|(_, field)| 1 << *field as u32)
                .ok_or_else(|| invalid("read_mask", "A path is the name of a field of Product."))
        };
        paths
            .iter()
            .try_fold(0, |bits, path| Ok(bits | bit(path)?))
            .map(Self)
    }

    /// Whether the field is wanted.
    pub(crate) fn has(self, field: Field) -> bool {
        self.0 & (1 << field as u32) != 0
    }
}

#[cfg(test)]
mod tests {
    use comptoir_mesh::error::ErrorReason;
    use prost::Message as _;

    use super::*;

    fn of(paths: &[&str]) -> Result<Fields, Error> {
        Fields::of(Some(&FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }))
    }

    #[test]
    fn every_field_of_the_contract_has_its_name_here() {
        let set = prost_types::FileDescriptorSet::decode(comptoir_proto::DESCRIPTOR_SET).unwrap();
        let catalog = set
            .file
            .iter()
            .filter(|file| file.package() == "comptoir.catalog.v1");
        let product = catalog
            .flat_map(|file| &file.message_type)
            .find(|message| message.name() == "Product")
            .unwrap();
        let fields: Vec<&str> = product
            .field
            .iter()
            .map(prost_types::FieldDescriptorProto::name)
            .collect();
        assert_eq!(fields, NAMES.map(|(name, _)| name));
    }

    #[test]
    fn nothing_named_is_everything() {
        assert_eq!(Fields::of(None).unwrap(), Fields::ALL);
        assert_eq!(of(&[]).unwrap(), Fields::ALL);
        let some = of(&["title", "version", "title"]).unwrap();
        let has = |field| some.has(field);
        assert!(has(Field::Title) && has(Field::Version) && !has(Field::Slug) && !has(Field::FeaturedImage));
    }

    #[test]
    fn a_field_that_is_none_is_refused() {
        for path in ["", "Title", "variants.price", "*"] {
            let refused = of(&["title", path]).unwrap_err();
            let violation = &refused.field_violations()[0];
            assert_eq!(
                (violation.field.as_str(), violation.reason),
                ("read_mask", ErrorReason::ValidationFailed),
                "{path}"
            );
        }
    }
}
