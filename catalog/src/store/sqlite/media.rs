//! Pictures, as rows: they are few, small, and read through the gateway's cache.

use bytes::Bytes;
use comptoir_mesh::Error;
use sqlx::SqliteExecutor;

use super::{Work, json};
use crate::domain::{Media, MediaType};

pub(super) async fn put(work: &mut Work<'_>, media: Media) -> Result<(), Error> {
    // The id is derived from the bytes: what is there is the same.
    sqlx::query(
        "INSERT INTO media (id, content_type, width, height, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&media.id)
    .bind(media.content_type.as_str())
    .bind(i64::from(media.width))
    .bind(i64::from(media.height))
    .bind(&media.bytes[..])
    .execute(&mut *work.tx)
    .await?;
    Ok(())
}

pub(super) async fn get(db: impl SqliteExecutor<'_>, id: &str) -> Result<Option<Media>, Error> {
    let row: Option<(String, u32, u32, Vec<u8>)> =
        sqlx::query_as("SELECT content_type, width, height, bytes FROM media WHERE id = ?1")
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
        width,
        height,
        bytes: Bytes::from(bytes),
    }))
}

pub(super) async fn sizes(
    db: impl SqliteExecutor<'_>,
    ids: &[String],
) -> Result<Vec<(String, u32, u32)>, Error> {
    Ok(
        sqlx::query_as("SELECT id, width, height FROM media WHERE id IN (SELECT value FROM json_each(?1))")
            .bind(json(ids))
            .fetch_all(db)
            .await?,
    )
}
