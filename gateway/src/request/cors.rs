//! The pages that may call the gateway: those of listed origins, and its own.

use std::collections::HashSet;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, request};

use crate::config::Origin;
use crate::request::Hosts;

/// The listed origins.
pub(crate) struct Cors {
    origins: HashSet<HeaderValue>,
}

/// The decision about a request's `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OriginDecision {
    /// No origin, or the gateway's own.
    Same,
    /// A listed origin: it may read the response.
    Listed(HeaderValue),
    /// Any other origin.
    Refused,
}

impl Cors {
    pub(crate) fn new(origins: &[Origin]) -> Self {
        Self {
            origins: origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin.as_str()).ok())
                .collect(),
        }
    }

    /// Decides about a request's origin.
    pub(crate) fn check(&self, parts: &request::Parts, hosts: &Hosts) -> OriginDecision {
        let mut values = parts.headers.get_all(ORIGIN).iter();
        match (values.next(), values.next()) {
            (None, _) => OriginDecision::Same,
            (Some(origin), None) if self.origins.contains(origin) => OriginDecision::Listed(origin.clone()),
            (Some(origin), None) if is_own(origin, parts, hosts) => OriginDecision::Same,
            _ => OriginDecision::Refused,
        }
    }

    /// The response to a preflight request. For an origin that is not listed it allows nothing.
    pub(crate) fn preflight(parts: &request::Parts, origin: &OriginDecision) -> Option<Response> {
        if parts.method != Method::OPTIONS
            || !parts.headers.contains_key(ORIGIN)
            || !parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let OriginDecision::Listed(_) = origin {
            let headers = response.headers_mut();
            let set =
                |headers: &mut HeaderMap, name, value| headers.insert(name, HeaderValue::from_static(value));
            set(
                headers,
                ACCESS_CONTROL_ALLOW_METHODS,
                "GET, HEAD, POST, PATCH, DELETE",
            );
            set(
                headers,
                ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, accept, idempotency-key, if-match, if-none-match, last-event-id, \
                 x-request-id, traceparent",
            );
            set(headers, ACCESS_CONTROL_MAX_AGE, "600");
        }
        Some(response)
    }

    /// Adds the headers that let a listed origin read the response.
    pub(crate) fn allow(origin: OriginDecision, headers: &mut HeaderMap) {
        if let OriginDecision::Listed(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(
                    "x-request-id, x-ratelimit-limit, x-ratelimit-remaining, retry-after, etag, idempotent-replayed",
                ),
            );
        }
        // Always, because the response depends on the origin.
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
}

/// Browsers also send `Origin` with posts from the gateway's own pages (GraphiQL, the API page, the sandbox's buttons).
fn is_own(origin: &HeaderValue, parts: &request::Parts, hosts: &Hosts) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let own = hosts.own_authority(parts);
    origin.is_some_and(|(scheme, authority)| {
        matches!(scheme, "http" | "https") && own.is_some_and(|own| own.as_str() == authority)
    })
}
