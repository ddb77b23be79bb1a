//! The tree of categories. It is small, and read as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use comptoir_proto::catalog::v1 as catalog;
use prost::Message as _;

use super::{Failure, Services};
use crate::cache::{EntityCache, Mark};

/// The most categories that one call returns.
const CATEGORY_PAGE: i32 = 1000;

/// All categories of the shop.
#[derive(Default)]
pub(crate) struct CategoryTree {
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

    /// All categories: parents before children, siblings by name.
    pub(crate) fn all(&self) -> &[Arc<catalog::Category>] {
        &self.all
    }

    /// The category with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<catalog::Category>> {
        self.by_id.get(id).and_then(|&at| self.all.get(at))
    }

    /// The category with this slug.
    pub(crate) fn by_slug(&self, slug: &str) -> Option<&Arc<catalog::Category>> {
        self.all.iter().find(|category| category.slug == slug)
    }

    /// The children of a category, by name.
    pub(crate) fn children(&self, id: &str) -> impl Iterator<Item = &Arc<catalog::Category>> {
        self.all
            .iter()
            .filter(move |category| category.parent_id.as_deref() == Some(id))
    }

    /// The ancestors of a category, from the root down.
    pub(crate) fn ancestors<'t>(&'t self, category: &catalog::Category) -> Vec<&'t Arc<catalog::Category>> {
        let mut above = Vec::new();
        let mut parent_id = category.parent_id.as_deref();
        // The bound ends the loop if the data contains a cycle.
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

pub(crate) async fn read_tree(
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
