//! Products.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use comptoir_proto::catalog::v1 as pb;
use comptoir_proto::types;

use super::category::Category;
use super::connection::{Page, Window, connection};
use super::data::RequestData;
use super::errors::Failure;
use super::money::{Money, money};
use super::scalars::{DateTime, Long};
use super::services::Services;
use super::variant::ProductVariant;

#[derive(SimpleObject, Clone, Debug)]
pub(super) struct Image {
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

#[derive(SimpleObject)]
pub(super) struct ProductOption {
    name: String,
    values: Vec<String>,
}

#[derive(SimpleObject)]
pub(super) struct SelectedOption {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(SimpleObject)]
pub(super) struct PriceRange {
    min: Money,
    max: Money,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProductStatus {
    Active,
    Draft,
    Archived,
}

impl From<pb::ProductStatus> for ProductStatus {
    fn from(status: pb::ProductStatus) -> Self {
        match status {
            pb::ProductStatus::Active => Self::Active,
            pb::ProductStatus::Draft | pb::ProductStatus::Unspecified => Self::Draft,
            pb::ProductStatus::Archived => Self::Archived,
        }
    }
}

impl From<ProductStatus> for pb::ProductStatus {
    fn from(status: ProductStatus) -> Self {
        match status {
            ProductStatus::Active => Self::Active,
            ProductStatus::Draft => Self::Draft,
            ProductStatus::Archived => Self::Archived,
        }
    }
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProductSort {
    Relevance,
    PriceAsc,
    PriceDesc,
    Newest,
    TitleAsc,
}

impl ProductSort {
    /// As messages carry it; the default where none is asked for.
    pub(super) fn to_proto(sort: Option<Self>) -> i32 {
        let sort = match sort {
            None => pb::ProductSort::Unspecified,
            Some(Self::Relevance) => pb::ProductSort::Relevance,
            Some(Self::PriceAsc) => pb::ProductSort::PriceAsc,
            Some(Self::PriceDesc) => pb::ProductSort::PriceDesc,
            Some(Self::Newest) => pb::ProductSort::Newest,
            Some(Self::TitleAsc) => pb::ProductSort::TitleAsc,
        };
        sort.into()
    }
}

#[derive(Clone)]
pub(super) struct Product(Arc<pb::Product>);

impl Product {
    /// A product of the answer, which from then on depends on it.
    pub(super) fn new(data: &RequestData, product: impl Into<Arc<pb::Product>>) -> Self {
        let product = product.into();
        data.tag(format!("product:{}", product.id));
        Self(product)
    }

    /// A product that is not shown by itself: what a variant of it says.
    pub(super) fn unlisted(product: pb::Product) -> Self {
        Self(Arc::new(product))
    }

    /// A page of products from the parts of a service's answer.
    pub(super) fn page(
        data: &RequestData,
        window: &Window,
        products: Vec<pb::Product>,
        cursors: Vec<String>,
        next: &str,
        total: i64,
    ) -> Page<Self> {
        data.tag("products");
        let products = products
            .into_iter()
            .map(|product| Self::new(data, product))
            .collect();
        window.page(products, cursors, next, total)
    }
}

#[Object]
impl Product {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn slug(&self) -> &str {
        &self.0.slug
    }

    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Sanitised HTML.
    async fn description(&self) -> &str {
        &self.0.description
    }

    async fn vendor(&self) -> Option<&str> {
        self.0.vendor.as_deref()
    }

    async fn product_type(&self) -> Option<&str> {
        self.0.product_type.as_deref()
    }

    async fn tags(&self) -> &[String] {
        &self.0.tags
    }

    async fn category(&self, ctx: &Context<'_>) -> Result<Option<Category>, Failure> {
        let Some(id) = self.0.category_id.as_deref() else {
            return Ok(None);
        };
        let data = ctx.data_unchecked::<RequestData>();
        let tree = data.loaders.categories().await?;
        Ok(tree
            .by_id(id)
            .map(|category| Category::new(data, category.clone())))
    }

    async fn options(&self) -> Vec<ProductOption> {
        let option = |option: &pb::ProductOption| ProductOption {
            name: option.name.clone(),
            values: option.values.clone(),
        };
        self.0.options.iter().map(option).collect()
    }

    async fn variants(&self) -> Vec<ProductVariant> {
        let variants = self.0.variants.iter().cloned();
        variants
            .map(|variant| ProductVariant::of_product(variant, self.clone()))
            .collect()
    }

    async fn price_range(&self, ctx: &Context<'_>) -> PriceRange {
        let prices = || {
            self.0
                .variants
                .iter()
                .filter_map(|variant| variant.price.as_ref())
        };
        // A product has at least one variant; should it have none, it costs nothing in the shop's currency.
        let none = || types::Money {
            minor_units: 0,
            currency_code: ctx.data_unchecked::<Services>().shop.currency.clone(),
        };
        let min = prices()
            .min_by_key(|price| price.minor_units)
            .cloned()
            .unwrap_or_else(none);
        let max = prices()
            .max_by_key(|price| price.minor_units)
            .cloned()
            .unwrap_or_else(none);
        PriceRange {
            min: money(Some(min)),
            max: money(Some(max)),
        }
    }

    async fn featured_image(&self) -> Option<Image> {
        self.0.images.first().cloned().map(Image::from)
    }

    async fn images(&self) -> Vec<Image> {
        self.0.images.iter().cloned().map(Image::from).collect()
    }

    async fn available_for_sale(&self) -> bool {
        self.0.variants.iter().any(|variant| variant.available_for_sale)
    }

    async fn status(&self) -> ProductStatus {
        self.0.status().into()
    }

    async fn seo_title(&self) -> Option<&str> {
        self.0.seo_title.as_deref()
    }

    async fn seo_description(&self) -> Option<&str> {
        self.0.seo_description.as_deref()
    }

    async fn created_at(&self) -> DateTime {
        DateTime::of(self.0.created_at)
    }

    async fn updated_at(&self) -> DateTime {
        DateTime::of(self.0.updated_at)
    }

    /// Grows with each change; pass it back to productUpdate.
    async fn version(&self) -> Long {
        Long(self.0.version)
    }
}

connection!(ProductConnection, ProductEdge, Product);
