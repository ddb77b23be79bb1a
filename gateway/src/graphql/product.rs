//! Products.

use std::sync::Arc;

use async_graphql::resolver_utils::enum_value;
use async_graphql::{Enum, ID};
use comptoir_proto::catalog::v1 as pb;
use comptoir_proto::types;

use super::connection::{Page, PageArguments, PageInfo};
use super::money::Amount;
use super::scalars::{DateTime, Long};
use super::variant::VariantView;
use crate::backend::{RequestData, Services};
use crate::executor::sync_object::{Unresolved, Walk, leaf, output_type, sync_object};

#[derive(Clone, Debug)]
pub(super) struct Image(pb::Image);

impl Image {
    /// The picture at a URL.
    pub(super) fn at(url: String) -> Self {
        Self(pb::Image {
            url,
            ..pb::Image::default()
        })
    }
}

sync_object!(Image: &pb::Image, |image| {
    url: &str = &image.url,
    altText: Option<&str> = image.alt_text.as_deref(),
    width: Option<i32> = image.width,
    height: Option<i32> = image.height,
});
output_type!(Image as &pb::Image, |image| &image.0);

sync_object!(ProductOption: &pb::ProductOption, |option| {
    name: &str = &option.name,
    values: &[String] = &option.values,
});

/// A borrowed view of a price range.
#[derive(Clone, Copy)]
struct PriceRangeView<'a>(Option<&'a pb::PriceRange>);

impl<'a> PriceRangeView<'a> {
    /// A missing price is zero in the shop's currency. It does not occur: a product has at least one variant.
    fn end(
        self,
        walk: &Walk<'a, '_>,
        end: impl Fn(&'a pb::PriceRange) -> Option<&'a types::Money>,
    ) -> Amount<'a> {
        let none = || Amount::none(&walk.ctx.data_unchecked::<Services>().shop.currency);
        self.0.and_then(end).map_or_else(none, Amount::from)
    }
}

sync_object!(PriceRange: PriceRangeView<'_>, |prices, walk| {
    min: Amount<'_> = prices.end(walk, |range| range.min.as_ref()),
    max: Amount<'_> = prices.end(walk, |range| range.max.as_ref()),
});

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

leaf! {
    ProductStatus as ProductStatus: |status| enum_value(status);
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
    /// The value for messages. Without a sort order, the service's default.
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
    /// A product of the answer, which then depends on it.
    pub(super) fn new(data: &RequestData, product: impl Into<Arc<pb::Product>>) -> Self {
        let product = product.into();
        data.tag(format!("product:{}", product.id));
        Self(product)
    }

    /// A product that the caller may not read, with what its variant says of it.
    pub(super) fn unlisted(product: pb::Product) -> Self {
        Self(Arc::new(product))
    }

    /// The product as the service returned it.
    pub(super) fn as_proto(&self) -> &pb::Product {
        &self.0
    }

    /// Creates a page of products from the parts of a service's answer.
    pub(super) fn page(
        data: &RequestData,
        page_arguments: &PageArguments,
        products: Vec<pb::Product>,
        cursors: Vec<String>,
        next: &str,
        total: i64,
    ) -> ProductConnection {
        data.tag("products");
        let products = products
            .into_iter()
            .map(|product| Self::new(data, product))
            .collect();
        page_arguments.page(products, cursors, next, total).into()
    }
}

sync_object!(Product: &pb::Product, |product, walk| {
    id: ID = ID(product.id.clone()),
    slug: &str = &product.slug,
    title: &str = &product.title,
    /// Sanitised HTML.
    description: &str = &product.description,
    vendor: Option<&str> = product.vendor.as_deref(),
    productType: Option<&str> = product.product_type.as_deref(),
    tags: &[String] = &product.tags,
    category: Result<Option<&pb::Category>, Unresolved> = walk.category(product.category_id.as_deref()),
    options: &[pb::ProductOption] = &product.options,
    variants: Vec<VariantView<'_>> = VariantView::all(product),
    priceRange: PriceRangeView<'_> = PriceRangeView(product.price_range.as_ref()),
    featuredImage: Option<&pb::Image> = product.featured_image.as_ref(),
    images: &[pb::Image] = &product.images,
    availableForSale: bool = product.available_for_sale,
    status: ProductStatus = product.status().into(),
    seoTitle: Option<&str> = product.seo_title.as_deref(),
    seoDescription: Option<&str> = product.seo_description.as_deref(),
    createdAt: DateTime = DateTime::of(product.created_at),
    updatedAt: DateTime = DateTime::of(product.updated_at),
    /// Increases with each change. Pass it to productUpdate.
    version: Long = Long(product.version),
});
output_type!(Product as &pb::Product, |product| product.as_proto());

/// A page of products.
pub(super) struct ProductConnection {
    page: Page<Product>,
    info: PageInfo,
}

impl From<Page<Product>> for ProductConnection {
    fn from(page: Page<Product>) -> Self {
        let info = page.info();
        Self { page, info }
    }
}

impl ProductConnection {
    pub(super) fn edges(&self) -> &[(String, Product)] {
        &self.page.items
    }

    pub(super) fn nodes(&self) -> Vec<&pb::Product> {
        self.page
            .items
            .iter()
            .map(|(_, product)| product.as_proto())
            .collect()
    }

    pub(super) fn info(&self) -> &PageInfo {
        &self.info
    }

    pub(super) fn total_count(&self) -> i32 {
        self.page.total_count
    }
}

sync_object!(ProductConnection: &ProductConnection, |products| {
    edges: &[(String, Product)] = products.edges(),
    nodes: Vec<&pb::Product> = products.nodes(),
    pageInfo: &PageInfo = products.info(),
    totalCount: i32 = products.total_count(),
});
output_type!(ProductConnection as &ProductConnection, |products| products);

sync_object!(ProductEdge: &(String, Product), |edge| {
    cursor: &str = &edge.0,
    node: &pb::Product = edge.1.as_proto(),
});
