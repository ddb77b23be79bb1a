//! The category tree as the index sees it: a product counts in its category and in all above it.

use std::collections::HashSet;

use super::interner::Interner;
use crate::domain::Category;

/// Stands for no category, vendor or type.
pub(crate) const NONE: u32 = u32::MAX;

/// Categories by number. A product may name one before the tree is known to have it.
#[derive(Debug, Default)]
pub(crate) struct Categories {
    ids: Interner,
    /// By number; None where the tree has no such category (any more).
    nodes: Vec<Option<Node>>,
}

#[derive(Debug)]
struct Node {
    slug: Box<str>,
    name: Box<str>,
    parent: u32,
}

/// A value of the facet.
#[derive(Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) slug: &'a str,
    pub(crate) name: &'a str,
    pub(crate) count: u32,
}

impl Categories {
    /// Takes the whole tree in, in place of the one before.
    pub(crate) fn replace(&mut self, categories: &[Category]) {
        let before: Vec<u32> = (0..self.nodes.len())
            .filter(|at| self.nodes[*at].is_some())
            .map(|at| at as u32)
            .collect();
        let numbers: Vec<u32> = categories
            .iter()
            .map(|category| self.ids.acquire(&category.id))
            .collect();
        self.nodes.iter_mut().for_each(|node| *node = None);
        self.nodes.resize_with(self.ids.len(), || None);
        for (category, number) in categories.iter().zip(numbers) {
            self.nodes[number as usize] = Some(Node {
                slug: category.slug.as_str().into(),
                name: category.name.as_str().into(),
                parent: category
                    .parent_id
                    .as_deref()
                    .and_then(|id| self.ids.get(id))
                    .unwrap_or(NONE),
            });
        }
        before.into_iter().for_each(|number| self.ids.release(number));
    }

    /// The number of a product's category.
    pub(crate) fn acquire(&mut self, id: &str) -> u32 {
        let number = self.ids.acquire(id);
        if self.nodes.len() < self.ids.len() {
            self.nodes.resize_with(self.ids.len(), || None);
        }
        number
    }

    /// The product has it no longer.
    pub(crate) fn release(&mut self, number: u32) {
        self.ids.release(number);
    }

    /// For each number whether it is one of `slugs` or below one.
    pub(crate) fn below(&self, slugs: &[String]) -> Vec<bool> {
        let slugs: HashSet<&str> = slugs.iter().map(String::as_str).collect();
        let wanted = |node: &Option<Node>| node.as_ref().is_some_and(|node| slugs.contains(&*node.slug));
        let wanted: Vec<bool> = self.nodes.iter().map(wanted).collect();
        (0..self.nodes.len() as u32)
            .map(|number| self.upwards(number).any(|at| wanted[at as usize]))
            .collect()
    }

    /// From the counts of the products directly in each category, those of the facet.
    pub(crate) fn roll_up(&self, direct: &[u32]) -> Vec<Counted<'_>> {
        let mut total = vec![0_u32; self.nodes.len()];
        for (number, count) in direct.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.upwards(number as u32)
                .for_each(|at| total[at as usize] += count);
        }
        let mut counted: Vec<Counted<'_>> = total
            .iter()
            .zip(&self.nodes)
            .filter(|(count, _)| **count > 0)
            .filter_map(|(count, node)| {
                node.as_ref().map(|node| Counted {
                    slug: &node.slug,
                    name: &node.name,
                    count: *count,
                })
            })
            .collect();
        counted.sort_unstable_by(|a, b| {
            b.count
                .cmp(&a.count)
                .then_with(|| (a.name, a.slug).cmp(&(b.name, b.slug)))
        });
        counted
    }

    /// One more than the highest number.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(number as usize)?.as_ref()
    }

    /// The number and those above it that the tree has.
    fn upwards(&self, number: u32) -> impl Iterator<Item = u32> {
        let known = |number: u32| self.node(number).map(|_| number);
        let above = move |number: &u32| known(self.node(*number)?.parent);
        // A tree has no loop; the bound holds should a store ever give one.
        std::iter::successors(known(number), above).take(self.nodes.len())
    }
}
