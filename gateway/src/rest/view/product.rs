//! Products, variants, categories and facets.

use std::collections::HashMap;
use std::sync::Arc;

use comptoir_proto::catalog::v1 as pb;
use comptoir_proto::types;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Money, money, names, time};
use crate::backend::{CategoryTree, RequestData};
use crate::problem::Problem;
use crate::rest::schema::{CategoryId, ProductId, Time, VariantId};

names! {
    /// Everyone sees ACTIVE products. Only staff see the others.
    ProductStatus of pb::ProductStatus { Draft, Active, Archived }
}
names! {
    /// The order of a list. By default RELEVANCE with a query, otherwise NEWEST.
    ProductSort of pb::ProductSort { Relevance, PriceAsc, PriceDesc, Newest, TitleAsc }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Image {
    pub(super) url: String,
    pub(super) alt_text: Option<String>,
    pub(super) width: Option<i32>,
    pub(super) height: Option<i32>,
}

impl From<pb::Image> for Image {
    fn from(image: pb::Image) -> Self {
        Self {
            url: image.url,
            alt_text: image.alt_text,
            width: image.width,
            height: image.height,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ProductOption {
    name: String,
    values: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SelectedOption {
    name: String,
    value: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PriceRange {
    min: Money,
    max: Money,
}

/// The category of a product.
#[derive(Serialize, ToSchema)]
pub(crate) struct CategoryReference {
    #[schema(value_type = CategoryId)]
    id: String,
    slug: String,
    name: String,
}

/// A product.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Product {
    #[schema(value_type = ProductId)]
    id: String,
    slug: String,
    title: String,
    /// Sanitised HTML.
    description: String,
    vendor: Option<String>,
    product_type: Option<String>,
    tags: Vec<String>,
    category: Option<CategoryReference>,
    options: Vec<ProductOption>,
    variants: Vec<ProductVariant>,
    price_range: PriceRange,
    featured_image: Option<Image>,
    images: Vec<Image>,
    available_for_sale: bool,
    status: ProductStatus,
    seo_title: Option<String>,
    seo_description: Option<String>,
    #[schema(value_type = Time)]
    created_at: String,
    #[schema(value_type = Time)]
    updated_at: String,
    /// Increases with each change of the product, but not of its stock.
    version: i64,
}

impl Product {
    /// A product as the caller may see it.
    pub(crate) fn new(product: pb::Product, tree: &CategoryTree) -> Self {
        let prices = || {
            product
                .variants
                .iter()
                .filter_map(|variant| variant.price.as_ref())
        };
        let min = prices().min_by_key(|price| price.minor_units).cloned();
        let max = prices().max_by_key(|price| price.minor_units).cloned();
        let images: Vec<pb::Image> = product.images.clone();
        Self {
            price_range: PriceRange {
                min: money(min),
                max: money(max),
            },
            available_for_sale: product.variants.iter().any(|variant| variant.available_for_sale),
            status: product.status().into(),
            category: product
                .category_id
                .as_deref()
                .and_then(|id| tree.by_id(id))
                .map(|category| CategoryReference::new(category)),
            featured_image: images.first().cloned().map(Image::from),
            images: images.into_iter().map(Image::from).collect(),
            options: product
                .options
                .into_iter()
                .map(|option| ProductOption {
                    name: option.name,
                    values: option.values,
                })
                .collect(),
            variants: product
                .variants
                .into_iter()
                .map(ProductVariant::of_product)
                .collect(),
            id: product.id,
            slug: product.slug,
            title: product.title,
            description: product.description,
            vendor: product.vendor,
            product_type: product.product_type,
            tags: product.tags,
            seo_title: product.seo_title,
            seo_description: product.seo_description,
            created_at: time(product.created_at),
            updated_at: time(product.updated_at),
            version: product.version,
        }
    }
}

/// The product of a variant that is read on its own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductReference {
    #[schema(value_type = ProductId)]
    id: String,
    slug: String,
    title: String,
    featured_image: Option<Image>,
}

/// A variant: what can be bought.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductVariant {
    #[schema(value_type = VariantId)]
    id: String,
    sku: Option<String>,
    title: String,
    /// Absent if the variant is part of its product.
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<ProductReference>,
    selected_options: Vec<SelectedOption>,
    price: Money,
    compare_at_price: Option<Money>,
    available_for_sale: bool,
    /// Units that can be bought now: on hand minus reserved.
    quantity_available: i32,
    /// Only for STAFF and ADMIN, otherwise null.
    quantity_on_hand: Option<i32>,
    /// Only for STAFF and ADMIN, otherwise null.
    quantity_reserved: Option<i32>,
    image: Option<Image>,
    weight_grams: Option<i32>,
}

impl ProductVariant {
    fn of_product(variant: pb::Variant) -> Self {
        Self {
            product: None,
            ..variant.into()
        }
    }

    /// Replaces a variant that the catalogue no longer has.
    pub(crate) fn unavailable(id: &str, price: Option<types::Money>) -> Self {
        pb::Variant {
            id: id.to_owned(),
            price,
            ..Default::default()
        }
        .into()
    }
}

impl From<pb::Variant> for ProductVariant {
    fn from(variant: pb::Variant) -> Self {
        let option = |option: pb::SelectedOption| SelectedOption {
            name: option.name,
            value: option.value,
        };
        Self {
            id: variant.id,
            sku: variant.sku,
            title: variant.title,
            product: Some(ProductReference {
                id: variant.product_id,
                slug: variant.product_slug,
                title: variant.product_title,
                featured_image: variant.product_image.map(Image::from),
            }),
            selected_options: variant.selected_options.into_iter().map(option).collect(),
            price: money(variant.price),
            compare_at_price: variant.compare_at_price.map(Money::from),
            available_for_sale: variant.available_for_sale,
            quantity_available: variant.quantity_available,
            quantity_on_hand: variant.quantity_on_hand,
            quantity_reserved: variant.quantity_reserved,
            image: variant.image.map(Image::from),
            weight_grams: variant.weight_grams,
        }
    }
}

/// A property to filter a search by: category, vendor, productType, tag, or option.NAME.
#[derive(Serialize, ToSchema)]
pub(crate) struct Facet {
    id: String,
    label: String,
    values: Vec<FacetValue>,
}

/// `value` is the value for the filter. `count` is exact without this facet's own filter.
#[derive(Serialize, ToSchema)]
pub(crate) struct FacetValue {
    value: String,
    label: String,
    count: i32,
}

impl From<pb::Facet> for Facet {
    fn from(facet: pb::Facet) -> Self {
        let value = |value: pb::FacetValue| FacetValue {
            value: value.value,
            label: value.label,
            count: value.count,
        };
        Self {
            id: facet.id,
            label: facet.label,
            values: facet.values.into_iter().map(value).collect(),
        }
    }
}

/// A category with its descendants.
#[derive(Serialize, ToSchema)]
pub(crate) struct Category {
    #[schema(value_type = CategoryId)]
    id: String,
    slug: String,
    name: String,
    #[schema(no_recursion)]
    children: Vec<Category>,
}

impl Category {
    /// The top categories with their descendants.
    pub(crate) fn roots(tree: &CategoryTree) -> Vec<Self> {
        let mut children: HashMap<Option<&str>, Vec<Self>> = HashMap::new();
        // Parents come before their children. From the end, the children of each category are complete when it is reached.
        for category in tree.all().iter().rev() {
            let mut below = children.remove(&Some(&*category.id)).unwrap_or_default();
            below.reverse();
            children
                .entry(category.parent_id.as_deref())
                .or_default()
                .push(Self {
                    id: category.id.clone(),
                    slug: category.slug.clone(),
                    name: category.name.clone(),
                    children: below,
                });
        }
        let mut roots = children.remove(&None).unwrap_or_default();
        roots.reverse();
        roots
    }
}

impl CategoryReference {
    fn new(category: &pb::Category) -> Self {
        Self {
            id: category.id.clone(),
            slug: category.slug.clone(),
            name: category.name.clone(),
        }
    }
}

/// Reads the categories, if one of the products has one.
pub(crate) async fn categories_of(
    data: &RequestData,
    products: &[pb::Product],
) -> Result<Arc<CategoryTree>, Problem> {
    if products.iter().all(|product| product.category_id.is_none()) {
        return Ok(Arc::default());
    }
    Ok(data.loaders.categories().await?)
}
