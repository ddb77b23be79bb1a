//! What one request carries through its resolvers or handler.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use comptoir_mesh::identity::{Role, User};

use super::Services;
use super::loaders::Loaders;
use crate::cache::EntityCache;

/// The data of one request or subscription. Clones share what they record.
#[derive(Clone)]
pub(crate) struct RequestData {
    /// The user of the verified token.
    pub(crate) caller: Option<Arc<User>>,
    /// The peer's address, or the client's if the peer is a trusted proxy.
    pub(crate) client_address: IpAddr,
    /// The client's `User-Agent`.
    pub(crate) user_agent: Option<String>,
    /// The shop's language that the client prefers, as BCP 47.
    pub(crate) language: Option<String>,
    pub(crate) loaders: Arc<Loaders>,
    answer: Arc<Mutex<Answer>>,
}

/// What the answer contains, as its resolvers record it.
#[derive(Default)]
struct Answer {
    private: bool,
    tags: BTreeSet<String>,
}

impl RequestData {
    /// Creates the data of one request. `cache` is used for guests only.
    pub(crate) fn new(
        services: &Services,
        caller: Option<Arc<User>>,
        client_address: IpAddr,
        cache: Option<Arc<dyn EntityCache>>,
    ) -> Self {
        let cache = cache.filter(|_| caller.is_none());
        let loaders = Arc::new(Loaders::new(services, cache));
        Self {
            caller,
            client_address,
            user_agent: None,
            language: None,
            loaders,
            answer: Arc::default(),
        }
    }

    /// The tags to store the answer under. `None` if it must not be stored because part of it is not the same for every
    /// guest. Answers with errors must not be stored either.
    pub(crate) fn public_tags(&self) -> Option<BTreeSet<String>> {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        (self.caller.is_none() && !answer.private).then(|| answer.tags.clone())
    }

    /// Whether the caller is STAFF or ADMIN.
    pub(crate) fn is_staff(&self) -> bool {
        self.caller.as_ref().is_some_and(|user| user.role >= Role::Staff)
    }

    /// Records that the answer is only for this caller.
    pub(crate) fn private(&self) {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).private = true;
    }

    /// Records what the answer depends on: `product:ID`, `category:ID`, `products` (any list of products) or `categories`.
    pub(crate) fn tag(&self, tag: impl Into<String>) {
        self.answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tags
            .insert(tag.into());
    }

    /// Records that the answer depends on a category and its place in the tree.
    pub(crate) fn tag_category(&self, id: &str) {
        self.tag(format!("category:{id}"));
        self.tag("categories");
    }
}
