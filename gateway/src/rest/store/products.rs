//! Products in the storefront.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_mesh::context;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1 as pb;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderName, StatusCode};
use pb::get_product_request::Key;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::app::App;
use crate::backend::{RequestData, present};
use crate::cache::{Loaded, Responses};
use crate::json::Json;
use crate::problem::Problem;
use crate::request::Client;
use crate::rest::calls::CallResult as _;
use crate::rest::extract::IdOrSlug;
use crate::rest::parameters::Parameters;
use crate::rest::schema;
use crate::rest::view::{Facet, Product, ProductSort, categories_of, cursor};

/// The products found, and the facets to filter them by.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductsFound {
    items: Vec<Product>,
    facets: Vec<Facet>,
    next_cursor: Option<String>,
    total_count: i64,
}

/// Guests' answers are the same for all, and may be cached for a second: with the gateway's own cache they are at most 2 s
/// old. Staff see other fields.
fn cache_headers(client: &Client) -> [(HeaderName, &'static str); 2] {
    let control = if client.user.is_none() {
        "public, max-age=1"
    } else {
        "no-store"
    };
    [(CACHE_CONTROL, control), (VARY, "authorization")]
}

/// Lists and searches products. Values of one filter are combined by OR, filters by AND. Values of facets match exactly.
#[utoipa::path(
    get,
    path = "/store/products",
    params(
        ("query" = Option<schema::SearchQuery>, Query),
        ("category" = Option<Vec<schema::FilterValue>>, Query, style = Form, explode,
            description = "A slug; its descendants too. Repeat the parameter for several"),
        ("vendor" = Option<Vec<schema::FilterValue>>, Query, style = Form, explode,
            description = "A value of the facet. Repeat the parameter for several"),
        ("productType" = Option<Vec<schema::FilterValue>>, Query, style = Form, explode,
            description = "A value of the facet. Repeat the parameter for several"),
        ("tag" = Option<Vec<schema::FilterValue>>, Query, style = Form, explode,
            description = "A value of the facet. Repeat the parameter for several"),
        ("option.NAME" = Option<Vec<schema::FilterValue>>, Query, style = Form, explode,
            description = "A value of the option NAME. Repeat the parameter for several"),
        ("priceMin" = Option<schema::Price>, Query, description = "A decimal in the shop's currency, inclusive"),
        ("priceMax" = Option<schema::Price>, Query, description = "A decimal in the shop's currency, inclusive"),
        ("available" = Option<bool>, Query, description = "true: only what can be bought now"),
        ("sort" = Option<ProductSort>, Query),
        ("limit" = Option<schema::PageSize>, Query),
        ("cursor" = Option<schema::Cursor>, Query, description = "`nextCursor` of an earlier answer to the same query"),
    ),
    responses((status = 200, body = ProductsFound))
)]
pub(crate) async fn list_products(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let request = pb::SearchProductsRequest {
        query: parameters.text("query").unwrap_or_default(),
        filters: Some(filters(&mut parameters, app.services.shop.currency_digits)?),
        sort: sort(&mut parameters)?,
        page_size: parameters.limit(app.env.limit_list)?,
        page_token: parameters.cursor(),
        with_facets: true,
        read_mask: None,
    };
    parameters.finish()?;
    let found = app
        .services
        .catalog
        .clone()
        .search_products(request)
        .await
        .or_problem_for(&[("page_token", "cursor")])?;
    let tree = categories_of(&app.request_data(&client), &found.products).await?;
    let answer = ProductsFound {
        items: found
            .products
            .into_iter()
            .map(|product| Product::new(product, &tree))
            .collect(),
        facets: found.facets.into_iter().map(Facet::from).collect(),
        next_cursor: cursor(found.next_page_token),
        total_count: found.total_count,
    };
    Ok((cache_headers(&client), Json(answer)).into_response())
}

/// `sort`, as in messages.
fn sort(parameters: &mut Parameters) -> Result<i32, Problem> {
    let sort = parameters.name::<ProductSort>("sort", ErrorReason::InvalidSort)?;
    Ok(sort
        .map_or(pb::ProductSort::Unspecified, pb::ProductSort::from)
        .into())
}

fn filters(parameters: &mut Parameters, digits: u32) -> Result<pb::SearchFilters, Problem> {
    let options = parameters.options()?;
    Ok(pb::SearchFilters {
        categories: parameters.list("category"),
        vendors: parameters.list("vendor"),
        product_types: parameters.list("productType"),
        tags: parameters.list("tag"),
        options: options
            .into_iter()
            .map(|(name, values)| pb::OptionFilter { name, values })
            .collect(),
        price_min: parameters.price("priceMin", digits)?,
        price_max: parameters.price("priceMax", digits)?,
        available_only: parameters.flag("available")?,
    })
}

