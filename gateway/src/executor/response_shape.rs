//! The shape of an operation's answer: its fields in the order of the document, with fragments spread, and their types.

use std::sync::{Arc, OnceLock};

use async_graphql::Name;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type,
};

use super::model::{Model, named, root};
use super::sync_object::in_order;

/// The fields of an object by their response keys.
pub(crate) type Fields = IndexMap<Name, ShapeField>;

/// The field of a response key.
pub(crate) struct ShapeField {
    /// `None` for introspection.
    pub(crate) ty: Option<Type>,
    /// Whether the library already returns its fields, and all below them, in the order of the document.
    pub(crate) in_order: bool,
    /// Empty for a scalar.
    pub(crate) fields: Fields,
}

/// The shape of an operation's answer, computed when the first answer arrives.
pub(crate) struct ResponseShape {
    model: Arc<Model>,
    document: Arc<ExecutableDocument>,
    operation: Option<Name>,
    fields: OnceLock<Fields>,
}

impl ResponseShape {
    /// The shape of the named operation, or of the only one.
    pub(crate) fn new(model: Arc<Model>, document: Arc<ExecutableDocument>, operation: Option<Name>) -> Self {
        Self {
            model,
            document,
            operation,
            fields: OnceLock::new(),
        }
    }

    /// The fields of the answer. The document must be valid, so that its fragments are finite.
    pub(crate) fn fields(&self) -> &Fields {
        self.fields.get_or_init(|| {
            let Some(operation) = self.chosen() else {
                return Fields::new();
            };
            let root = root(operation.ty);
            fields(
                &self.model,
                &self.document,
                &[(root, &operation.selection_set.node)],
            )
        })
    }

    /// The number of fields, for an estimate of the memory it takes.
    pub(crate) fn field_count(&self) -> usize {
        self.fields.get().map_or(0, count)
    }

    fn chosen(&self) -> Option<&OperationDefinition> {
        match (&self.document.operations, &self.operation) {
            (DocumentOperations::Single(operation), _) => Some(&operation.node),
            (DocumentOperations::Multiple(operations), Some(name)) => {
                operations.get(name).map(|operation| &operation.node)
            }
            (DocumentOperations::Multiple(operations), None) => {
                operations.values().next().map(|operation| &operation.node)
            }
        }
    }
}

fn count(fields: &Fields) -> usize {
    fields.values().map(|field| 1 + count(&field.fields)).sum()
}

#[derive(Default)]
struct Selected<'a> {
    ty: Option<&'a Type>,
    /// The selections below it, with the type of each.
    sets: Vec<(&'a str, &'a SelectionSet)>,
}

fn fields(model: &Model, document: &ExecutableDocument, sets: &[(&str, &SelectionSet)]) -> Fields {
    let mut selection = IndexMap::new();
    for (on, set) in sets {
        collect(model, document, on, set, &mut selection);
    }
    let expected = |(key, selected): (&Name, Selected<'_>)| {
        let expected = ShapeField {
            ty: selected.ty.cloned(),
            in_order: selected.ty.is_some_and(|ty| in_order(named(ty))),
            fields: fields(model, document, &selected.sets),
        };
        (key.clone(), expected)
    };
    selection.into_iter().map(expected).collect()
}

fn collect<'a>(
    model: &'a Model,
    document: &'a ExecutableDocument,
    on: &str,
    set: &'a SelectionSet,
    into: &mut IndexMap<&'a Name, Selected<'a>>,
) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => {
                let selected = into.entry(&field.node.response_key().node).or_default();
                let ty = model
                    .fields(on)
                    .and_then(|fields| fields.get(field.node.name.node.as_str()))
                    .map(|field| &field.ty);
                selected.ty = selected.ty.or(ty);
                if let Some(ty) = ty.filter(|_| !field.node.selection_set.node.items.is_empty()) {
                    selected.sets.push((named(ty), &field.node.selection_set.node));
                }
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let on = condition.map_or(on, |condition| condition.node.on.node.as_str());
                collect(model, document, on, &fragment.node.selection_set.node, into);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    let on = &fragment.node.type_condition.node.on.node;
                    collect(model, document, on, &fragment.node.selection_set.node, into);
                }
            }
        }
    }
}
