//! The steps that every request passes, in one function, so that their order can be read and their cost seen: a cached
//! product page passes all of them.
//!
//! 1. request id and trace, because every later step uses them
//! 2. a panic becomes INTERNAL
//! 3. the size of the head (URI_TOO_LONG, HEADERS_TOO_LARGE), before it is interpreted
//! 4. the origin: preflights are answered, pages of other sites are refused, and pages for developers also require one of
//!    the gateway's host names
//! 5. identity and rate limit; a request over the limit passes no further step
//! 6. the form of the request: gRPC, repeated parameters, encodings
//! 7. the declared size of the body, before it is read
//! 8. the time limit, for reading the body and for the work
//! 9. the GraphQL endpoint, or the router
//! 10. the response: body of a refusal, headers, metrics, log; the connection is closed if the request was not read entirely

mod answer;

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::{BoxError, Router};
use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_mesh::context::{self, Context};
use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::telemetry;
use futures::FutureExt as _;
use http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Uri, Version};
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::app::App;
use crate::config::some;
use crate::endpoint;
use crate::problem::Problem;
use crate::request::{self, Allowance, Client, ClientKey, Cors, Identity, LimitedBody, OriginDecision};
use crate::rest::may_repeat;

pub(crate) use answer::Route;

/// What the response and the log line need to know of the request.
struct RequestInfo {
    started: Instant,
    method: Method,
    uri: Uri,
    request_id: Arc<str>,
    address: IpAddr,
    origin: OriginDecision,
    allowance: Option<Allowance>,
}

/// Answers a request.
pub(crate) async fn handle<B>(
    app: &Arc<App>,
    router: &Router,
    peer: SocketAddr,
    request: Request<B>,
) -> Response
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let mut context = Context {
        deadline: None,
        token: None,
        ..Context::from_headers(&parts.headers)
    };
    // The span has only the method: paths contain ids.
    let span = telemetry::server_span(parts.method.as_str(), &mut context);
    let mut info = RequestInfo {
        started: Instant::now(),
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        request_id: context.request_id.clone(),
        address: request::address(peer, &parts.headers, &app.config.trusted_proxies),
        origin: app.cors.check(&parts, &app.hosts),
        allowance: None,
    };
    let arrived = Arc::new(AtomicBool::new(body.is_end_stream()));
    let keeps_order = parts.version < Version::HTTP_2;
    // If a length was sent too, hyper has removed it. A proxy in front of the gateway may have used that length, and would
    // then disagree about where the next request begins.
    let is_chunked = parts.headers.contains_key(TRANSFER_ENCODING);
    let graphql = (info.uri.path() == endpoint::PATH).then(|| endpoint::media_type(&parts.headers));
    let outcome = AssertUnwindSafe(admit(app, router, &mut info, context, parts, body, &arrived))
        .catch_unwind()
        .instrument(span)
        .await;
    let outcome = outcome.unwrap_or_else(|panic| {
        metrics::counter!("panics_total", "service" => "gateway").increment(1);
        Err(Error::internal(anyhow::anyhow!("a handler panicked: {}", panic_text(&*panic))).into())
    });
    let mut response = answer::finish(app, info, outcome, graphql.flatten());
    if keeps_order && (is_chunked || !arrived.load(Ordering::Relaxed)) {
        // The rest of the body would be read as the next request, so hyper closes the connection. A client that does not
        // know this would send its next request into a closed connection.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn admit<B>(
    app: &Arc<App>,
    router: &Router,
    info: &mut RequestInfo,
    mut context: Context,
    mut parts: Parts,
    body: B,
    arrived: &Arc<AtomicBool>,
) -> Result<Response, Problem>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let limits = &app.config.limits;
    check_head(&parts, limits)?;

    if let Some(response) = Cors::preflight(&parts, &info.origin) {
        return Ok(response);
    }
    if info.origin == OriginDecision::Refused {
        return Err(Problem::new(
            ErrorReason::Forbidden,
            "Pages of this origin may not call.",
        ));
    }

    let path = info.uri.path();
    // Browsers send no origin when a page reads from its own host.
    if is_for_developers(path) && app.hosts.own_authority(&parts).is_none() {
        return Err(Problem::new(
            ErrorReason::Forbidden,
            "This host name is not one of the gateway's (COMPTOIR_HOSTS).",
        ));
    }
    let exempt = is_exempt(path);
    let identity = if exempt {
        Ok(None)
    } else {
        request::identify(&parts.headers, &app.env.verifier)
    };
    if !exempt {
        info.allowance = app
            .rate
            .count(client_key(&identity, info.address), info.started)
            .await;
        if let Some(wait) = info.allowance.and_then(|allowance| allowance.refused_for) {
            let error = Error::new(ErrorReason::RateLimited, "Too many requests in a minute.");
            return Err(error.with_retry_after(wait).into());
        }
    }
    if parts.method == Method::CONNECT {
        let mut response =
            Problem::new(ErrorReason::MethodNotAllowed, "This server is not a proxy.").into_response();
        let allowed = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE, OPTIONS");
        response.headers_mut().insert(ALLOW, allowed);
        return Ok(response);
    }
    if let Ok(Some(_)) = &identity
        && let Ok(Some(token)) = request::token(&parts.headers)
    {
        context.token = Some(token.into());
    }

    check_form(&parts, limits.parameters)?;
    let body_limit = limits.body_of(path);
    if let (Some(limit), Some(length)) = (body_limit, declared_length(&parts))
        && length > limit
    {
        return Err(Problem::new(
            ErrorReason::PayloadTooLarge,
            format!("The body is larger than the {limit} bytes that this path accepts."),
        ));
    }

    let time = if endpoint::is_stream(&parts) {
        None
    } else {
        Some(limits.time_of(path))
    };
    context.deadline = time.map(|time| (info.started + time).into());
    let body = LimitedBody::new(body, body_limit, arrived.clone());
    let client = Client {
        address: info.address,
        user: identity.as_ref().ok().cloned().flatten(),
    };
    let deadline = context.deadline;
    let work = context::scope(context, async {
        if parts.uri.path() == endpoint::PATH {
            return endpoint::serve(app, client, identity, parts, body).await;
        }
        identity?;
        parts.extensions.insert(client);
        let request = Request::from_parts(parts, Body::new(body));
        router
            .clone()
            .oneshot(request)
            .await
            .map_err(|never| match never {})
    });
    let Some(deadline) = deadline else {
        return work.await;
    };
    tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| {
        Err(if arrived.load(Ordering::Relaxed) {
            Problem::new(
                ErrorReason::DeadlineExceeded,
                "It took too long. Whether it was carried out is not known.",
            )
        } else {
            Problem::new(ErrorReason::RequestTimeout, "The body did not arrive in time.")
        })
    })
}

