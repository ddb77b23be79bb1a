//! Imports products from a CSV file.

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use comptoir_mesh::context;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1 as pb;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use tokio::time::{Instant, Interval, interval_at};
use utoipa::ToSchema;

use crate::app::App;
use crate::json::Json;
use crate::problem::Problem;
use crate::request::accepts_exactly;
use crate::rest::extract::Staff;
use crate::rest::parameters::Parameters;
use crate::rest::schema;
use crate::rest::upload;

const LINES: &str = "application/x-ndjson";
const SECOND: Duration = Duration::from_secs(1);

/// The result of an import.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImportReport {
    products: ImportedProducts,
    variants: i32,
    images: i32,
    /// One for each row that was refused, at most 1,000.
    errors: Vec<ImportError>,
    /// One for each value that was changed or ignored, at most 1,000.
    remarks: Vec<ImportRemark>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ImportedProducts {
    created: i32,
    updated: i32,
    unchanged: i32,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ImportError {
    /// The header is line 1.
    line: i64,
    code: String,
    message: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ImportRemark {
    /// The header is line 1.
    line: i64,
    code: String,
    message: String,
}

impl From<pb::ImportProductsResponse> for ImportReport {
    fn from(report: pb::ImportProductsResponse) -> Self {
        let error = |error: pb::ImportError| ImportError {
            line: error.line,
            code: error.code,
            message: error.message,
        };
        let remark = |remark: pb::ImportRemark| ImportRemark {
            line: remark.line,
            code: remark.code,
            message: remark.message,
        };
        Self {
            products: ImportedProducts {
                created: report.products_created,
                updated: report.products_updated,
                unchanged: report.products_unchanged,
            },
            variants: report.variants,
            images: report.images,
            errors: report.errors.into_iter().map(error).collect(),
            remarks: report.remarks.into_iter().map(remark).collect(),
        }
    }
}

/// Imports Shopify's product CSV, of the older or the newer template, in UTF-8 or UTF-16.
/// With `Accept: application/x-ndjson` a line of progress is sent every second, `{"progress":{"bytes":N}}`, and at the end
/// the report, or a problem.
#[utoipa::path(
    post,
    path = "/admin/products/import",
    params(("currency" = Option<schema::CurrencyCode>, Query, description = "That of the prices; the shop's")),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, content(
        (ImportReport = "application/json"),
        (ImportReport = "application/x-ndjson"),
    )), (status = 422))
)]
pub(crate) async fn import_products(
    State(app): State<Arc<App>>,
    Staff: Staff,
    mut parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let currency_code = parameters.text("currency").unwrap_or_default();
    parameters.finish()?;
    if !is_csv(&headers) {
        return Err(Problem::new(
            ErrorReason::UnsupportedMediaType,
            "Send the file as text/csv.",
        ));
    }
    let received = Arc::new(AtomicU64::new(0));
    let importing = import(app, currency_code, body, received.clone());
    if !accepts_exactly(&headers, LINES) {
        return importing.await.map(|report| Json(report).into_response());
    }
    let mut importing: Importing = Box::pin(context::scope(context::current(), importing));
    // An import that ends within a second is answered with its own status.
    let text = tokio::select! {
        ended = &mut importing => Body::from(last_line(&ended?)),
        () = tokio::time::sleep(SECOND) => Body::from_stream(progress(importing, received)),
    };
    Ok(([(CONTENT_TYPE, LINES)], text).into_response())
}

type Importing = Pin<Box<dyn Future<Output = Result<ImportReport, Problem>> + Send>>;

async fn import(
    app: Arc<App>,
    currency_code: String,
    body: Body,
    received: Arc<AtomicU64>,
) -> Result<ImportReport, Problem> {
    let first = pb::ImportProductsRequest {
        currency_code,
        ..Default::default()
    };
    let message = |chunk| pb::ImportProductsRequest {
        chunk,
        ..Default::default()
    };
    let mut catalog = app.services.catalog.clone();
    let call = |messages| -> BoxFuture<'static, _> {
        Box::pin(async move { catalog.import_products(messages).await })
    };
    let report: pb::ImportProductsResponse = upload::send(body, first, message, &received, call).await?;
    Ok(report.into())
}

/// The lines of a longer import. It only runs while they are read: a client that disconnects ends it.
fn progress(
    importing: Importing,
    received: Arc<AtomicU64>,
) -> impl futures::Stream<Item = Result<String, Infallible>> {
    let request_id = context::current().request_id;
    let line = |received: &AtomicU64| {
        format!(
            "{{\"progress\":{{\"bytes\":{}}}}}\n",
            received.load(Ordering::Relaxed)
        )
    };
    let first = line(&received);
    let later = stream::unfold(Some((importing, ticks())), move |state| {
        let (received, request_id) = (received.clone(), request_id.clone());
        async move {
            let (mut importing, mut ticks) = state?;
            tokio::select! {
                ended = &mut importing => Some((ended.map_or_else(
                    |problem| String::from_utf8_lossy(&problem.body(&request_id)).into_owned() + "\n",
                    |report| last_line(&report),
                ), None)),
                _ = ticks.tick() => Some((line(&received), Some((importing, ticks)))),
            }
        }
    });
    stream::once(ready(first)).chain(later).map(Ok)
}

fn ticks() -> Interval {
    interval_at(Instant::now() + SECOND, SECOND)
}

fn last_line(report: &ImportReport) -> String {
    serde_json::to_string(report).unwrap_or_default() + "\n"
}

fn is_csv(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("text/csv"))
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            !name.eq_ignore_ascii_case("charset") || is_supported(value.trim_matches('"'))
        })
}

/// The encodings that the import recognises in the file.
fn is_supported(charset: &str) -> bool {
    ["utf-8", "utf-16", "utf-16le", "utf-16be"]
        .iter()
        .any(|read| charset.eq_ignore_ascii_case(read))
}
