//! What the answer to an operation looks like: its fields in the order of the document, fragments spread, and their types.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, FieldDefinition, OperationDefinition, OperationType,
    Selection, SelectionSet, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Positioned};

use super::plain::in_order;
use super::sdl;

/// The fields of an object by their response keys.
pub(super) type Fields = IndexMap<Name, Expected>;

/// What a response key stands for.
pub(super) struct Expected {
    /// Unknown for introspection.
    pub(super) ty: Option<&'static Type>,
    /// Whether all below it is in its order from the beginning.
    pub(super) in_order: bool,
    /// None below a scalar.
    pub(super) fields: Fields,
}

/// The form of an operation's answers, made when the first of them is there.
pub struct Outline {
    document: Arc<ExecutableDocument>,
    operation: Option<Name>,
    fields: OnceLock<Fields>,
}

impl Outline {
    /// Of the named operation, or of the only one.
    pub fn new(document: Arc<ExecutableDocument>, operation: Option<Name>) -> Self {
        Self {
            document,
            operation,
            fields: OnceLock::new(),
        }
    }

    /// The fields of the whole answer. The document has to be valid: its fragments end.
    pub(super) fn fields(&self) -> &Fields {
        self.fields.get_or_init(|| {
            let Some(operation) = self.chosen() else {
                return Fields::new();
            };
            let root = match operation.ty {
                OperationType::Query => "Query",
                OperationType::Mutation => "Mutation",
                OperationType::Subscription => "Subscription",
            };
            fields(&self.document, &[(root, &operation.selection_set.node)])
        })
    }

    /// How many fields it has, for an estimate of its size.
    pub fn field_count(&self) -> usize {
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
    ty: Option<&'static Type>,
    /// The selections below it, with the type each was written on.
    sets: Vec<(&'static str, &'a SelectionSet)>,
}

fn fields(document: &ExecutableDocument, sets: &[(&str, &SelectionSet)]) -> Fields {
    let mut selection = IndexMap::new();
    for (on, set) in sets {
        collect(document, on, set, &mut selection);
    }
    let expected = |(key, selected): (&Name, Selected<'_>)| {
        let expected = Expected {
            ty: selected.ty,
            in_order: selected.ty.is_some_and(|ty| in_order(named(ty))),
            fields: fields(document, &selected.sets),
        };
        (key.clone(), expected)
    };
    selection.into_iter().map(expected).collect()
}

fn collect<'a>(
    document: &'a ExecutableDocument,
    on: &str,
    set: &'a SelectionSet,
    into: &mut IndexMap<&'a Name, Selected<'a>>,
) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => {
                let selected = into.entry(&field.node.response_key().node).or_default();
                let ty = FIELDS
                    .get(on)
                    .and_then(|fields| fields.get(field.node.name.node.as_str()));
                selected.ty = selected.ty.or(ty);
                if let Some(ty) = ty.filter(|_| !field.node.selection_set.node.items.is_empty()) {
                    selected.sets.push((named(ty), &field.node.selection_set.node));
                }
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let on = condition.map_or(on, |condition| condition.node.on.node.as_str());
                collect(document, on, &fragment.node.selection_set.node, into);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    let on = &fragment.node.type_condition.node.on.node;
                    collect(document, on, &fragment.node.selection_set.node, into);
                }
            }
        }
    }
}

/// The types of all fields, by the names of the type and the field.
static FIELDS: LazyLock<HashMap<String, HashMap<String, Type>>> = LazyLock::new(|| {
    let definitions = parse_schema(sdl())
        .map(|document| document.definitions)
        .unwrap_or_default();
    let types = definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(ty) => Some(ty.node),
        _ => None,
    });
    let fields = types.filter_map(|ty| match ty.kind {
        TypeKind::Object(object) => Some((ty.name.node.to_string(), field_types(object.fields))),
        TypeKind::Interface(interface) => Some((ty.name.node.to_string(), field_types(interface.fields))),
        _ => None,
    });
    fields.collect()
});

fn field_types(fields: Vec<Positioned<FieldDefinition>>) -> HashMap<String, Type> {
    fields
        .into_iter()
        .map(|field| (field.node.name.node.to_string(), field.node.ty.node))
        .collect()
}

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => named(item),
    }
}
