//! GraphiQL, at `/graphql` for browsers. Its files are embedded in the program, like those of `/docs`.

use axum::Router;
use axum::body::Body;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

/// The URLs of the files contain their version, so that browsers may cache them forever.
const PAGE: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>GraphiQL · Comptoir</title>\
    <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/graphiql/4.1.2/graphiql.min.css\">\
    <style>body { margin: 0 } #graphiql { height: 100dvh }</style></head>\
    <body><div id=\"graphiql\">Loading…</div>\
    <script src=\"/graphiql/4.1.2/react.production.min.js\"></script>\
    <script src=\"/graphiql/4.1.2/react-dom.production.min.js\"></script>\
    <script src=\"/graphiql/4.1.2/graphiql.min.js\"></script>\
    <script src=\"/graphiql/4.1.2/start.js\"></script></body></html>";

/// Its own files, the styles it sets on its elements, its fonts, which are within its styles, and the API.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; \
     connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLES: &str = "text/css; charset=utf-8";

/// The page.
pub(crate) fn page() -> Response {
    let mut response = Html(PAGE).into_response();
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// The routes of its files.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let packed =
        |media: &'static str, bytes: &'static [u8]| get(move || async move { file(media, bytes, true) });
    Router::new()
        .route(
            "/graphiql/4.1.2/graphiql.min.js",
            packed(SCRIPT, include_bytes!("../../assets/graphiql/graphiql.min.js.gz")),
        )
        .route(
            "/graphiql/4.1.2/graphiql.min.css",
            packed(
                STYLES,
                include_bytes!("../../assets/graphiql/graphiql.min.css.gz"),
            ),
        )
        .route(
            "/graphiql/4.1.2/react.production.min.js",
            packed(
                SCRIPT,
                include_bytes!("../../assets/graphiql/react.production.min.js.gz"),
            ),
        )
        .route(
            "/graphiql/4.1.2/react-dom.production.min.js",
            packed(
                SCRIPT,
                include_bytes!("../../assets/graphiql/react-dom.production.min.js.gz"),
            ),
        )
        .route(
            "/graphiql/4.1.2/start.js",
            get(|| async { file(SCRIPT, include_bytes!("../../assets/graphiql/start.js"), false) }),
        )
}

/// A file as it is kept: packed by gzip, which every browser takes, and nothing but browsers loads these.
fn file(media: &'static str, bytes: &'static [u8], is_packed: bool) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, KEEP);
    if is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
