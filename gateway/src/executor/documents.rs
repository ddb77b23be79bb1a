//! The cache of valid documents, by their text and by their hash: automatic persisted queries, or a file of trusted
//! documents.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::bail;
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::document::Document;

/// The capacity in bytes. The least used documents are evicted, and clients send them again.
const CAPACITY: u64 = 8 * 1024 * 1024;

pub(crate) struct Documents {
    /// By text or by hash. A valid document cannot consist of hexadecimal digits only, so the two cannot be confused.
    known: Cache<Arc<str>, Arc<Document>>,
    /// The trusted documents by hash. If set, no other document runs.
    trusted: Option<HashMap<Arc<str>, Arc<str>>>,
}

/// The result of a look-up.
pub(crate) enum Lookup {
    /// The document was valid before.
    Known(Arc<Document>),
    /// The document has to be read. Once it proved to be valid, it is cached under the key.
    New { text: Arc<str>, key: Arc<str> },
}

impl Documents {
    /// Creates the cache. With trusted documents, only those run, and their hashes are checked.
    pub(crate) fn new(trusted: Option<Vec<(String, String)>>) -> anyhow::Result<Self> {
        let weigh = |key: &Arc<str>, document: &Arc<Document>| {
            u32::try_from(key.len() + document.size()).unwrap_or(u32::MAX)
        };
        let known = Cache::builder().max_capacity(CAPACITY).weigher(weigh).build();
        let Some(trusted) = trusted else {
            return Ok(Self { known, trusted: None });
        };
        let mut documents = HashMap::new();
        for (hash, text) in trusted {
            let right = sha256(&text);
            if hash.to_ascii_lowercase() != right {
                bail!("COMPTOIR_TRUSTED_DOCUMENTS: the document under {hash} has the SHA-256 {right}");
            }
            documents.insert(right.into(), text.into());
        }
        Ok(Self {
            known,
            trusted: Some(documents),
        })
    }

    /// Looks up the document of a request with a text, a hash, or both.
    pub(crate) fn find(&self, text: Option<String>, hash: Option<String>) -> Result<Lookup, Error> {
        let hash = hash.map(|hash| hash.to_ascii_lowercase());
        let Some(key) = hash.as_deref().or(text.as_deref()) else {
            let message = "A document is needed.";
            return Err(Error::field("query", ErrorReason::ValidationFailed, message));
        };
        let is_looked_for = hash.as_deref().is_none_or(is_hash);
        if let Some(known) = self.known.get(key).filter(|_| is_looked_for)
            && text.as_deref().is_none_or(|text| *text == *known.text)
        {
            return Ok(Lookup::Known(known));
        }
        if let (Some(text), Some(hash)) = (&text, &hash)
            && sha256(text) != *hash
        {
            let message = "The hash is not the SHA-256 of the document.";
            return Err(Error::new(ErrorReason::PersistedQueryMismatch, message));
        }
        let text = match &self.trusted {
            None => text.map(Into::into),
            Some(trusted) => {
                let right = hash.clone().or_else(|| text.as_deref().map(sha256));
                right.and_then(|hash| trusted.get(hash.as_str()).cloned())
            }
        };
        let text = text.ok_or_else(not_found)?;
        let key = hash.map_or_else(|| text.clone(), Into::into);
        Ok(Lookup::New { text, key })
    }

    /// Stores a valid document.
    pub(crate) fn remember(&self, key: Arc<str>, document: Arc<Document>) {
        self.known.insert(key, document);
    }
}

fn not_found() -> Error {
    Error::new(ErrorReason::PersistedQueryNotFound, "PersistedQueryNotFound")
}

fn is_hash(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use comptoir_mesh::error::Reason as _;

    use super::*;
    use crate::config::Limits;
    use crate::executor::Model;
    use crate::executor::tests::limits;

    fn read(text: &str) -> Arc<Document> {
        static MODEL: LazyLock<Arc<Model>> =
            LazyLock::new(|| Arc::new(Model::parse("type Query { a: Int }").expect("a schema")));
        static LIMITS: LazyLock<Limits> = LazyLock::new(limits);
        let document = Document::read(text.into(), &MODEL, &LIMITS, true);
        Arc::new(document.unwrap_or_else(|_| panic!("not read: {text}")))
    }

    fn find(documents: &Documents, text: Option<&str>, hash: Option<&str>) -> Result<Lookup, Error> {
        documents.find(text.map(str::to_owned), hash.map(str::to_owned))
    }

    fn key(chosen: Result<Lookup, Error>) -> Option<String> {
        match chosen {
            Ok(Lookup::New { key, .. }) => Some(key.to_string()),
            Ok(Lookup::Known(_)) => None,
            Err(error) => panic!("{}", error.message()),
        }
    }

    const TEXT: &str = "{ __typename }";

    #[test]
    fn a_document_is_found_by_what_it_was_sent_with() {
        let documents = Documents::new(None).expect("documents");
        assert_eq!(key(find(&documents, Some(TEXT), None)).as_deref(), Some(TEXT));
        documents.remember(TEXT.into(), read(TEXT));
        assert_eq!(key(find(&documents, Some(TEXT), None)), None);
        let hash = sha256(TEXT);
        assert!(find(&documents, None, Some(&hash)).is_err());
        assert_eq!(key(find(&documents, Some(TEXT), Some(&hash))), Some(hash.clone()));
        documents.remember(hash.as_str().into(), read(TEXT));
        let shouted = hash.to_ascii_uppercase();
        assert_eq!(key(find(&documents, None, Some(&shouted))), None);
        assert_eq!(key(find(&documents, Some(TEXT), Some(&hash))), None);
        let error = find(&documents, Some("{ id }"), Some(&hash))
            .err()
            .expect("a refusal");
        assert_eq!(error.reason().code(), "PERSISTED_QUERY_MISMATCH");
    }

    #[test]
    fn a_text_is_no_hash_and_a_hash_no_text() {
        let documents = Documents::new(None).expect("documents");
        documents.remember(TEXT.into(), read(TEXT));
        assert!(find(&documents, None, Some(TEXT)).is_err());
        let hash = sha256(TEXT);
        documents.remember(hash.as_str().into(), read(TEXT));
        assert_eq!(key(find(&documents, Some(&hash), None)), Some(hash));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let documents = Documents::new(None).expect("documents");
        for number in 0..20_000 {
            let text = format!("{{ a{number}: __typename b c d }}");
            documents.remember(text.as_str().into(), read(&text));
        }
        documents.known.run_pending_tasks();
        assert!(documents.known.entry_count() > 100);
        assert!(documents.known.weighted_size() <= CAPACITY);
    }
}
