//! Products in memory, as they are read most: assembled, shared, and never older than the last acknowledged change. So are
//! the pages of lists that name them.
//!
//! [`Changes`](crate::store::Changes) tells each commit of this process before its caller gets an answer, and those of
//! processes that share the store within a second; what has to be exact is read [at the
//! source](Products::at_the_source). A read that was under way while its product changed is not kept: each product belongs
//! to one of a fixed number of counters, which a change counts up, and what was read is kept only if the counter still
//! stands. A page of a list may change with any product, so that all of them share one such counter.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use comptoir_mesh::Error;
use moka::sync::Cache;

use crate::{
    domain::{Image, Product, ProductQuery, Tree, Variant},
    store::{Change, ProductPage, Store},
};

/// Bytes of products kept, as estimated by [`weight`].
const CAPACITY: u64 = 48 * 1024 * 1024;
/// Names kept of slugs and variants.
const NAMES: u64 = 50_000;
/// Bytes of pages of lists kept.
const PAGES: u64 = 4 * 1024 * 1024;
const COUNTERS: usize = 64;

/// Reads products and the tree, from memory where it can.
#[derive(Clone)]
pub(crate) struct Products {
    store: Arc<dyn Store>,
    kept: Arc<Kept>,
    /// Whether what is kept is passed over.
    past: bool,
}

