//! What lists read many times over, batched for one request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use prost::Message as _;

use super::batch::Batcher;
use super::data::{EntityCache, Mark};
use super::errors::Failure;
use super::services::Services;

/// The most categories that one call gives.
const CATEGORY_PAGE: i32 = 1000;

/// The tree being read, or read.
type Reading = Shared<BoxFuture<'static, Result<Arc<CategoryTree>, Failure>>>;

/// The loaders of one request.
pub(super) struct Loaders {
    /// Products by id.
    pub(super) products: Batcher<Arc<catalog::Product>>,
    /// Variants by id, always from the source: their prices and stock are what a cart shows.
    pub(super) variants: Batcher<Arc<catalog::Variant>>,
    /// Users by id, for STAFF and ADMIN.
    pub(super) users: Batcher<auth::User>,
    tree: Mutex<Option<Reading>>,
    services: Services,
    cache: Option<Arc<dyn EntityCache>>,
}

impl Loaders {
    pub(super) fn new(services: &Services, cache: Option<Arc<dyn EntityCache>>) -> Self {
        Self {
            products: products(services, cache.clone()),
            variants: variants(services),
            users: users(services),
            tree: Mutex::default(),
            services: services.clone(),
            cache,
        }
    }

    /// The shop's categories, read once for a request.
    pub(super) async fn categories(&self) -> Result<Arc<CategoryTree>, Failure> {
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

    /// Has the categories read anew, after a change.
    pub(super) fn forget_categories(&self) {
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

/// The products that are cached, the ids of the others, and the mark to store those with.
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

/// The shop's categories: few, and wanted as a whole.
#[derive(Default)]
pub(super) struct CategoryTree {
    all: Vec<Arc<catalog::Category>>,
    by_id: HashMap<String, usize>,
}

impl CategoryTree {
    fn new(categories: Vec<catalog::Category>) -> Self {
        let by_id = categories
            .iter()
            .enumerate()
            .map(|(at, category)| (category.id.clone(), at))
            .collect();
        Self {
            all: categories.into_iter().map(Arc::new).collect(),
            by_id,
        }
    }

    /// All, parents before children, siblings by name.
    pub(super) fn all(&self) -> &[Arc<catalog::Category>] {
        &self.all
    }

    /// The category with this id.
    pub(super) fn by_id(&self, id: &str) -> Option<&Arc<catalog::Category>> {
        self.by_id.get(id).and_then(|&at| self.all.get(at))
    }

    /// The category with this slug.
    pub(super) fn by_slug(&self, slug: &str) -> Option<&Arc<catalog::Category>> {
        self.all.iter().find(|category| category.slug == slug)
    }

    /// The categories right below this one, by name.
    pub(super) fn children(&self, id: &str) -> impl Iterator<Item = &Arc<catalog::Category>> {
        self.all
            .iter()
            .filter(move |category| category.parent_id.as_deref() == Some(id))
    }

    /// The categories above this one, the topmost first.
    pub(super) fn ancestors<'t>(&'t self, category: &catalog::Category) -> Vec<&'t Arc<catalog::Category>> {
        let mut above = Vec::new();
        let mut parent_id = category.parent_id.as_deref();
        // The bound keeps a tree that is none from looping.
        while let Some(parent) = parent_id.and_then(|id| self.by_id(id))
            && above.len() < self.all.len()
        {
            above.push(parent);
            parent_id = parent.parent_id.as_deref();
        }
        above.reverse();
        above
    }
}

async fn read_tree(
    services: Services,
    cache: Option<Arc<dyn EntityCache>>,
) -> Result<Arc<CategoryTree>, Failure> {
    let key = || "categories".to_owned();
    let mut mark = Mark::default();
    if let Some(cache) = &cache {
        let (entries, at) = cache.get(&[key()]).await;
        mark = at;
        let stored = entries.into_iter().flatten().next();
        if let Some(stored) = stored.and_then(|bytes| catalog::ListCategoriesResponse::decode(bytes).ok()) {
            return Ok(Arc::new(CategoryTree::new(stored.categories)));
        }
    }
    let mut client = services.catalog;
    let mut whole = catalog::ListCategoriesResponse::default();
    loop {
        let page_token = std::mem::take(&mut whole.next_page_token);
        let request = catalog::ListCategoriesRequest {
            page_size: CATEGORY_PAGE,
            page_token,
        };
        let page = client.list_categories(request).await?.into_inner();
        whole.categories.extend(page.categories);
        whole.next_page_token = page.next_page_token;
        if whole.next_page_token.is_empty() {
            break;
        }
    }
    if let Some(cache) = &cache {
        cache.put(mark, vec![(key(), whole.encode_to_vec().into())]).await;
    }
    Ok(Arc::new(CategoryTree::new(whole.categories)))
}
