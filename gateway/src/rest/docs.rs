//! `/openapi.json`, and `/docs`, a page to read it and to try requests. The page's files are part of the binary: nothing is
//! loaded from other hosts.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The content policy of the page: its own scripts and calls, and inline styles.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
);
const MAX_AGE: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// The routes of the document and its page.
pub(crate) fn routes(document: &OpenApi) -> Router {
    let text = Bytes::from(text(document));
    let page: Router = SwaggerUi::new("/docs")
        .config(Config::from("/openapi.json"))
        .into();
    let page = page.layer(SetResponseHeaderLayer::overriding(
        CONTENT_SECURITY_POLICY,
        POLICY,
    ));
    page.route("/openapi.json", get(move || async move { json(text) }))
}

/// The text of the document, as it is served and stored in the repository.
pub(crate) fn text(document: &OpenApi) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

fn json(text: Bytes) -> Response {
    let mut response = Response::new(text.into());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, MAX_AGE);
    response
}
