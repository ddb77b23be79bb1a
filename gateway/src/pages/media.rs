//! `/media/{id}`: a picture. Its id is derived from its bytes, so it never changes and may be cached forever.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1::{GetMediaRequest, GetMediaResponse};
use futures::StreamExt as _;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use tonic::Status;

use crate::app::App;
use crate::problem::Problem;
use crate::rest::Id;

const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Streams the picture.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Id(media_id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let not_found = || Problem::new(ErrorReason::NotFound, "There is no such picture.");
    let tag = HeaderValue::from_str(&format!("\"{media_id}\"")).map_err(|_| not_found())?;
    let answer = app
        .services
        .catalog
        .clone()
        .get_media(GetMediaRequest { media_id })
        .await;
    let mut pieces = answer.map_err(|status| Error::from_status(&status))?.into_inner();
    let first = pieces
        .next()
        .await
        .ok_or_else(not_found)?
        .map_err(|status| Error::from_status(&status))?;
    let content_type = HeaderValue::from_str(&first.content_type).map_err(|_| not_found())?;
    let known = [(CACHE_CONTROL, KEEP), (ETAG, tag.clone())];
    if headers.get(IF_NONE_MATCH).is_some_and(|sent| *sent == tag) {
        return Ok((StatusCode::NOT_MODIFIED, known).into_response());
    }
    let described = [(CONTENT_TYPE, content_type), (CONTENT_LENGTH, first.size.into())];
    let bytes = futures::stream::once(async { Ok(first) })
        .chain(pieces)
        .map(|piece: Result<GetMediaResponse, Status>| piece.map(|piece| piece.chunk));
    Ok((known, described, Body::from_stream(bytes)).into_response())
}
