//! The tree of categories.

use std::collections::{HashMap, HashSet};

use super::SlugChoice;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Begins with `cat_`.
    pub id: String,
    /// Unique among categories.
    pub slug: String,
    /// The name.
    pub name: String,
    /// None at the top.
    pub parent_id: Option<String>,
}

/// A category as staff write it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryDraft {
    /// The name.
    pub name: String,
    /// How its slug is chosen.
    pub slug: SlugChoice,
    /// The parent; None for a category at the top.
    pub parent_id: Option<String>,
}

/// The categories as a tree. It is small, so it is always read completely.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: Vec<Category>,
    by_id: HashMap<String, usize>,
}

impl Tree {
    /// The tree of these, put in order: parents before children, siblings by name.
    pub fn new(categories: Vec<Category>) -> Self {
        let mut children: HashMap<Option<String>, Vec<Category>> = HashMap::new();
        for category in categories {
            children
                .entry(category.parent_id.clone())
                .or_default()
                .push(category);
        }
        for siblings in children.values_mut() {
            // In reverse order, because they are popped from the end.
            siblings.sort_by_cached_key(|category| {
                std::cmp::Reverse((super::text::fold(&category.name), category.id.clone()))
            });
        }
        let mut nodes = Vec::new();
        let mut waiting = children.remove(&None).unwrap_or_default();
        while let Some(category) = waiting.pop() {
            waiting.extend(children.remove(&Some(category.id.clone())).unwrap_or_default());
            nodes.push(category);
        }
        let by_id = nodes
            .iter()
            .enumerate()
            .map(|(place, category)| (category.id.clone(), place))
            .collect();
        Self { nodes, by_id }
    }

    /// All, parents before children, siblings by name.
    pub fn all(&self) -> &[Category] {
        &self.nodes
    }

    /// The one with the id.
    pub fn get(&self, id: &str) -> Option<&Category> {
        self.by_id.get(id).map(|place| &self.nodes[*place])
    }

    /// The one with the slug.
    pub fn by_slug(&self, slug: &str) -> Option<&Category> {
        self.nodes.iter().find(|category| category.slug == slug)
    }

    /// The ids of the category and of all below it.
    pub fn with_descendants(&self, id: &str) -> Vec<String> {
        let mut inside = HashSet::new();
        let mut found = Vec::new();
        // Parents come before children, so that one pass is enough.
        for category in &self.nodes {
            let below = category
                .parent_id
                .as_deref()
                .is_some_and(|parent| inside.contains(parent));
            if category.id == id || below {
                inside.insert(category.id.as_str());
                found.push(category.id.clone());
            }
        }
        found
    }

    /// The category and those above it, itself first.
    pub fn with_ancestors(&self, id: &str) -> Vec<&Category> {
        let mut found = Vec::new();
        let mut next = self.get(id);
        while let Some(category) = next {
            found.push(category);
            next = category.parent_id.as_deref().and_then(|parent| self.get(parent));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(id: &str, name: &str, parent: Option<&str>) -> Category {
        Category {
            id: id.to_owned(),
            slug: id.to_owned(),
            name: name.to_owned(),
            parent_id: parent.map(str::to_owned),
        }
    }

    #[test]
    fn parents_come_before_children_and_siblings_by_name() {
        let tree = Tree::new(vec![
            category("shirts", "Shirts", Some("men")),
            category("women", "Women", None),
            category("etoffes", "Étoffes", Some("men")),
            category("men", "Men", None),
        ]);
        let order: Vec<_> = tree.all().iter().map(|category| category.id.as_str()).collect();
        assert_eq!(order, ["men", "etoffes", "shirts", "women"]);
        assert_eq!(tree.with_descendants("men"), ["men", "etoffes", "shirts"]);
        let up: Vec<_> = tree
            .with_ancestors("shirts")
            .iter()
            .map(|category| category.id.as_str())
            .collect();
        assert_eq!(up, ["shirts", "men"]);
        assert!(tree.with_descendants("nowhere").is_empty());
    }
}
