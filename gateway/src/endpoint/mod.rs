//! `/graphql`. The checks of a request run in this order, and the first that fails answers: body size → media type → JSON →
//! document size and tokens → parse → depth, aliases, directives → validation → cost → identity → the fields.
//!
//! The checks are in the module `executor`; `execute` calls them in order. A document that was valid before skips most of
//! them. A request whose answer is stored skips all of them (`cached`).

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

/// The path of the endpoint.
pub(crate) const PATH: &str = "/graphql";

const GRAPHQL_JSON: &str = "application/graphql-response+json";
const PLAIN_JSON: &str = "application/json";

/// The caller, as resolvers need it.
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
            // It is ASCII, because `to_str` accepts nothing else, so it can be cut at any byte.
            user_agent: user_agent.map(|text| text.get(..512).unwrap_or(text).to_owned()),
            language: preferred_language(headers, &app.services.shop.locales),
        }
    }
}

/// The media type of the answer: plain JSON only if the client asks for nothing else.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<HeaderValue> {
    if accepts(headers, &[GRAPHQL_JSON]) && !(accepts_exactly(headers, PLAIN_JSON) && only_json(headers)) {
        return Some(HeaderValue::from_static(GRAPHQL_JSON));
    }
    accepts(headers, &[PLAIN_JSON]).then(|| HeaderValue::from_static(PLAIN_JSON))
}

/// Clients that only know JSON send `application/json, */*`.
fn only_json(headers: &HeaderMap) -> bool {
    !accepts_exactly(headers, GRAPHQL_JSON) && !accepts_exactly(headers, "application/*")
}

/// Whether the answer is a stream: a WebSocket or an event stream.
pub(crate) fn is_stream(parts: &Parts) -> bool {
    let path = parts.uri.path();
    parts.method == Method::GET && (path == PATH || path.ends_with("/events"))
}

/// Answers a request.
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

/// Answers a GET: a WebSocket, or GraphiQL in development. Queries are refused, because a URL ends up in logs and caches.
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
