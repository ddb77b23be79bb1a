//! Products, as staff write them.

use comptoir_proto::catalog::v1 as pb;
use comptoir_proto::types;
use comptoir_shop::money::{format_decimal, fraction_digits};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::rest::extract::nullable;
use crate::rest::schema::{
    CategoryIdOrEmpty, CurrencyCode, Grams, Html, Images, Line, LineNeeded, OptionNames, OptionValues,
    PictureUrl, PictureUrlOrEmpty, Price, Slug, Summary, Tags, UnitsOrNone, VariantIdOrEmpty, Variants,
};
use crate::rest::view::ProductStatus;

/// A new product.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ProductInput {
    #[schema(value_type = LineNeeded)]
    title: String,
    /// Derived from the title if left out.
    #[schema(value_type = Option<Slug>)]
    slug: Option<String>,
    #[schema(value_type = Option<Html>)]
    description: Option<String>,
    #[schema(value_type = Option<Line>)]
    vendor: Option<String>,
    #[schema(value_type = Option<Line>)]
    product_type: Option<String>,
    #[serde(default)]
    #[schema(value_type = Tags)]
    tags: Vec<String>,
    #[schema(value_type = Option<CategoryIdOrEmpty>)]
    category_id: Option<String>,
    status: Option<ProductStatus>,
    /// The names of the options.
    #[serde(default)]
    #[schema(value_type = OptionNames)]
    options: Vec<String>,
    #[schema(value_type = Variants)]
    variants: Vec<VariantInput>,
    #[serde(default)]
    #[schema(value_type = Images)]
    images: Vec<ImageInput>,
    #[schema(value_type = Option<Line>)]
    seo_title: Option<String>,
    #[schema(value_type = Option<Summary>)]
    seo_description: Option<String>,
}

/// A change of a product. What is left out stays, null removes. Variants that `variants` does not contain are removed.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ProductUpdate {
    #[schema(value_type = Option<LineNeeded>)]
    title: Option<String>,
    #[schema(value_type = Option<Slug>)]
    slug: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Html>)]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Line>)]
    vendor: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Line>)]
    product_type: Option<Option<String>>,
    #[schema(value_type = Option<Tags>)]
    tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<CategoryIdOrEmpty>)]
    category_id: Option<Option<String>>,
    status: Option<ProductStatus>,
    #[schema(value_type = Option<OptionNames>)]
    options: Option<Vec<String>>,
    #[schema(value_type = Option<Variants>)]
    variants: Option<Vec<VariantInput>>,
    #[schema(value_type = Option<Images>)]
    images: Option<Vec<ImageInput>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Line>)]
    seo_title: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Summary>)]
    seo_description: Option<Option<String>>,
}

/// A variant. `optionValues` are in the order of the options.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VariantInput {
    /// The id of an existing variant. Left out for a new one.
    #[schema(value_type = Option<VariantIdOrEmpty>)]
    id: Option<String>,
    #[schema(value_type = Option<Line>)]
    sku: Option<String>,
    #[serde(default)]
    #[schema(value_type = OptionValues)]
    option_values: Vec<String>,
    /// A decimal: "49.90".
    #[schema(value_type = Price)]
    price: String,
    #[schema(value_type = Option<Price>)]
    compare_at_price: Option<String>,
    #[schema(value_type = Option<CurrencyCode>)]
    currency_code: Option<String>,
    /// The initial stock of a new variant.
    #[schema(value_type = Option<UnitsOrNone>)]
    quantity: Option<i32>,
    #[schema(value_type = Option<Grams>)]
    weight_grams: Option<i32>,
    #[schema(value_type = Option<PictureUrlOrEmpty>)]
    image_url: Option<String>,
}

/// A picture by its address: https, or one that POST /admin/media returned.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ImageInput {
    #[schema(value_type = PictureUrl)]
    url: String,
    #[schema(value_type = Option<Summary>)]
    alt_text: Option<String>,
}

impl From<VariantInput> for pb::VariantInput {
    fn from(input: VariantInput) -> Self {
        Self {
            id: input.id,
            sku: input.sku,
            option_values: input.option_values,
            price: input.price,
            compare_at_price: input.compare_at_price,
            currency_code: input.currency_code,
            quantity: input.quantity,
            weight_grams: input.weight_grams,
            image_url: input.image_url,
        }
    }
}

impl From<ImageInput> for pb::ImageInput {
    fn from(input: ImageInput) -> Self {
        Self {
            url: input.url,
            alt_text: input.alt_text,
        }
    }
}

impl From<ProductInput> for pb::ProductInput {
    fn from(input: ProductInput) -> Self {
        Self {
            title: input.title,
            slug: input.slug,
            description: input.description,
            vendor: input.vendor,
            product_type: input.product_type,
            tags: input.tags,
            category_id: input.category_id,
            status: input
                .status
                .map_or(pb::ProductStatus::Unspecified, pb::ProductStatus::from)
                .into(),
            options: input.options,
            variants: input.variants.into_iter().map(pb::VariantInput::from).collect(),
            images: input.images.into_iter().map(pb::ImageInput::from).collect(),
            seo_title: input.seo_title,
            seo_description: input.seo_description,
        }
    }
}

impl ProductUpdate {
    /// The whole content of a product, with this change.
    pub(crate) fn apply_to(self, product: pb::Product) -> pb::ProductInput {
        let images = |images: Vec<ImageInput>| images.into_iter().map(pb::ImageInput::from).collect();
        let variants =
            |variants: Vec<VariantInput>| variants.into_iter().map(pb::VariantInput::from).collect();
        let status = self
            .status
            .map_or(pb::ProductStatus::Unspecified, pb::ProductStatus::from);
        pb::ProductInput {
            title: self.title.unwrap_or(product.title),
            slug: self.slug,
            description: self.description.unwrap_or(Some(product.description)),
            vendor: self.vendor.unwrap_or(product.vendor),
            product_type: self.product_type.unwrap_or(product.product_type),
            tags: self.tags.unwrap_or(product.tags),
            category_id: self.category_id.unwrap_or(product.category_id),
            status: status.into(),
            options: self
                .options
                .unwrap_or_else(|| product.options.into_iter().map(|option| option.name).collect()),
            variants: self.variants.map_or_else(
                || product.variants.into_iter().map(unchanged_variant).collect(),
                variants,
            ),
            images: self.images.map_or_else(
                || product.images.into_iter().map(unchanged_image).collect(),
                images,
            ),
            seo_title: self.seo_title.unwrap_or(product.seo_title),
            seo_description: self.seo_description.unwrap_or(product.seo_description),
        }
    }
}

/// A variant that stays unchanged.
fn unchanged_variant(variant: pb::Variant) -> pb::VariantInput {
    pb::VariantInput {
        id: Some(variant.id),
        sku: variant.sku,
        option_values: variant
            .selected_options
            .into_iter()
            .map(|option| option.value)
            .collect(),
        price: decimal(&variant.price.unwrap_or_default()),
        compare_at_price: variant.compare_at_price.as_ref().map(decimal),
        currency_code: None,
        quantity: None,
        weight_grams: variant.weight_grams,
        image_url: variant.image.map(|image| image.url),
    }
}

fn unchanged_image(image: pb::Image) -> pb::ImageInput {
    pb::ImageInput {
        url: image.url,
        alt_text: image.alt_text,
    }
}

fn decimal(money: &types::Money) -> String {
    format_decimal(
        money.minor_units,
        fraction_digits(&money.currency_code).unwrap_or(2),
    )
}
