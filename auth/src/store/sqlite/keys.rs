//! Keys in SQLite.

use async_trait::async_trait;
use comptoir_mesh::error::Error;

use super::{Row, Sqlite, column, decode_rows, encode};
use crate::domain::key::Key;
use crate::store::Keys;

#[async_trait]
impl Keys for Sqlite {
    async fn root_key(&self, candidate: [u8; 32]) -> Result<[u8; 32], Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO secrets (name, value) VALUES ('root', ?) ON CONFLICT DO NOTHING",
                    )
                    .bind(candidate.to_vec())
                    .execute(&mut *tx)
                    .await?;
                    let stored: Vec<u8> = sqlx::query_scalar("SELECT value FROM secrets WHERE name = 'root'")
                        .fetch_one(tx)
                        .await?;
                    stored.try_into().map_err(|_| {
                        Error::internal(anyhow::anyhow!("the stored root key has another length"))
                    })
                })
            })
            .await
    }

    async fn signing_keys(&self) -> Result<Vec<Key>, Error> {
        let rows: Vec<Row> = sqlx::query_as("SELECT document FROM signing_keys ORDER BY generation")
            .fetch_all(self.db.reader())
            .await?;
        decode_rows(&rows)
    }

    async fn add_signing_key(&self, key: Key) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO signing_keys (generation, document) VALUES (?, ?) ON CONFLICT DO NOTHING")
                        .bind(column(key.generation))
                        .bind(encode(&key)?)
                        .execute(tx)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    async fn drop_signing_keys(&self, before_generation: u64) -> Result<(), Error> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM signing_keys WHERE generation < ?")
                        .bind(column(before_generation))
                        .execute(tx)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}
