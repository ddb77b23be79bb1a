//! Pictures.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::body::Body;
use axum::extract::State;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1 as pb;
use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::json::Json;
use crate::problem::Problem;
use crate::rest::extract::Staff;
use crate::rest::upload;

const TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/avif"];

/// The address of a picture.
#[derive(Serialize, ToSchema)]
pub(crate) struct Media {
    /// For `imageUrl` and `images` of a product.
    url: String,
    width: i32,
    height: i32,
}

/// Stores a picture, decoded and without its metadata. Equal pictures are stored once.
#[utoipa::path(
    post,
    path = "/admin/media",
    request_body(content(
        (String = "image/png"), (String = "image/jpeg"), (String = "image/webp"), (String = "image/avif"),
    )),
    responses((status = 201, body = Media), (status = 422))
)]
pub(crate) async fn put_media(
    State(app): State<Arc<App>>,
    Staff: Staff,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Media>), Problem> {
    let sent = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let Some(content_type) = TYPES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(sent.trim()))
    else {
        let message = "Send the picture as image/png, image/jpeg, image/webp or image/avif.";
        return Err(Problem::new(ErrorReason::UnsupportedMediaType, message));
    };
    let first = pb::PutMediaRequest {
        content_type: content_type.to_owned(),
        ..Default::default()
    };
    let message = |chunk| pb::PutMediaRequest {
        chunk,
        ..Default::default()
    };
    let mut catalog = app.services.catalog.clone();
    let call =
        |messages| -> BoxFuture<'static, _> { Box::pin(async move { catalog.put_media(messages).await }) };
    let stored: pb::PutMediaResponse = upload::send(body, first, message, &AtomicU64::new(0), call).await?;
    let url = format!("/media/{}", stored.media_id);
    Ok((
        StatusCode::CREATED,
        Json(Media {
            url,
            width: stored.width,
            height: stored.height,
        }),
    ))
}
