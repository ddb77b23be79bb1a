//! Products, variants, categories and facets.

use std::collections::HashMap;

use comptoir_proto::catalog::v1 as pb;
use comptoir_proto::types;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Money, money, names, time};
use crate::app::App;
use crate::problem::Problem;
use crate::rest::calls::Answered as _;
use crate::rest::schema::{CategoryId, ProductId, Time, VariantId};

names! {
    /// ACTIVE products are everybody's to see, the others staff's.
    ProductStatus of pb::ProductStatus { Draft, Active, Archived }
}
names! {
    /// The order of a list; by default RELEVANCE with a query and NEWEST without.
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

/// What a shop sells.
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
    /// Grows with each change of the product, not of its stock.
    version: i64,
}

impl Product {
    /// A product as the caller may see it.
    pub(crate) fn new(product: pb::Product, tree: &Tree) -> Self {
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
            category: product.category_id.as_deref().and_then(|id| tree.reference(id)),
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

/// The product of a variant that is read alone.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductReference {
    #[schema(value_type = ProductId)]
    id: String,
    slug: String,
    title: String,
    featured_image: Option<Image>,
}

/// What can be bought.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductVariant {
    #[schema(value_type = VariantId)]
    id: String,
    sku: Option<String>,
    title: String,
    /// Left out where the variant is within its product.
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<ProductReference>,
    selected_options: Vec<SelectedOption>,
    price: Money,
    compare_at_price: Option<Money>,
    available_for_sale: bool,
    /// Units that can be bought now: on hand less reserved.
    quantity_available: i32,
    /// For STAFF and ADMIN, else null.
    quantity_on_hand: Option<i32>,
    /// For STAFF and ADMIN, else null.
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

    /// What stands for a variant that the catalogue does not know any more.
    pub(crate) fn gone(id: &str, price: Option<types::Money>) -> Self {
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

/// A way to narrow a search down: category, vendor, productType, tag, or option.NAME.
#[derive(Serialize, ToSchema)]
pub(crate) struct Facet {
    id: String,
    label: String,
    values: Vec<FacetValue>,
}

/// `value` is what the filter takes; `count` is exact with this facet's own filter taken off.
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

/// A category and those below it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Category {
    #[schema(value_type = CategoryId)]
    id: String,
    slug: String,
    name: String,
    #[schema(no_recursion)]
    children: Vec<Category>,
}

/// The shop's categories.
#[derive(Default)]
pub(crate) struct Tree {
    categories: Vec<pb::Category>,
}

impl Tree {
    /// Reads all categories.
    pub(crate) async fn read(app: &App) -> Result<Self, Problem> {
        let mut tree = Self::default();
        let mut page_token = String::new();
        loop {
            let request = pb::ListCategoriesRequest {
                page_size: 1000,
                page_token,
            };
            let page = app
                .services
                .catalog
                .clone()
                .list_categories(request)
                .await
                .answer()?;
            tree.categories.extend(page.categories);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(tree);
            }
        }
    }

    /// Reads them where one of the products has a category.
    pub(crate) async fn of(app: &App, products: &[pb::Product]) -> Result<Self, Problem> {
        if products.iter().all(|product| product.category_id.is_none()) {
            return Ok(Self::default());
        }
        Self::read(app).await
    }

    fn reference(&self, id: &str) -> Option<CategoryReference> {
        let category = self.categories.iter().find(|category| category.id == id)?;
        Some(CategoryReference {
            id: category.id.clone(),
            slug: category.slug.clone(),
            name: category.name.clone(),
        })
    }

    /// The categories at the top, with all below them.
    pub(crate) fn roots(self) -> Vec<Category> {
        let mut children: HashMap<Option<String>, Vec<Category>> = HashMap::new();
        // Parents come before their children, so from the end each has all of its own when its turn comes.
        for category in self.categories.into_iter().rev() {
            let mut below = children.remove(&Some(category.id.clone())).unwrap_or_default();
            below.reverse();
            let (id, slug, name) = (category.id, category.slug, category.name);
            children.entry(category.parent_id).or_default().push(Category {
                id,
                slug,
                name,
                children: below,
            });
        }
        let mut roots = children.remove(&None).unwrap_or_default();
        roots.reverse();
        roots
    }
}
