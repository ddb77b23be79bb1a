//! What a caller asks, checked, and the answer as the contract words it.

use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::{Error, page};
use comptoir_proto::catalog::v1::{
    self as proto, ProductSort, SearchFilters, SearchProductsRequest, SuggestSearchesRequest,
};
use prost::Message as _;

use super::Index;
use super::cursor;
use super::facets::Facet;
use super::filters::Filters;
use super::query::{Query, Sort};

/// Products on a page unless the caller says otherwise.
const PAGE: u32 = 24;
/// Suggestions unless the caller says otherwise, and the most.
const SUGGESTIONS: (u32, u32) = (8, 20);

/// What is found, before the products are read: their ids in order.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) product_ids: Vec<String>,
    /// One for each of the ids.
    pub(crate) cursors: Vec<String>,
    pub(crate) more: bool,
    pub(crate) total: i64,
    pub(crate) facets: Vec<proto::Facet>,
}

/// The most a caller may ask for; 0 is no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Characters of a query.
    pub(crate) query: usize,
    /// Products on a page.
    pub(crate) page: u32,
}

/// Answers the request from the index.
///
/// QUERY_TOO_LONG · INVALID_ENCODING · INVALID_SORT · LIMIT_OUT_OF_RANGE · VALIDATION_FAILED on `page_token` · OVERLOADED.
pub(crate) async fn search(
    index: &Index,
    request: &SearchProductsRequest,
    limits: Limits,
) -> Result<Page, Error> {
    let (query, fingerprint) = query(request, limits)?;
    let found = index.search(query).await?;
    Ok(Page {
        cursors: found
            .hits
            .iter()
            .map(|hit| cursor::encode(hit, fingerprint))
            .collect(),
        product_ids: found.hits.into_iter().map(|hit| hit.id).collect(),
        more: found.more,
        total: i64::try_from(found.total).unwrap_or(i64::MAX),
        facets: found.facets.into_iter().map(proto::Facet::from).collect(),
    })
}

/// Completions of what was typed. QUERY_TOO_LONG · INVALID_ENCODING · LIMIT_OUT_OF_RANGE · OVERLOADED.
pub(crate) async fn suggest(
    index: &Index,
    request: &SuggestSearchesRequest,
    limits: Limits,
) -> Result<Vec<String>, Error> {
    check_text("prefix", &request.prefix, limits.query)?;
    let (default, most) = SUGGESTIONS;
    let limit = page::size(request.page_size, default, most)? as usize;
    index.suggest(&request.prefix, limit).await
}

fn query(request: &SearchProductsRequest, limits: Limits) -> Result<(Query, u64), Error> {
    check_text("query", &request.query, limits.query)?;
    let filters = request.filters.clone().unwrap_or_default();
    check_filters(&filters)?;
    let sort = sort(request)?;
    let fingerprint = {
        let mut bytes = filters.encode_to_vec();
        bytes.push(sort as u8);
        bytes.extend(request.query.as_bytes());
        cursor::fingerprint(&bytes)
    };
    let after = match request.page_token.as_str() {
        "" => None,
        token => Some(cursor::decode(token, fingerprint)?),
    };
    let query = Query {
        text: request.query.clone(),
        filters: filters.into(),
        sort,
        after,
        limit: page::size(request.page_size, PAGE, limits.page)? as usize,
        with_facets: request.with_facets,
    };
    Ok((query, fingerprint))
}

fn check_text(field: &str, text: &str, limit: usize) -> Result<(), Error> {
    if text.contains('\0') {
        return Err(Error::field(
            field,
            ErrorReason::InvalidEncoding,
            "The text holds a NUL character.",
        ));
    }
    if limit > 0 && text.chars().nth(limit).is_some() {
        let message = format!("A search has at most {limit} characters.");
        return Err(Error::field(field, ErrorReason::QueryTooLong, message));
    }
    Ok(())
}

fn check_filters(filters: &SearchFilters) -> Result<(), Error> {
    let prices = [
        ("filters.price_min", filters.price_min),
        ("filters.price_max", filters.price_max),
    ];
    for (field, price) in prices {
        if price.is_some_and(|price| price < 0) {
            return Err(Error::field(
                field,
                ErrorReason::ValidationFailed,
                "A price is 0 or more.",
            ));
        }
    }
    let options = filters
        .options
        .iter()
        .flat_map(|option| std::iter::once(&option.name).chain(&option.values));
    let texts = [
        &filters.categories,
        &filters.vendors,
        &filters.product_types,
        &filters.tags,
    ];
    if texts
        .into_iter()
        .flatten()
        .chain(options)
        .any(|text| text.contains('\0'))
    {
        return Err(Error::field(
            "filters",
            ErrorReason::InvalidEncoding,
            "A filter holds a NUL character.",
        ));
    }
    Ok(())
}

fn sort(request: &SearchProductsRequest) -> Result<Sort, Error> {
    let sort = ProductSort::try_from(request.sort)
        .map_err(|_| Error::field("sort", ErrorReason::InvalidSort, "There is no such sort."))?;
    Ok(match sort {
        ProductSort::Unspecified if request.query.trim().is_empty() => Sort::Newest,
        ProductSort::Unspecified | ProductSort::Relevance => Sort::Relevance,
        ProductSort::PriceAsc => Sort::PriceAsc,
        ProductSort::PriceDesc => Sort::PriceDesc,
        ProductSort::Newest => Sort::Newest,
        ProductSort::TitleAsc => Sort::TitleAsc,
    })
}

impl From<SearchFilters> for Filters {
    fn from(filters: SearchFilters) -> Self {
        Self {
            categories: filters.categories,
            vendors: filters.vendors,
            product_types: filters.product_types,
            tags: filters.tags,
            options: filters
                .options
                .into_iter()
                .map(|option| (option.name, option.values))
                .collect(),
            price_min: filters.price_min,
            price_max: filters.price_max,
            available_only: filters.available_only,
        }
    }
}

impl From<Facet> for proto::Facet {
    fn from(facet: Facet) -> Self {
        let value = |value: super::facets::FacetValue| proto::FacetValue {
            value: value.value,
            label: value.label,
            count: i32::try_from(value.count).unwrap_or(i32::MAX),
        };
        Self {
            id: facet.id,
            label: facet.label,
            values: facet.values.into_iter().map(value).collect(),
        }
    }
}
