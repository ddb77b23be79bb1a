//! The last step: renders the body of a refusal, sets headers, and records metrics and the log line of a refusal.

use std::sync::Arc;

use axum::response::Response;
use comptoir_mesh::Error;
use comptoir_mesh::error::{ErrorReason, Reason as _};
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::RequestInfo;
use crate::app::App;
use crate::endpoint;
use crate::problem::Problem;
use crate::request::{Allowance, Cors};

/// The pattern of the matched route, passed in the response's extensions. Metrics and log lines use it instead of the path,
/// which may contain the id of a cart.
#[derive(Clone, Debug)]
pub(crate) struct Route(pub(crate) Arc<str>);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Completes a response. `graphql` is the media type if the request was for GraphQL.
pub(super) fn finish(
    app: &App,
    info: RequestInfo,
    outcome: Result<Response, Problem>,
    graphql: Option<HeaderValue>,
) -> Response {
    let (mut response, refusal) = match outcome {
        Ok(mut response) => {
            let refusal = response
                .extensions_mut()
                .remove::<Problem>()
                .or_else(|| library_refusal(&response));
            (response, refusal)
        }
        Err(problem) => (Response::default(), Some(problem)),
    };
    let route = response.extensions_mut().remove::<Route>();
    if let Some(problem) = &refusal {
        let mut answer = problem.answer(&info.request_id, graphql);
        for (name, value) in response.headers() {
            if name != CONTENT_TYPE && name != CONTENT_LENGTH && !answer.headers().contains_key(name) {
                answer.headers_mut().insert(name, value.clone());
            }
        }
        response = answer;
    }
    let status = response.status();
    measure(app, &info, route.as_ref(), status);
    if let Some(problem) = &refusal {
        log(&info, route.as_ref(), status, problem.error());
    }
    let headers = response.headers_mut();
    secure(headers);
    if let Ok(value) = HeaderValue::from_str(&info.request_id) {
        headers.insert(REQUEST_ID, value);
    }
    if let Some(Allowance { limit, remaining, .. }) = info.allowance {
        headers.insert(RATE_LIMIT, limit.into());
        headers.insert(RATE_REMAINING, remaining.into());
    }
    Cors::allow(info.origin, headers);
    response
}

/// The problem of an error response that a library created with its own text.
fn library_refusal(response: &Response) -> Option<Problem> {
    let status = response.status();
    let worded = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| !value.as_bytes().starts_with(b"text/plain"));
    if worded || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let (reason, message) = match status {
        StatusCode::NOT_FOUND => (ErrorReason::NotFound, "There is no such path."),
        StatusCode::METHOD_NOT_ALLOWED => (
            ErrorReason::MethodNotAllowed,
            "The path does not support this method.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (ErrorReason::PayloadTooLarge, "The body is too large."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            ErrorReason::UnsupportedMediaType,
            "The content type is not supported.",
        ),
        StatusCode::UPGRADE_REQUIRED => (
            ErrorReason::ValidationFailed,
            "The upgrade request is incomplete.",
        ),
        _ if status.is_client_error() => (
            ErrorReason::ValidationFailed,
            "The request does not have the right form.",
        ),
        _ => (ErrorReason::Internal, "Something went wrong on our side."),
    };
    Some(Problem::new(reason, message))
}

/// Sets security headers: no framing, no sniffing, no caching. Pages set a content policy of their own.
fn secure(headers: &mut HeaderMap) {
    headers.reserve(10);
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    // Not no-referrer: with it, browsers send `Origin: null` from the gateway's own forms.
    set(REFERRER_POLICY, "same-origin");
    set(
        PERMISSIONS_POLICY,
        "camera=(), geolocation=(), microphone=(), payment=()",
    );
    set(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    set(CACHE_CONTROL, "no-store");
}

fn measure(app: &App, info: &RequestInfo, route: Option<&Route>, status: StatusCode) {
    let is_graphql = route.is_none() && info.uri.path() == endpoint::PATH;
    let route = match route {
        Some(route) => metrics::SharedString::from(route.0.clone()),
        None if is_graphql => endpoint::PATH.into(),
        None => "".into(),
    };
    let histogram = || {
        metrics::histogram!("http_request_duration_seconds",
            "route" => route, "method" => method_label(&info.method), "status" => status_label(status))
    };
    let seconds = info.started.elapsed().as_secs_f64();
    if is_graphql && status == StatusCode::OK && info.method == Method::POST {
        // The histogram is kept: looking it up costs more than recording.
        app.graphql_duration.get_or_init(histogram).record(seconds);
    } else {
        histogram().record(seconds);
    }
}

/// Bounds the label: clients can invent methods.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PUT" => "PUT",
        _ => "other",
    }
}

fn status_label(status: StatusCode) -> metrics::SharedString {
    match status.as_u16() {
        200 => "200".into(),
        other => other.to_string().into(),
    }
}

/// Logs one line for each refusal. Routes are logged by pattern and without the query, which may contain an access token.
fn log(info: &RequestInfo, route: Option<&Route>, status: StatusCode, error: &Error) {
    let path: String = match route {
        Some(route) => route.0.to_string(),
        None => info.uri.path().chars().take(200).collect(),
    };
    let reason = error.reason().code();
    let (method, address) = (info.method.as_str(), info.address);
    let milliseconds = u64::try_from(info.started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let request_id = &*info.request_id;
    let status = status.as_u16();
    match error.cause() {
        Some(cause) if error.reason() == ErrorReason::Internal => tracing::error!(
            request_id, error.reason = reason, error.cause = %format!("{cause:#}"), http.method = method, http.path = path,
            http.status = status, http.milliseconds = milliseconds, client.address = %address, "request failed"
        ),
        Some(cause) => tracing::warn!(
            request_id, error.reason = reason, error.cause = %format!("{cause:#}"), http.method = method, http.path = path,
            http.status = status, http.milliseconds = milliseconds, client.address = %address, "request failed"
        ),
        None => tracing::info!(
            request_id, error.reason = reason, http.method = method, http.path = path,
            http.status = status, http.milliseconds = milliseconds, client.address = %address, "request refused"
        ),
    }
}
