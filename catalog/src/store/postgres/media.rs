//! Pictures, as rows: they are few, small, and read through the gateway's cache.

use bytes::Bytes;
use comptoir_mesh::Error;
use sqlx::PgPool;

use crate::domain::{Media, MediaType};

pub(super) async fn put(db: &PgPool, media: &Media) -> Result<(), Error> {
    // The id is derived from the bytes: what is there is the same.
    sqlx::query(
        "INSERT INTO media (id, content_type, width, height, bytes) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&media.id)
    .bind(media.content_type.as_str())
    .bind(side(media.width)?)
    .bind(side(media.height)?)
    .bind(&media.bytes[..])
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn get(db: &PgPool, id: &str) -> Result<Option<Media>, Error> {
    let row: Option<(String, i32, i32, Vec<u8>)> =
        sqlx::query_as("SELECT content_type, width, height, bytes FROM media WHERE id = $1")
            .bind(id)
            .fetch_optional(db)
            .await?;
    let Some((content_type, width, height, bytes)) = row else {
        return Ok(None);
    };
    let content_type = MediaType::parse(&content_type)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("{content_type} is no picture type")))?;
    Ok(Some(Media {
        id: id.to_owned(),
        content_type,
        width: width.unsigned_abs(),
        height: height.unsigned_abs(),
        bytes: Bytes::from(bytes),
    }))
}

pub(super) async fn sizes(db: &PgPool, ids: &[String]) -> Result<Vec<(String, u32, u32)>, Error> {
    let rows: Vec<(String, i32, i32)> =
        sqlx::query_as("SELECT id, width, height FROM media WHERE id = ANY($1)")
            .bind(ids)
            .fetch_all(db)
            .await?;
    let size = |(id, width, height): (String, i32, i32)| (id, width.unsigned_abs(), height.unsigned_abs());
    Ok(rows.into_iter().map(size).collect())
}

/// A side in pixels; decoders take none that is longer.
fn side(pixels: u32) -> Result<i32, Error> {
    i32::try_from(pixels).map_err(Error::internal)
}
