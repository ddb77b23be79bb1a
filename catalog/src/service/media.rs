//! Pictures.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use comptoir_mesh::{Caller, Error, error::ErrorReason};
use comptoir_proto::catalog::v1 as proto;
use futures::{Stream, stream};
use tonic::{Status, Streaming};

use super::Catalog;
use crate::{convert::media_type, error::not_found};

/// Bytes of a picture in one message.
const PIECE: usize = 64 * 1024;

/// The stream of a picture's bytes.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Result<proto::GetMediaResponse, Status>> + Send>>;

impl Catalog {
    pub(super) async fn put_media(
        &self,
        caller: &Caller,
        mut pieces: Streaming<proto::PutMediaRequest>,
    ) -> Result<proto::PutMediaResponse, Error> {
        caller.staff()?;
        let mut content_type = None;
        let mut file = BytesMut::new();
        while let Some(piece) = pieces
            .message()
            .await
            .map_err(|status| Error::from_status(&status))?
        {
            if content_type.is_none() {
                content_type = Some(media_type(&piece.content_type).ok_or_else(|| {
                    let message = "A picture is image/png, image/jpeg, image/webp or image/avif.";
                    Error::field("content_type", ErrorReason::InvalidImage, message)
                })?);
            }
            let limit = self.config.limit_picture;
            if limit > 0 && file.len() + piece.chunk.len() > limit {
                let message = format!("A picture has at most {limit} bytes.");
                return Err(Error::field("chunk", ErrorReason::PayloadTooLarge, message));
            }
            file.extend_from_slice(&piece.chunk);
        }
        let Some(content_type) = content_type.filter(|_| !file.is_empty()) else {
            return Err(Error::field(
                "chunk",
                ErrorReason::InvalidImage,
                "The picture is empty.",
            ));
        };
        let cleaned = self.decoder.clean(content_type, file).await?;
        let media = cleaned
            .map_err(|refused| Error::field("chunk", ErrorReason::InvalidImage, refused.to_string()))?;
        let response = proto::PutMediaResponse {
            media_id: media.id.clone(),
            width: i32::try_from(media.width).unwrap_or_default(),
            height: i32::try_from(media.height).unwrap_or_default(),
        };
        self.store.put_media(media).await?;
        Ok(response)
    }

    pub(super) async fn get_media(&self, request: &proto::GetMediaRequest) -> Result<Pieces, Error> {
        let media = self
            .store
            .media(&request.media_id)
            .await?
            .ok_or_else(|| not_found("picture"))?;
        let mut first = Some((media.content_type.as_str().to_owned(), media.bytes.len()));
        let pieces = std::iter::from_fn({
            let mut left = media.bytes;
            move || {
                let piece: Bytes = left.split_to(left.len().min(PIECE));
                let (content_type, size) = first.take().unwrap_or_default();
                (size > 0 || !piece.is_empty()).then(|| {
                    Ok(proto::GetMediaResponse {
                        content_type,
                        size: i64::try_from(size).unwrap_or_default(),
                        chunk: piece,
                    })
                })
            }
        });
        Ok(Box::pin(stream::iter(pieces)))
    }
}
