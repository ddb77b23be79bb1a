//! Keys in MongoDB.

use async_trait::async_trait;
use comptoir_mesh::error::Error;
use comptoir_stores::mongo::is_duplicate;
use mongodb::bson::{Binary, doc, spec::BinarySubtype};

use super::{Mongo, Patience, decode_all, encode, number};
use crate::domain::key::Key;
use crate::store::Keys;

#[async_trait]
impl Keys for Mongo {
    async fn root_key(&self, candidate: [u8; 32]) -> Result<[u8; 32], Error> {
        let value = Binary {
            subtype: BinarySubtype::Generic,
            bytes: candidate.to_vec(),
        };
        match self
            .secrets
            .insert_one(doc! { "_id": "root", "value": value })
            .await
        {
            Ok(_) => {}
            Err(error) if is_duplicate(&error).is_some() => {}
            Err(error) => return Err(error.into()),
        }
        let mut patience = Patience::default();
        loop {
            if let Some(stored) = self.secrets.find_one(doc! { "_id": "root" }).await? {
                let root = stored.get_binary_generic("value").ok();
                let root = root.and_then(|bytes| bytes.as_slice().try_into().ok());
                return root.ok_or_else(|| {
                    Error::internal(anyhow::anyhow!("the stored root key has another length"))
                });
            }
            // Another process's key, which a majority does not have yet.
            patience.wait().await?;
        }
    }

    async fn signing_keys(&self) -> Result<Vec<Key>, Error> {
        decode_all(self.keys.find(doc! {}).sort(doc! { "_id": 1 }).await?).await
    }

    async fn add_signing_key(&self, key: Key) -> Result<(), Error> {
        let mut document = encode(&key)?;
        document.insert("_id", number(key.generation));
        match self.keys.insert_one(document).await {
            Ok(_) => return Ok(()),
            Err(error) if is_duplicate(&error).is_some() => {}
            Err(error) => return Err(error.into()),
        }
        // The caller reads another process's key next.
        let made = doc! { "_id": number(key.generation) };
        let mut patience = Patience::default();
        while self.keys.find_one(made.clone()).await?.is_none() {
            patience.wait().await?;
        }
        Ok(())
    }

    async fn drop_signing_keys(&self, before_generation: u64) -> Result<(), Error> {
        let older = doc! { "_id": { "$lt": number(before_generation) } };
        self.keys.delete_many(older).await?;
        Ok(())
    }
}
