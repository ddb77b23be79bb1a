//! The catalogue, for staff.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1 as pb;
use http::header::IF_MATCH;
use http::{HeaderMap, StatusCode};
use pb::get_product_request::Key;

use super::product_input::{ProductInput, ProductUpdate};
use crate::app::App;
use crate::backend::{Paths, present};
use crate::json::Json;
use crate::problem::Problem;
use crate::request::Client;
use crate::rest::calls::CallResult as _;
use crate::rest::extract::{Id, Staff};
use crate::rest::parameters::Parameters;
use crate::rest::schema;
use crate::rest::store::products::ProductResponse;
use crate::rest::view::{Page, Product, ProductSort, ProductStatus, categories_of, cursor};

const PATHS: Paths = &[("product_id", "id"), ("product", "")];

/// Products of every status.
#[utoipa::path(
    get,
    path = "/admin/products",
    params(
        ("query" = Option<schema::SearchQuery>, Query, description = "Part of a title, slug or SKU"),
        ("status" = Option<ProductStatus>, Query),
        ("sort" = Option<ProductSort>, Query),
        ("limit" = Option<schema::PageSize>, Query),
        ("cursor" = Option<schema::Cursor>, Query),
    ),
    responses((status = 200, body = Page<Product>))
)]
pub(crate) async fn list_all_products(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Staff: Staff,
    mut parameters: Parameters,
) -> Result<Json<Page<Product>>, Problem> {
    let status = parameters.name::<ProductStatus>("status", ErrorReason::ValidationFailed)?;
    let sort = parameters.name::<ProductSort>("sort", ErrorReason::InvalidSort)?;
    let request = pb::ListProductsRequest {
        query: parameters.text("query").unwrap_or_default(),
        status: status
            .map_or(pb::ProductStatus::Unspecified, pb::ProductStatus::from)
            .into(),
        sort: sort
            .map_or(pb::ProductSort::Unspecified, pb::ProductSort::from)
            .into(),
        page_size: parameters.limit(app.env.limit_list)?,
        page_token: parameters.cursor(),
        ..Default::default()
    };
    parameters.finish()?;
    let found = app
        .services
        .catalog
        .clone()
        .list_products(request)
        .await
        .or_problem_for(&[("page_token", "cursor")])?;
    let tree = categories_of(&app.request_data(&client), &found.products).await?;
    let items = found
        .products
        .into_iter()
        .map(|product| Product::new(product, &tree))
        .collect();
    Ok(Json(Page {
        items,
        next_cursor: cursor(found.next_page_token),
        total_count: found.total_count,
    }))
}

/// Creates a product.
#[utoipa::path(post, path = "/admin/products", request_body = ProductInput, responses((status = 201, body = Product, headers(("ETag" = String))), (status = 409), (status = 422)))]
pub(crate) async fn create_product(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Staff: Staff,
    Json(input): Json<ProductInput>,
) -> Result<Response, Problem> {
    let request = pb::CreateProductRequest {
        product: Some(input.into()),
    };
    let created = app
        .services
        .catalog
        .clone()
        .create_product(request)
        .await
        .or_problem_for(PATHS)?;
    let product = ProductResponse::new(&app.request_data(&client), present(created.product)?).await?;
    Ok((StatusCode::CREATED, product).into_response())
}

/// Changes a product, if it still has the ETag in `If-Match`.
#[utoipa::path(
    patch,
    path = "/admin/products/{id}",
    request_body = ProductUpdate,
    params(("If-Match" = String, Header, description = "The ETag of the product; 428 without, 412 when it has changed")),
    responses((status = 200, body = Product, headers(("ETag" = String))), (status = 409), (status = 412), (status = 422), (status = 428))
)]
pub(crate) async fn update_product(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Staff: Staff,
    Id(product_id): Id,
    headers: HeaderMap,
    Json(update): Json<ProductUpdate>,
) -> Result<Response, Problem> {
    let sent = version(&headers)?;
    let mut catalog = app.services.catalog.clone();
    let key = Some(Key::ProductId(product_id.clone()));
    let found = present(
        catalog
            .get_product(pb::GetProductRequest { key, read_mask: None })
            .await
            .or_problem_for(PATHS)?
            .product,
    )?;
    // A tag without a version matches no version.
    let version = sent
        .filter(|version| *version == found.version)
        .ok_or_else(stale)?;
    // What is left out is taken from the version that the change is checked against, so that no other change is lost.
    let product = Some(update.apply_to(found));
    let request = pb::UpdateProductRequest {
        product_id,
        product,
        version,
    };
    let updated = catalog.update_product(request).await.or_problem_for(PATHS)?;
    Ok(
        ProductResponse::new(&app.request_data(&client), present(updated.product)?)
            .await?
            .into_response(),
    )
}

/// Removes a product. Orders keep their own copy of its data.
#[utoipa::path(delete, path = "/admin/products/{id}", responses((status = 204)))]
pub(crate) async fn delete_product(
    State(app): State<Arc<App>>,
    Staff: Staff,
    Id(product_id): Id,
) -> Result<StatusCode, Problem> {
    let request = pb::DeleteProductRequest { product_id };
    app.services
        .catalog
        .clone()
        .delete_product(request)
        .await
        .or_problem_for(PATHS)?;
    Ok(StatusCode::NO_CONTENT)
}

fn stale() -> Problem {
    Problem::new(
        ErrorReason::VersionConflict,
        "It has changed since it was read. Read it again.",
    )
}

/// Reads the version in `If-Match`: the digits before the digest. `None` if there are none.
fn version(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let sent = headers
        .get(IF_MATCH)
        .filter(|tag| tag.as_bytes() != b"*")
        .ok_or_else(|| {
            Problem::new(
                ErrorReason::PreconditionRequired,
                "Send If-Match with the ETag of the product that was read.",
            )
        })?;
    let tag = sent
        .to_str()
        .unwrap_or_default()
        .trim()
        .trim_start_matches("W/")
        .trim_matches('"');
    Ok(tag.split('-').next().and_then(|version| version.parse().ok()))
}
