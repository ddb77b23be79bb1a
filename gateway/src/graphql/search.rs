//! Full-text search with facets.

use async_graphql::{Context, InputObject, Object};
use comptoir_mesh as mesh;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1 as pb;

use super::connection::{PageArguments, PageInfo};
use super::mask;
use super::product::{Product, ProductConnection, ProductSort};
use super::scalars::Decimal;
use crate::backend::{Failure, RequestData, Services};
use crate::executor::sync_object::{output_type, sync_object};

/// Values of one facet are combined by OR, different facets by AND. categories are slugs and include their descendants. The
/// option, price and availability filters must match the same variant. Prices are in the shop's currency.
#[derive(InputObject, Default)]
pub(super) struct SearchFilters {
    categories: Option<Vec<String>>,
    vendors: Option<Vec<String>>,
    product_types: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    options: Option<Vec<OptionFilter>>,
    price_min: Option<Decimal>,
    price_max: Option<Decimal>,
    available_only: Option<bool>,
}

#[derive(InputObject)]
pub(super) struct OptionFilter {
    name: String,
    values: Vec<String>,
}

sync_object!(
    /// count is exact for the query without this facet's own filter and with all others. value is the value for the filter.
    FacetValue: &pb::FacetValue, |value| {
        value: &str = &value.value,
        label: &str = &value.label,
        count: i32 = value.count,
    }
);

sync_object!(
    /// id is category, vendor, productType, tag, or option.NAME (one facet for each option name).
    Facet: &pb::Facet, |facet| {
        id: &str = &facet.id,
        label: &str = &facet.label,
        values: &[pb::FacetValue] = &facet.values,
    }
);

/// The result of a search.
pub(super) struct SearchConnection {
    products: ProductConnection,
    facets: Vec<pb::Facet>,
}

sync_object!(SearchConnection: &SearchConnection, |found| {
    edges: &[(String, Product)] = found.products.edges(),
    nodes: Vec<&pb::Product> = found.products.nodes(),
    pageInfo: &PageInfo = found.products.info(),
    totalCount: i32 = found.products.total_count(),
    facets: &[pb::Facet] = &found.facets,
});
output_type!(SearchConnection as &SearchConnection, |found| found);

#[derive(Default)]
pub(super) struct SearchQuery;

#[Object]
impl SearchQuery {
    /// Full-text search over title, description, vendor, tags and options. It matches prefixes of the last word, and allows
    /// one typo in words of at least 5 letters, two from 9. Accents and case are ignored.
    async fn search(
        &self,
        ctx: &Context<'_>,
        query: Option<String>,
        #[graphql(default = 24)] first: Option<i32>,
        after: Option<String>,
        filters: Option<SearchFilters>,
        sort: Option<ProductSort>,
    ) -> Result<SearchConnection, Failure> {
        let services = ctx.data_unchecked::<Services>();
        let page_arguments = PageArguments::new(ctx, first, 24, after)?;
        let filters = filters
            .unwrap_or_default()
            .into_proto(services.shop.currency_digits)?;
        let request = pb::SearchProductsRequest {
            query: query.unwrap_or_default(),
            filters: Some(filters),
            sort: ProductSort::to_proto(sort),
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
            with_facets: ctx.look_ahead().field("facets").exists(),
            read_mask: mask::of_products(ctx),
        };
        let answer = services
            .catalog
            .clone()
            .search_products(request)
            .await?
            .into_inner();
        let data = ctx.data_unchecked::<RequestData>();
        // Facets contain the names of categories.
        data.tag("categories");
        let (next, total) = (answer.next_page_token, answer.total_count);
        Ok(SearchConnection {
            products: Product::page(
                data,
                &page_arguments,
                answer.products,
                answer.cursors,
                &next,
                total,
            ),
            facets: answer.facets,
        })
    }

    async fn search_suggestions(
        &self,
        ctx: &Context<'_>,
        prefix: String,
        #[graphql(default = 8)] first: Option<i32>,
    ) -> Result<Vec<String>, Failure> {
        let page_size = first.unwrap_or(8);
        if !(1..=20).contains(&page_size) {
            return Err(Failure::new(
                ErrorReason::LimitOutOfRange,
                "`first` of suggestions is 1 to 20.",
            ));
        }
        ctx.data_unchecked::<RequestData>().tag("products");
        let mut client = ctx.data_unchecked::<Services>().catalog.clone();
        let request = pb::SuggestSearchesRequest { prefix, page_size };
        Ok(client.suggest_searches(request).await?.into_inner().suggestions)
    }
}

impl SearchFilters {
    fn into_proto(self, digits: u32) -> Result<pb::SearchFilters, Failure> {
        let option = |option: OptionFilter| pb::OptionFilter {
            name: option.name,
            values: option.values,
        };
        Ok(pb::SearchFilters {
            categories: self.categories.unwrap_or_default(),
            vendors: self.vendors.unwrap_or_default(),
            product_types: self.product_types.unwrap_or_default(),
            tags: self.tags.unwrap_or_default(),
            options: self.options.unwrap_or_default().into_iter().map(option).collect(),
            price_min: price("filters.priceMin", self.price_min.as_ref(), digits)?,
            price_max: price("filters.priceMax", self.price_max.as_ref(), digits)?,
            available_only: self.available_only.unwrap_or_default(),
        })
    }
}

fn price(field: &str, price: Option<&Decimal>, digits: u32) -> Result<Option<i64>, Failure> {
    let read = |price: &Decimal| comptoir_shop::money::parse_decimal(price.as_str(), digits);
    price.map(read).transpose().map_err(|error| {
        let message = format!("{field}: {error}");
        mesh::Error::field(field, ErrorReason::ValidationFailed, message).into()
    })
}
