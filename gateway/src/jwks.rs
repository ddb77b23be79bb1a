//! The public keys of access tokens (RFC 7517, RFC 8037), for clients that verify tokens themselves.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use comptoir_proto::auth::v1::GetJwksRequest;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::json;

use crate::app::App;
use crate::problem::Problem;

pub(crate) async fn jwks(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let keys = app
        .services
        .auth
        .clone()
        .get_jwks(GetJwksRequest {})
        .await?
        .into_inner()
        .keys;
    let keys: Vec<_> = keys
        .iter()
        .map(|key| json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": key.x }))
        .collect();
    // A new key signs nothing until clients had a minute to fetch it.
    let headers = [
        (CONTENT_TYPE, "application/jwk-set+json"),
        (CACHE_CONTROL, "public, max-age=60"),
    ];
    Ok((headers, json!({ "keys": keys }).to_string()))
}
