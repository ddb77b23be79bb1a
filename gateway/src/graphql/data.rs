//! What a request carries through its resolvers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use comptoir_mesh::identity::{Role, User};

use super::loaders::Loaders;
use super::services::Services;

/// Entities that guests see alike, kept by the gateway between requests. Keys are `product:ID` and `categories`; a key
/// is also the tag whose invalidation removes it.
#[async_trait]
pub trait EntityCache: Send + Sync {
    /// What is stored under each key, in the order of the keys, and a mark for [`EntityCache::put`]. Takes 25 ms at most
    /// and finds nothing when the cache fails.
    async fn get(&self, keys: &[String]) -> (Vec<Option<Bytes>>, Mark);

    /// Stores entries that were read from the source after `mark` was given. An entry whose key was invalidated since
    /// then is dropped, so that an old reading never outlives a change.
    async fn put(&self, mark: Mark, entries: Vec<(String, Bytes)>);
}

/// The time at which a reading began.
#[derive(Debug, Clone, Default)]
pub struct Mark {
    /// By the gateway's own cache.
    pub(crate) at: u64,
    /// By the cache that gateways share.
    pub(crate) shared: Option<crate::cache::Ticket>,
}

/// One per request or subscription, put into it with `request.data(data.clone())`: clones share what they note.
#[derive(Clone)]
pub struct RequestData {
    /// Who asks, by a verified token.
    pub caller: Option<Arc<User>>,
    /// The peer's address, behind trusted proxies the client's.
    pub client_address: IpAddr,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// The one of the shop's languages that the client prefers, BCP 47.
    pub language: Option<String>,
    pub(super) loaders: Arc<Loaders>,
    answer: Arc<Mutex<Answer>>,
}

/// What the answer turned out to hold.
#[derive(Default)]
struct Answer {
    private: bool,
    tags: BTreeSet<String>,
}

impl RequestData {
    /// The data of one request. `cache` is used for guests alone.
    pub fn new(
        services: &Services,
        caller: Option<Arc<User>>,
        client_address: IpAddr,
        user_agent: Option<String>,
        cache: Option<Arc<dyn EntityCache>>,
    ) -> Self {
        let cache = cache.filter(|_| caller.is_none());
        let loaders = Arc::new(Loaders::new(services, cache));
        Self {
            caller,
            client_address,
            user_agent,
            language: None,
            loaders,
            answer: Arc::default(),
        }
    }

    /// The tags that the answer has to be stored under, or `None` where it must not be stored: something in it is not
    /// the same for every guest. Answers with errors are not to be stored either.
    pub fn public_tags(&self) -> Option<BTreeSet<String>> {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        (self.caller.is_none() && !answer.private).then(|| answer.tags.clone())
    }

    /// Whether STAFF or ADMIN asks.
    pub fn is_staff(&self) -> bool {
        self.caller.as_ref().is_some_and(|user| user.role >= Role::Staff)
    }

    /// Notes that the answer is this caller's alone.
    pub(super) fn private(&self) {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).private = true;
    }

    /// Notes what the answer depends on: `product:ID`, `category:ID`, `products` (any list of them) or `categories`.
    pub(super) fn tag(&self, tag: impl Into<String>) {
        self.answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tags
            .insert(tag.into());
    }
}