struct Kept {
    products: Cache<String, Arc<Product>>,
    /// Slug or variant id → product id. May be outdated: what is found by it is compared with what was asked for.
    names: Cache<String, String>,
    counters: [Mutex<u64>; COUNTERS],
    /// Each beside what `revision` was before it was read.
    pages: Cache<ProductQuery, (u64, Arc<ProductPage>)>,
    /// Counts changes of what lists show and sort by.
    revision: AtomicU64,
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
            pages: Cache::builder()
                .max_capacity(PAGES)
                .weigher(|query: &ProductQuery, (_, page): &(u64, Arc<ProductPage>)| page_weight(query, page))
                .build(),
            revision: AtomicU64::new(0),
            tree: Mutex::default(),
            hasher: RandomState::new(),
        });
        let hook = Arc::clone(&kept);
        store.changes().before_answer(move |change| hook.forget(change));
        Self {
            store,
            kept,
            past: false,
        }
    }

    /// The same products, but read from the store where another process may have changed them since they were cached.
    pub(crate) fn at_the_source(&self) -> Self {
        Self {
            past: self.store.is_shared(),
            ..self.clone()
        }
    }

    fn kept(&self, id: &str) -> Option<Arc<Product>> {
        if self.past {
            None
        } else {
            self.kept.products.get(id)
        }
    }

    /// For each of the ids the product, if there is one.
    pub(crate) async fn get(&self, ids: &[&str]) -> Result<Vec<Option<Arc<Product>>>, Error> {
        let mut found: Vec<Option<Arc<Product>>> = ids.iter().map(|id| self.kept(id)).collect();
        let (mut missing, mut counts) = (Vec::new(), HashMap::new());
        for (id, _) in ids.iter().zip(&found).filter(|(_, found)| found.is_none()) {
            if counts.insert(*id, self.kept.count(id)).is_none() {
                missing.push((*id).to_owned());
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let mut read: HashMap<&str, Arc<Product>> = HashMap::with_capacity(missing.len());
        for product in self.store.products(&missing).await? {
            let product = Arc::new(product);
            if let Some((id, count)) = counts.get_key_value(product.id.as_str()) {
                self.kept.keep(&product, *count);
                read.insert(id, product);
            }
        }
        for (id, found) in ids.iter().zip(&mut found) {
            if found.is_none() {
                *found = read.get(id).cloned();
            }
        }
        Ok(found)
    }

    /// The page of a list.
    pub(crate) async fn page(&self, query: ProductQuery) -> Result<Arc<ProductPage>, Error> {
        let revision = self.kept.revision.load(Ordering::SeqCst);
        if let Some((read_at, page)) = self.kept.pages.get(&query)
            && read_at == revision
            && !self.past
        {
            return Ok(page);
        }
        let page = Arc::new(self.store.list_products(&query).await?);
        self.kept.pages.insert(query, (revision, Arc::clone(&page)));
        Ok(page)
    }

    /// The product with the id.
    pub(crate) async fn by_id(&self, id: &str) -> Result<Option<Arc<Product>>, Error> {
        if let Some(product) = self.kept(id) {
            return Ok(Some(product));
        }
        Ok(self.get(&[id]).await?.pop().flatten())
    }

    /// The product with the slug.
    pub(crate) async fn by_slug(&self, slug: &str) -> Result<Option<Arc<Product>>, Error> {
        if let Some(id) = self.kept.names.get(slug)
            && let Some(product) = self.kept(&id)
            && product.slug == slug
        {
            return Ok(Some(product));
        }
        // Which counter it belongs to is known only once it is read.
        let counts = self.kept.counts();
        let Some(product) = self.store.product_by_slug(slug).await?.map(Arc::new) else {
            return Ok(None);
        };
        self.kept.names.insert(slug.to_owned(), product.id.clone());
        self.kept.keep(&product, counts[self.kept.place(&product.id)]);
        Ok(Some(product))
    }

    /// The products of those variants there are, by variant id.
    pub(crate) async fn of_variants(&self, ids: &[String]) -> Result<HashMap<String, Arc<Product>>, Error> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            let known = self.kept.names.get(id).and_then(|product| self.kept(&product));
            match known.filter(|product| product.variant(id).is_some()) {
                Some(product) => {
                    found.insert(id.clone(), product);
                }
                None => missing.push(id.clone()),
            }
        }
        if !missing.is_empty() {
            let pairs = self.store.products_of_variants(&missing).await?;
            let product_ids: Vec<&str> = pairs.iter().map(|(_, product)| product.as_str()).collect();
            let products = self.get(&product_ids).await?;
            for ((variant, product_id), product) in pairs.into_iter().zip(products) {
                // Gone, if it was removed between the two readings.
                if let Some(product) = product.filter(|product| product.variant(&variant).is_some()) {
                    self.kept.names.insert(variant.clone(), product_id);
                    found.insert(variant, product);
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
    /// The place of the product's counter.
    fn place(&self, id: &str) -> usize {
        // The remainder is below COUNTERS.
        usize::try_from(self.hasher.hash_one(id) % COUNTERS as u64).unwrap_or_default()
    }

    fn counter(&self, id: &str) -> &Mutex<u64> {
        &self.counters[self.place(id)]
    }

    fn count(&self, id: &str) -> u64 {
        *self.counter(id).lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> [u64; COUNTERS] {
        std::array::from_fn(|place| {
            *self.counters[place]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        })
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
        if !matches!(change, Change::Stock(_)) {
            self.revision.fetch_add(1, Ordering::SeqCst);
        }
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
            Change::Everything => {
                for counter in &self.counters {
                    *counter.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                }
                self.products.invalidate_all();
                self.forget(&Change::Categories);
            }
        }
    }
}

/// What the cache itself keeps for an entry: its key, its place in the queues, its share of the table.
const ENTRY: usize = 256;

/// About how many bytes a product takes.
fn weight(product: &Product) -> u32 {
    let content = &product.content;
    let lines = [&product.id, &product.slug, &product.currency, &content.title];
    let optional = [
        &content.vendor,
        &content.product_type,
        &content.category_id,
        &content.seo_title,
        &content.seo_description,
        &content.handle,
    ];
    let bytes = ENTRY
        + size_of::<Product>()
        + lines.into_iter().map(|line| text(line)).sum::<usize>()
        + text(&content.description)
        + optional
            .into_iter()
            .flatten()
            .map(|line| text(line))
            .sum::<usize>()
        + texts(&content.tags)
        + texts(&content.options)
        + content.images.iter().map(image_weight).sum::<usize>()
        + product.variants.iter().map(variant_weight).sum::<usize>();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn variant_weight(variant: &Variant) -> usize {
    size_of::<Variant>()
        + text(&variant.id)
        + variant.sku.as_deref().map_or(0, text)
        + texts(&variant.option_values)
        + variant.image.as_ref().map_or(0, image_weight)
}

fn image_weight(image: &Image) -> usize {
    size_of::<Image>() + text(&image.url) + image.alt_text.as_deref().map_or(0, text)
}

fn page_weight(query: &ProductQuery, page: &ProductPage) -> u32 {
    let keys = page.keys.iter();
    let keys: usize = keys
        .map(|(id, value)| 2 * size_of::<String>() + text(id) + text(value))
        .sum();
    let bytes = ENTRY + size_of::<(ProductQuery, ProductPage)>() + texts(&query.categories) + keys;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Strings with what holds them.
fn texts(texts: &[String]) -> usize {
    texts.iter().map(|line| size_of::<String>() + text(line)).sum()
}

/// The bytes of a string elsewhere, rounded up as allocators do.
fn text(text: &str) -> usize {
    text.len().next_multiple_of(16)
}
