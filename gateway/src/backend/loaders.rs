//! Batched reads of one request.

use std::sync::{Arc, Mutex, PoisonError};

use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use prost::Message as _;

use super::batch::Batcher;
use super::categories::read_tree;
use super::{CategoryTree, Failure, Services};
use crate::cache::{EntityCache, Mark};

/// The read of the tree, in flight or done.
type TreeRead = Shared<BoxFuture<'static, Result<Arc<CategoryTree>, Failure>>>;

/// The loaders of one request.
pub(crate) struct Loaders {
    /// Products by id.
    pub(crate) products: Batcher<Arc<catalog::Product>>,
    /// Variants by id. They are never cached: a cart shows their price and stock.
    pub(crate) variants: Batcher<Arc<catalog::Variant>>,
    /// Users by id, for STAFF and ADMIN.
    pub(crate) users: Batcher<auth::User>,
    tree: Mutex<Option<TreeRead>>,
    services: Services,
    cache: Option<Arc<dyn EntityCache>>,
}

impl Loaders {
    pub(crate) fn new(services: &Services, cache: Option<Arc<dyn EntityCache>>) -> Self {
        Self {
            products: products(services, cache.clone()),
            variants: variants(services),
            users: users(services),
            tree: Mutex::default(),
            services: services.clone(),
            cache,
        }
    }

    /// Returns the shop's categories. They are read once for a request.
    pub(crate) async fn categories(&self) -> Result<Arc<CategoryTree>, Failure> {
        let tree = {
            let mut slot = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
            let read = || {
                read_tree(self.services.clone(), self.cache.clone())
                    .boxed()
                    .shared()
            };
            slot.get_or_insert_with(read).clone()
        };
        tree.await
    }

    /// Makes the next call of `categories` read them again, after a change.
    pub(crate) fn forget_categories(&self) {
        *self.tree.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn products(services: &Services, cache: Option<Arc<dyn EntityCache>>) -> Batcher<Arc<catalog::Product>> {
    let client = services.catalog.clone();
    Batcher::new(move |ids| {
        let (mut client, cache) = (client.clone(), cache.clone());
        async move {
            let (mut found, missing, mark) = cached_products(cache.as_deref(), ids).await;
            if missing.is_empty() {
                return Ok(found);
            }
            let request = catalog::BatchGetProductsRequest { product_ids: missing };
            let read = client.batch_get_products(request).await?.into_inner().products;
            if let Some(cache) = cache {
                let entries = read
                    .iter()
                    .map(|product| (product_key(&product.id), product.encode_to_vec().into()));
                cache.put(mark, entries.collect()).await;
            }
            found.extend(
                read.into_iter()
                    .map(|product| (product.id.clone(), Arc::new(product))),
            );
            Ok(found)
        }
    })
}

/// Returns the cached products, the ids of the others, and the mark to store those with.
async fn cached_products(
    cache: Option<&dyn EntityCache>,
    ids: Vec<String>,
) -> (Vec<(String, Arc<catalog::Product>)>, Vec<String>, Mark) {
    let Some(cache) = cache else {
        return (Vec::new(), ids, Mark::default());
    };
    let keys: Vec<String> = ids.iter().map(|id| product_key(id)).collect();
    let (entries, mark) = cache.get(&keys).await;
    let mut found = Vec::new();
    let mut missing = Vec::new();
    let mut entries = entries.into_iter();
    for id in ids {
        match entries
            .next()
            .flatten()
            .and_then(|bytes| catalog::Product::decode(bytes).ok())
        {
            Some(product) => found.push((id, Arc::new(product))),
            None => missing.push(id),
        }
    }
    (found, missing, mark)
}

fn product_key(id: &str) -> String {
    format!("product:{id}")
}

fn variants(services: &Services) -> Batcher<Arc<catalog::Variant>> {
    let client = services.catalog.clone();
    Batcher::new(move |variant_ids| {
        let mut client = client.clone();
        async move {
            let request = catalog::BatchGetVariantsRequest { variant_ids };
            let read = client.batch_get_variants(request).await?.into_inner().variants;
            Ok(read
                .into_iter()
                .map(|variant| (variant.id.clone(), Arc::new(variant)))
                .collect())
        }
    })
}

fn users(services: &Services) -> Batcher<auth::User> {
    let client = services.auth.clone();
    Batcher::new(move |user_ids| {
        let mut client = client.clone();
        async move {
            let page_size = i32::try_from(user_ids.len()).unwrap_or(i32::MAX);
            let request = auth::ListUsersRequest {
                user_ids,
                page_size,
                ..Default::default()
            };
            let read = client.list_users(request).await?.into_inner().users;
            Ok(read.into_iter().map(|user| (user.id.clone(), user)).collect())
        }
    })
}
