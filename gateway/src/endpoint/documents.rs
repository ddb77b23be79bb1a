//! Documents by their hash: automatic persisted queries, or a file of the only documents that run.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::bail;
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

/// Bytes of persisted queries that are kept; the least used go first, and clients send them again.
const CAPACITY: u64 = 8 * 1024 * 1024;

pub(crate) enum Documents {
    /// Whatever a client registers.
    Automatic(Cache<String, Arc<str>>),
    /// These and no others.
    Trusted(HashMap<String, Arc<str>>),
}

/// The document a request asks for.
pub(super) struct Chosen {
    pub(super) text: Arc<str>,
    /// Under which it is kept once it has proved to be valid.
    pub(super) register: Option<String>,
}

impl Documents {
    /// Keeps what clients register, or runs only the given documents, whose hashes have to be right.
    pub(crate) fn new(trusted: Option<Vec<(String, String)>>) -> anyhow::Result<Self> {
        let Some(trusted) = trusted else {
            let weigh =
                |hash: &String, text: &Arc<str>| u32::try_from(hash.len() + text.len()).unwrap_or(u32::MAX);
            return Ok(Self::Automatic(
                Cache::builder().max_capacity(CAPACITY).weigher(weigh).build(),
            ));
        };
        let mut documents = HashMap::new();
        for (hash, text) in trusted {
            let right = sha256(&text);
            if hash.to_ascii_lowercase() != right {
                bail!("COMPTOIR_TRUSTED_DOCUMENTS: the document under {hash} has the SHA-256 {right}");
            }
            documents.insert(right, text.into());
        }
        Ok(Self::Trusted(documents))
    }

    /// Finds the document of a request with a text, a hash, or both.
    pub(super) fn choose(&self, text: Option<&str>, hash: Option<&str>) -> Result<Chosen, Error> {
        let hash = hash.map(str::to_ascii_lowercase);
        if let (Some(text), Some(hash)) = (text, &hash)
            && sha256(text) != *hash
        {
            let message = "The hash is not the SHA-256 of the document.";
            return Err(Error::new(ErrorReason::PersistedQueryMismatch, message));
        }
        match (self, text, hash) {
            (_, None, None) => Err(Error::field(
                "query",
                ErrorReason::ValidationFailed,
                "A document is needed.",
            )),
            (Self::Automatic(_), Some(text), register) => Ok(Chosen {
                text: text.into(),
                register,
            }),
            (Self::Automatic(known), None, Some(hash)) => {
                let text = known.get(&hash).ok_or_else(not_found)?;
                Ok(Chosen { text, register: None })
            }
            (Self::Trusted(known), text, hash) => {
                let hash = hash.or_else(|| text.map(sha256)).unwrap_or_default();
                let text = known.get(&hash).cloned().ok_or_else(not_found)?;
                Ok(Chosen { text, register: None })
            }
        }
    }

    /// Keeps a document that was valid.
    pub(super) fn register(&self, hash: String, text: Arc<str>) {
        if let Self::Automatic(known) = self {
            known.insert(hash, text);
        }
    }
}

fn not_found() -> Error {
    Error::new(ErrorReason::PersistedQueryNotFound, "PersistedQueryNotFound")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
