//! What a request carries through its resolvers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use comptoir_mesh::identity::{Role, User};

use super::Services;
use super::loaders::Loaders;
use crate::cache::EntityCache;

/// One per request or subscription, put into it with `request.data(data.clone())`: clones share what they note.
#[derive(Clone)]
pub(crate) struct RequestData {
    /// Who asks, by a verified token.
    pub(crate) caller: Option<Arc<User>>,
    /// The peer's address, behind trusted proxies the client's.
    pub(crate) client_address: IpAddr,
    /// The client's `User-Agent`.
    pub(crate) user_agent: Option<String>,
    /// The one of the shop's languages that the client prefers, BCP 47.
    pub(crate) language: Option<String>,
    pub(crate) loaders: Arc<Loaders>,
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

    /// The tags that the answer has to be stored under, or `None` where it must not be stored: something in it is not
    /// the same for every guest. Answers with errors are not to be stored either.
    pub(crate) fn public_tags(&self) -> Option<BTreeSet<String>> {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        (self.caller.is_none() && !answer.private).then(|| answer.tags.clone())
    }

    /// Whether STAFF or ADMIN asks.
    pub(crate) fn is_staff(&self) -> bool {
        self.caller.as_ref().is_some_and(|user| user.role >= Role::Staff)
    }

    /// Notes that the answer is this caller's alone.
    pub(crate) fn private(&self) {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).private = true;
    }

    /// Notes what the answer depends on: `product:ID`, `category:ID`, `products` (any list of them) or `categories`.
    pub(crate) fn tag(&self, tag: impl Into<String>) {
        self.answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tags
            .insert(tag.into());
    }

    /// Notes that the answer depends on a category and on its place in the tree.
    pub(crate) fn tag_category(&self, id: &str) {
        self.tag(format!("category:{id}"));
        self.tag("categories");
    }
}
