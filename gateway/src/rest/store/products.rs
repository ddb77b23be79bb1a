//! The catalogue.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1 as pb;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderName, StatusCode};
use pb::get_product_request::Key;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::app::App;
use crate::backend::present;
use crate::json::Json;
use crate::problem::Problem;
use crate::request::Client;
use crate::rest::calls::Answered as _;
use crate::rest::extract::IdOrSlug;
use crate::rest::parameters::Parameters;
use crate::rest::schema;
use crate::rest::view::{Facet, Product, ProductSort, Tree, cursor};

/// What was found, and how to narrow it down.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductsFound {
    items: Vec<Product>,
    facets: Vec<Facet>,
    next_cursor: Option<String>,
    total_count: i64,
}

/// Guests see all the same, for a moment: what is shown is at most 2 s behind, our own cache included. Staff see more.
fn keeping(client: &Client) -> [(HeaderName, &'static str); 2] {
    let control = if client.user.is_none() {
        "public, max-age=1"
    } else {
        "no-store"
    };
    [(CACHE_CONTROL, control), (VARY, "authorization")]
}

/// Lists and searches products. Values of one filter are OR-ed, different filters AND-ed; each value of a facet is taken as it is.
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
        .answer_for(&[("page_token", "cursor")])?;
    let tree = Tree::of(&app, &found.products).await?;
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
    Ok((keeping(&client), Json(answer)).into_response())
}

/// `sort`, as messages carry it.
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
    // No slug has an underscore, every id has.
    let key = if id_or_slug.contains('_') {
        Key::ProductId(id_or_slug)
    } else {
        Key::Slug(id_or_slug)
    };
    let found = app
        .services
        .catalog
        .clone()
        .get_product(pb::GetProductRequest {
            key: Some(key),
            read_mask: None,
        })
        .await
        .answer();
    let product = present(found.map_err(absent)?.product)?;
    let tagged = Tagged::new(&app, product).await?;
    if is_known(&headers, &tagged.tag) {
        return Ok((StatusCode::NOT_MODIFIED, keeping(&client), [(ETAG, tagged.tag)]).into_response());
    }
    Ok((keeping(&client), tagged).into_response())
}

/// Text that no slug can be is of no product.
fn absent(problem: Problem) -> Problem {
    if matches!(
        problem.error().reason(),
        ErrorReason::ValidationFailed | ErrorReason::InvalidText
    ) {
        return Problem::new(ErrorReason::NotFound, "There is no such product.");
    }
    problem
}

/// Whether the client has this very answer.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let sent = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    sent.flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|sent| sent == "*" || sent.trim_start_matches("W/") == tag)
}

/// A product with its ETag: the version, which changes of it are checked against, and a digest of what is shown, as stock
/// changes without a version.
pub(crate) struct Tagged {
    body: Vec<u8>,
    tag: String,
}

impl Tagged {
    /// A product as it is answered.
    pub(crate) async fn new(app: &App, product: pb::Product) -> Result<Self, Problem> {
        let tree = Tree::of(app, std::slice::from_ref(&product)).await?;
        let version = product.version;
        let body = serde_json::to_vec(&Product::new(product, &tree)).map_err(Error::internal)?;
        let digest: String = Sha256::digest(&body)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            body,
            tag: format!("\"{version}-{digest}\""),
        })
    }
}

impl axum::response::IntoResponse for Tagged {
    fn into_response(self) -> Response {
        let headers = [
            (http::header::CONTENT_TYPE, "application/json".to_owned()),
            (ETAG, self.tag),
        ];
        (headers, self.body).into_response()
    }
}