/// The mailbox and the sandbox are for developers on this machine: the mails contain links that sign in.
fn is_for_developers(path: &str) -> bool {
    ["/mailbox", "/sandbox"].iter().any(|page| path.starts_with(page))
}

/// Probes come often and from one address. Providers send webhooks in bursts, and sign them.
fn is_exempt(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz") || path.starts_with("/webhooks/")
}

/// A request with an invalid token is counted for its address.
fn client_key(identity: &Identity, address: IpAddr) -> ClientKey {
    match identity {
        Ok(Some(user)) => ClientKey::User(user.id.as_str().into()),
        _ => ClientKey::address(address),
    }
}

fn check_head(parts: &Parts, limits: &crate::config::Limits) -> Result<(), Problem> {
    let uri = parts
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if some(limits.uri).is_some_and(|limit| uri > limit) {
        return Err(Problem::new(
            ErrorReason::UriTooLong,
            "The path and query are too long.",
        ));
    }
    // As on the wire: name, colon, space, value, line end.
    let headers: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if some(limits.headers).is_some_and(|limit| headers > limit) {
        return Err(Problem::new(
            ErrorReason::HeadersTooLarge,
            "The headers are too large.",
        ));
    }
    Ok(())
}

fn check_form(parts: &Parts, max_parameters: usize) -> Result<(), Problem> {
    if let Some(query) = parts.uri.query() {
        check_parameters(parts.uri.path(), query, max_parameters)?;
    }
    if parts.headers.contains_key(TRANSFER_ENCODING) && parts.headers.contains_key(CONTENT_LENGTH) {
        let message = "Send the body with a length or with a transfer encoding, not with both.";
        return Err(Problem::new(ErrorReason::ValidationFailed, message));
    }
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings
        .next()
        .is_some_and(|first| !chunked(first) || codings.next().is_some())
    {
        let message = "Send the body with a length, or with the transfer encoding chunked alone.";
        return Err(Problem::new(ErrorReason::ValidationFailed, message));
    }
    if parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
    {
        let message = "gRPC is not supported here.";
        return Err(Problem::new(ErrorReason::UnsupportedMediaType, message));
    }
    // Bodies are never decompressed, so a decompression bomb has no effect.
    if parts
        .headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Problem::new(
            ErrorReason::UnsupportedEncoding,
            "Send the body without a content encoding.",
        ));
    }
    Ok(())
}

fn check_parameters(path: &str, query: &str, max: usize) -> Result<(), Problem> {
    let mut seen = std::collections::HashSet::new();
    for (count, (name, _)) in url::form_urlencoded::parse(query.as_bytes()).enumerate() {
        if some(max).is_some_and(|max| count >= max) {
            return Err(Problem::new(
                ErrorReason::ValidationFailed,
                "Too many query parameters.",
            ));
        }
        if name.contains('\0') || name.contains('\u{fffd}') {
            return Err(Problem::new(
                ErrorReason::InvalidEncoding,
                "A query parameter is not valid text.",
            ));
        }
        if seen.contains(&name) && !may_repeat(path, &name) {
            let error = Error::field(
                name,
                ErrorReason::DuplicateParameter,
                "A query parameter is given twice.",
            );
            return Err(error.into());
        }
        seen.insert(name);
    }
    Ok(())
}

fn declared_length(parts: &Parts) -> Option<u64> {
    parts.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&'static str>().copied())
        .unwrap_or("without a text")
}
