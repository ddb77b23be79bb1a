//! `/graphql`. A request is checked in this order, and the first check that fails answers: body size → media type → JSON →
//! document size and tokens → parse → depth, aliases, directives → validation → cost → identity → the fields.
//!
//! `tokens`, `shape`, `directives`, `cost` and `values` are those checks, `execute` puts them in their order. `document` is the way around
//! most of them for a document that was valid before, `cached` the way around all of them for an answer that is kept.

mod cached;
mod execute;
mod request;
mod websocket;

use std::sync::Arc;

use axum::BoxError;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use comptoir_mesh::config::Profile;
use comptoir_mesh::error::ErrorReason;
use http::header::{ALLOW, CONTENT_TYPE, UPGRADE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt as _;

use crate::app::App;
use crate::json;
use crate::pages;
use crate::problem::Problem;
use crate::request::{Client, Identity, LimitedBody, accepts, accepts_exactly, preferred_language};

/// Where the endpoint is.
pub(crate) const PATH: &str = "/graphql";

const GRAPHQL_JSON: &str = "application/graphql-response+json";
const PLAIN_JSON: &str = "application/json";

/// Who asks, for the data of an operation.
#[derive(Clone)]
struct Caller {
    client: Client,
    user_agent: Option<String>,
    language: Option<String>,
}

impl Caller {
    fn new(app: &App, client: Client, headers: &HeaderMap) -> Self {
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            client,
            // Of ASCII alone: nothing else is to_str.
            user_agent: user_agent.map(|text| text.get(..512).unwrap_or(text).to_owned()),
            language: preferred_language(headers, &app.services.shop.locales),
        }
    }
}

/// The media type of the answer: plain JSON only for a client that asks for nothing else.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<HeaderValue> {
    if accepts(headers, &[GRAPHQL_JSON]) && !(accepts_exactly(headers, PLAIN_JSON) && only_json(headers)) {
        return Some(HeaderValue::from_static(GRAPHQL_JSON));
    }
    accepts(headers, &[PLAIN_JSON]).then(|| HeaderValue::from_static(PLAIN_JSON))
}

/// `application/json, */*` is what clients send that know of JSON alone.
fn only_json(headers: &HeaderMap) -> bool {
    !accepts_exactly(headers, GRAPHQL_JSON) && !accepts_exactly(headers, "application/*")
}

/// Whether the answer is open-ended: a WebSocket or an event stream.
pub(crate) fn is_stream(parts: &Parts) -> bool {
    let path = parts.uri.path();
    parts.method == Method::GET && (path == PATH || path.ends_with("/events"))
}

/// Answers a request for the endpoint.
pub(crate) async fn serve<B>(
    app: &Arc<App>,
    client: Client,
    identity: Identity,
    parts: Parts,
    body: LimitedBody<B>,
) -> Result<Response, Problem>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    match parts.method {
        Method::POST => post(app, client, identity, &parts, body).await,
        Method::GET => Box::pin(get(app, client, identity, parts)).await,
        _ => Ok(method_not_allowed()),
    }
}

async fn post<B>(
    app: &Arc<App>,
    client: Client,
    identity: Identity,
    parts: &Parts,
    body: LimitedBody<B>,
) -> Result<Response, Problem>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let body = body
        .collect()
        .await
        .map_err(|error| json::body_error(&*error))?
        .to_bytes();
    if !json::is_json(&parts.headers) {
        return Err(Problem::new(
            ErrorReason::UnsupportedMediaType,
            "Send the request as application/json.",
        ));
    }
    let Some(media_type) = media_type(&parts.headers) else {
        return Err(Problem::new(
            ErrorReason::NotAcceptable,
            "Only GraphQL over JSON is produced here.",
        ));
    };
    if let Some(kept) = cached::find(app, &identity, &body) {
        return Ok(answer(kept, media_type));
    }
    let caller = Caller::new(app, client, &parts.headers);
    let body = Box::pin(cached::load(app, caller, identity, body)).await?;
    Ok(answer(body, media_type))
}

fn answer(body: Bytes, media_type: HeaderValue) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// A WebSocket, GraphiQL in development, and nothing else: a query in an address would end in logs and caches.
async fn get(app: &Arc<App>, client: Client, identity: Identity, parts: Parts) -> Result<Response, Problem> {
    if parts.headers.contains_key(UPGRADE) {
        return websocket::upgrade(app, client, identity, parts).await;
    }
    let is_development = app.env.profile == Profile::Development;
    if is_development && parts.uri.query().is_none() && accepts_exactly(&parts.headers, "text/html") {
        return Ok(pages::graphiql());
    }
    Ok(method_not_allowed())
}

fn method_not_allowed() -> Response {
    let problem = Problem::new(ErrorReason::MethodNotAllowed, "Send operations by POST.");
    let mut response = problem.into_response();
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("POST"));
    response
}
