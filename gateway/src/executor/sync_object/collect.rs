//! Collects the fields of selections, once for all objects of a list.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{ContextSelectionSet, Name, Positioned};

use super::SyncObject;

/// A field that is requested under one response key.
pub(crate) struct CollectedField<'q> {
    pub(crate) key: &'q Name,
    pub(crate) field: &'q Positioned<Field>,
    /// The same field, repeated in the document, maybe with other fields below it.
    repeats: Vec<&'q Positioned<Field>>,
    /// The fields below it, collected when the first object is resolved.
    pub(crate) below: OnceCell<Vec<CollectedField<'q>>>,
}

impl<'q> CollectedField<'q> {
    /// All selections below it.
    pub(crate) fn sets(&self) -> impl Iterator<Item = &'q SelectionSet> {
        let fields = std::iter::once(self.field).chain(self.repeats.iter().copied());
        fields.map(|field| &field.node.selection_set.node)
    }

    /// The field with its repetitions merged.
    pub(crate) fn merged(&self) -> Cow<'q, Positioned<Field>> {
        let mut merged = Cow::Borrowed(self.field);
        for field in &self.repeats {
            let below = field.node.selection_set.node.items.iter().cloned();
            merged.to_mut().node.selection_set.node.items.extend(below);
        }
        merged
    }
}

/// Collects the fields of selections on an object of this type, in the order of the document.
pub(crate) fn collect_fields<'q, T: SyncObject>(
    ctx: &ContextSelectionSet<'q>,
    sets: impl Iterator<Item = &'q SelectionSet>,
) -> Vec<CollectedField<'q>> {
    let mut collector = Collector {
        ctx,
        ty: T::NAME,
        spread: HashSet::new(),
        fields: IndexMap::new(),
    };
    for set in sets {
        collector.add(set);
    }
    collector.fields.into_values().collect()
}

struct Collector<'g, 'q> {
    ctx: &'g ContextSelectionSet<'q>,
    ty: &'static str,
    spread: HashSet<&'q Name>,
    fields: IndexMap<&'q Name, CollectedField<'q>>,
}

impl<'q> Collector<'_, 'q> {
    fn add(&mut self, set: &'q SelectionSet) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => self.field(field),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.is(&condition.node.on.node)) {
                        self.add(&fragment.node.selection_set.node);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.ctx.query_env.fragments.get(name)
                        && self.is(&fragment.node.type_condition.node.on.node)
                        && self.spread.insert(name)
                    {
                        self.add(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &'q Positioned<Field>) {
        let key = &field.node.response_key().node;
        match self.fields.get_mut(key) {
            Some(selected) => selected.repeats.push(field),
            None => {
                let selected = CollectedField {
                    key,
                    field,
                    repeats: Vec::new(),
                    below: OnceCell::new(),
                };
                self.fields.insert(key, selected);
            }
        }
    }

    /// Whether the object's type is this one, or implements it.
    fn is(&self, condition: &str) -> bool {
        let interfaces = self.ctx.schema_env.registry.implements.get(self.ty);
        condition == self.ty || interfaces.is_some_and(|interfaces| interfaces.contains(condition))
    }
}
