//! Products in memory, as they are read most: assembled, shared, and never older than the last acknowledged change.
//!
//! This process is the only writer of its store, and [`Changes`](crate::store::Changes) tells each commit before its
//! caller gets an answer. A read that was under way while its product changed is not kept: each product belongs to one of
//! a fixed number of counters, which a change counts up, and what was read is kept only if the counter still stands.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use comptoir_mesh::Error;
use moka::sync::Cache;

use crate::{
    domain::{Product, Tree},
    store::{Change, Store},
};

/// Bytes of products kept, as estimated by [`weight`].
const CAPACITY: u64 = 16 * 1024 * 1024;
/// Names kept of slugs and variants.
const NAMES: u64 = 50_000;
const COUNTERS: usize = 64;

/// Reads products and the tree, from memory where it can.
#[derive(Clone)]
pub(crate) struct Products {
    store: Arc<dyn Store>,
    kept: Arc<Kept>,
}

struct Kept {
    products: Cache<String, Arc<Product>>,
    /// Slug or variant id → product id. May be outdated: what is found by it is compared with what was asked for.
    names: Cache<String, String>,
    counters: [Mutex<u64>; COUNTERS],
    tree: Mutex<(u64, Option<Arc<Tree>>)>,
    hasher: RandomState,
}

impl Products {
    /// Reads from the store, and hears of its changes.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let kept = Arc::new(Kept {
            products: Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(|_: &String, product: &Arc<Product>| weight(product))
                .build(),
            names: Cache::new(NAMES),
            counters: std::array::from_fn(|_| Mutex::new(0)),
            tree: Mutex::default(),
            hasher: RandomState::new(),
        });
        let hook = Arc::clone(&kept);
        store.changes().before_answer(move |change| hook.forget(change));
        Self { store, kept }
    }

    /// Those of the products there are, by id.
    pub(crate) async fn get(&self, ids: &[String]) -> Result<HashMap<String, Arc<Product>>, Error> {
        let mut found = HashMap::with_capacity(ids.len());
        let (mut missing, mut counts) = (Vec::new(), Vec::new());
        for id in ids {
            if let Some(product) = self.kept.products.get(id) {
                found.insert(id.clone(), product);
            } else if !missing.contains(id) {
                counts.push(self.kept.count(id));
                missing.push(id.clone());
            }
        }
        if !missing.is_empty() {
            let mut read: HashMap<String, Arc<Product>> = HashMap::new();
            for product in self.store.products(&missing).await? {
                read.insert(product.id.clone(), Arc::new(product));
            }
            for (id, count) in missing.into_iter().zip(counts) {
                if let Some(product) = read.remove(&id) {
                    self.kept.keep(&product, count);
                    found.insert(id, product);
                }
            }
        }
        Ok(found)
    }

    /// The product with the id.
    pub(crate) async fn by_id(&self, id: &str) -> Result<Option<Arc<Product>>, Error> {
        if let Some(product) = self.kept.products.get(id) {
            return Ok(Some(product));
        }
        Ok(self.get(&[id.to_owned()]).await?.remove(id))
    }

    /// The product with the slug.
    pub(crate) async fn by_slug(&self, slug: &str) -> Result<Option<Arc<Product>>, Error> {
        if let Some(id) = self.kept.names.get(slug)
            && let Some(product) = self.kept.products.get(&id)
            && product.slug == slug
        {
            return Ok(Some(product));
        }
        let Some(product) = self.store.product_by_slug(slug).await? else {
            return Ok(None);
        };
        self.kept.names.insert(slug.to_owned(), product.id.clone());
        // Not kept: which counter it belongs to was not known before it was read. The next reading by its id is.
        let known = self.by_id(&product.id).await?;
        Ok(known
            .filter(|known| known.slug == slug)
            .or_else(|| Some(Arc::new(product))))
    }

    /// The products of those variants there are, by variant id.
    pub(crate) async fn of_variants(&self, ids: &[String]) -> Result<HashMap<String, Arc<Product>>, Error> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            let known = self
                .kept
                .names
                .get(id)
                .and_then(|product| self.kept.products.get(&product));
            match known.filter(|product| product.variant(id).is_some()) {
                Some(product) => {
                    found.insert(id.clone(), product);
                }
                None => missing.push(id.clone()),
            }
        }
        if !missing.is_empty() {
            let pairs = self.store.products_of_variants(&missing).await?;
            let product_ids: Vec<String> = pairs.iter().map(|(_, product)| product.clone()).collect();
            let products = self.get(&product_ids).await?;
            for (variant, product_id) in pairs {
                // Gone, if it was removed between the two readings.
                if let Some(product) = products
                    .get(&product_id)
                    .filter(|product| product.variant(&variant).is_some())
                {
                    self.kept.names.insert(variant.clone(), product_id);
                    found.insert(variant, Arc::clone(product));
                }
            }
        }
        Ok(found)
    }

    /// The tree of categories.
    pub(crate) async fn tree(&self) -> Result<Arc<Tree>, Error> {
        let count = {
            let kept = self.kept.tree.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(tree) = &kept.1 {
                return Ok(Arc::clone(tree));
            }
            kept.0
        };
        let tree = Arc::new(Tree::new(self.store.categories().await?));
        let mut kept = self.kept.tree.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 == count {
            kept.1 = Some(Arc::clone(&tree));
        }
        Ok(tree)
    }
}

impl Kept {
    fn counter(&self, id: &str) -> &Mutex<u64> {
        let place = self.hasher.hash_one(id) % COUNTERS as u64;
        // The remainder is below COUNTERS.
        &self.counters[usize::try_from(place).unwrap_or_default()]
    }

    fn count(&self, id: &str) -> u64 {
        *self.counter(id).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was read, unless it changed since the count was taken.
    fn keep(&self, product: &Arc<Product>, count: u64) {
        let counter = self
            .counter(&product.id)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *counter == count {
            self.products.insert(product.id.clone(), Arc::clone(product));
        }
    }

    fn forget(&self, change: &Change) {
        match change {
            Change::Product(id) | Change::ProductDeleted(id) | Change::Stock(id) => {
                let mut counter = self.counter(id).lock().unwrap_or_else(PoisonError::into_inner);
                *counter += 1;
                self.products.invalidate(id);
            }
            Change::Categories => {
                let mut kept = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
                kept.0 += 1;
                kept.1 = None;
            }
        }
    }
}

/// About how many bytes a product takes.
fn weight(product: &Product) -> u32 {
    let text = product.content.title.len() + product.content.description.len() + product.slug.len();
    let images: usize = product
        .content
        .images
        .iter()
        .map(|image| 120 + image.url.len())
        .sum();
    let bytes = 1024 + text + images + product.variants.len() * 400;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