/// A product by its id or slug.
#[utoipa::path(
    get,
    path = "/store/products/{idOrSlug}",
    params(("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Product, headers(("ETag" = String, description = "For If-None-Match and If-Match"))),
        (status = 304, headers(("ETag" = String))),
    )
)]
pub(crate) async fn get_product(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    IdOrSlug(id_or_slug): IdOrSlug,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let product = match &app.rest_responses {
        Some(responses) if client.user.is_none() => find_or_load(&app, responses, id_or_slug).await?,
        _ => read(&app, &app.request_data(&client), id_or_slug).await?,
    };
    if matches_etag(&headers, &product.etag) {
        return Ok((
            StatusCode::NOT_MODIFIED,
            cache_headers(&client),
            [(ETAG, product.etag)],
        )
            .into_response());
    }
    Ok((cache_headers(&client), product).into_response())
}

/// Returns the stored answer for guests, or loads it. Of the callers that get an old one, one has it loaded in the
/// background.
async fn find_or_load(
    app: &Arc<App>,
    responses: &Arc<Responses>,
    id_or_slug: String,
) -> Result<ProductResponse, Problem> {
    let key = Bytes::from(format!("/store/products/{id_or_slug}"));
    let found = responses.find(&key);
    if let Some((stored, false)) = &found {
        return Ok(ProductResponse::from_stored(stored));
    }
    let (app, responses) = (app.clone(), responses.clone());
    let background = app.background();
    let load = async move {
        let data = app.request_data(&Client::unknown());
        let product = read(&app, &data, id_or_slug).await?;
        Ok(Loaded {
            body: product.to_stored(),
            tags: data.public_tags(),
        })
    };
    let load = context::scope(background, async move { responses.load(&key, load).await });
    match found {
        Some((stored, _)) => {
            tokio::spawn(load);
            Ok(ProductResponse::from_stored(&stored))
        }
        None => {
            metrics::counter!("cache_requests_total", "cache" => "response", "outcome" => "miss")
                .increment(1);
            Ok(ProductResponse::from_stored(&load.await?))
        }
    }
}

/// Reads a product.
async fn read(app: &App, data: &RequestData, id_or_slug: String) -> Result<ProductResponse, Problem> {
    // Every id contains an underscore, and no slug does.
    let key = if id_or_slug.contains('_') {
        Key::ProductId(id_or_slug)
    } else {
        Key::Slug(id_or_slug)
    };
    let request = pb::GetProductRequest {
        key: Some(key),
        read_mask: None,
    };
    let found = app
        .services
        .catalog
        .clone()
        .get_product(request)
        .await
        .or_problem();
    ProductResponse::new(data, present(found.map_err(absent)?.product)?).await
}

/// A text that cannot be a slug belongs to no product.
fn absent(problem: Problem) -> Problem {
    if matches!(
        problem.error().reason(),
        ErrorReason::ValidationFailed | ErrorReason::InvalidText
    ) {
        return Problem::new(ErrorReason::NotFound, "There is no such product.");
    }
    problem
}

/// Whether the client already has this answer.
fn matches_etag(headers: &HeaderMap, tag: &str) -> bool {
    let sent = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    sent.flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|sent| sent == "*" || sent.trim_start_matches("W/") == tag)
}

/// A product with its ETag: the version, which changes are checked against, and a digest of the answer, because stock
/// changes without a new version.
pub(crate) struct ProductResponse {
    etag: String,
    json: Bytes,
}

impl ProductResponse {
    /// Renders a product. The answer of `data` then depends on it and on its category.
    pub(crate) async fn new(data: &RequestData, product: pb::Product) -> Result<Self, Problem> {
        data.tag(format!("product:{}", product.id));
        if let Some(id) = &product.category_id {
            data.tag_category(id);
        }
        let tree = categories_of(data, std::slice::from_ref(&product)).await?;
        let version = product.version;
        let json = serde_json::to_vec(&Product::new(product, &tree)).map_err(Error::internal)?;
        let digest: String = Sha256::digest(&json)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            etag: format!("\"{version}-{digest}\""),
            json: json.into(),
        })
    }

    /// The form for a cache: the ETag, a line end, the JSON.
    fn to_stored(&self) -> Bytes {
        [self.etag.as_bytes(), b"\n", &self.json].concat().into()
    }

    fn from_stored(stored: &Bytes) -> Self {
        let end = stored.iter().position(|byte| *byte == b'\n').unwrap_or(0);
        Self {
            etag: String::from_utf8_lossy(&stored[..end]).into_owned(),
            json: stored.slice(end + 1..),
        }
    }
}

impl axum::response::IntoResponse for ProductResponse {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, "application/json".to_owned()), (ETAG, self.etag)];
        (headers, self.json).into_response()
    }
}
