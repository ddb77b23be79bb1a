//! All routes except `/graphql`, which the edge passes to its endpoint without the router.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use comptoir_mesh::error::ErrorReason;

use crate::app::App;
use crate::edge::Route;
use crate::problem::Problem;
use crate::request::{accepts, produced_by};
use crate::{health, jwks, pages, rest};

/// Builds the router. An unknown path is NOT_FOUND. A known path with another method is METHOD_NOT_ALLOWED, with `Allow`.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let own = Router::new()
        .route("/.well-known/jwks.json", get(jwks::jwks))
        .with_state(app.clone());
    let probes = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .with_state(app.readiness.clone());
    own.merge(probes)
        .merge(rest::routes(app.clone()))
        .merge(pages::routes(app.clone()))
        // A route layer: an unknown path stays 404 whatever the client accepts. It is below the method router, so that a
        // wrong method stays 405.
        .route_layer(from_fn(known_route))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
}

/// Refuses requests that accept no media type of the route, and records the route for metrics and the log.
async fn known_route(matched: MatchedPath, request: Request, next: Next) -> Response {
    let route = Route(matched.as_str().into());
    let mut response = if accepts(request.headers(), produced_by(matched.as_str())) {
        next.run(request).await
    } else {
        Problem::new(
            ErrorReason::NotAcceptable,
            "This path produces none of the accepted media types.",
        )
        .into_response()
    };
    response.extensions_mut().insert(route);
    response
}

async fn not_found() -> Problem {
    Problem::new(ErrorReason::NotFound, "There is no such path.")
}

async fn method_not_allowed(matched: MatchedPath) -> Response {
    let message = "The path does not support this method.";
    let mut response = Problem::new(ErrorReason::MethodNotAllowed, message).into_response();
    response.extensions_mut().insert(Route(matched.as_str().into()));
    response
}
