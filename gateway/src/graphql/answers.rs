//! Answers as the GraphQL specification has them.
//!
//! The library resolves the fields of an object in whatever order they finish, leaves a field that failed out of its
//! object, and gives null for an object all of whose fields were skipped. Here the fields are put into the order of the
//! document, a nullable field that failed is null, one that is not makes null what holds it, up to the next nullable field
//! or all of `data`, and an object without fields is one where null cannot be.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, FieldDefinition, OperationDefinition, OperationType,
    Selection, SelectionSet, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, PathSegment, Positioned, Request, Response, Value};
use futures::{Stream, StreamExt as _};

use super::errors::complete_errors;
use super::{Schema, sdl};

/// Runs a query or mutation to its end.
pub async fn execute(schema: &Schema, mut request: Request) -> Response {
    let document = request.parsed_query().ok().cloned();
    let operation = request.operation_name.clone();
    let mut response = schema.execute(request).await;
    complete(document.as_ref(), operation.as_deref(), &mut response);
    response
}

/// Runs an operation that answers many times; others answer once.
pub fn execute_stream(schema: &Schema, mut request: Request) -> impl Stream<Item = Response> + Send + use<> {
    let document = request.parsed_query().ok().cloned();
    let operation = request.operation_name.clone();
    schema.execute_stream(request).map(move |mut response| {
        complete(document.as_ref(), operation.as_deref(), &mut response);
        response
    })
}

fn complete(document: Option<&ExecutableDocument>, operation: Option<&str>, response: &mut Response) {
    complete_errors(response);
    let ran = response.data != Value::Null
        || response.errors.is_empty()
        || response.errors.iter().any(|error| !error.path.is_empty());
    let Some(document) = document.filter(|_| ran) else {
        return;
    };
    let Some(operation) = chosen(document, operation) else {
        return;
    };
    let failed = response
        .errors
        .iter()
        .map(|error| error.path.as_slice())
        .collect();
    let mut shaping = Shaping {
        document,
        failed,
        path: Vec::new(),
    };
    let root = match operation.ty {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    };
    let mut object = match std::mem::take(&mut response.data) {
        Value::Object(object) => object,
        _ => IndexMap::new(),
    };
    let sets = [(root, &operation.selection_set.node)];
    response.data = match shaping.object(&sets, &mut object) {
        Ok(()) => Value::Object(object),
        Err(MadeNull) => Value::Null,
    };
}

fn chosen<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a OperationDefinition> {
    match &document.operations {
        DocumentOperations::Single(operation) => Some(&operation.node),
        DocumentOperations::Multiple(operations) => match name {
            Some(name) => operations.get(name).map(|operation| &operation.node),
            None => operations.values().next().map(|operation| &operation.node),
        },
    }
}

/// What holds a failed field that may not be null.
struct MadeNull;

/// What a response key of an object stands for.
#[derive(Default)]
struct Selected<'a> {
    /// Unknown for introspection.
    ty: Option<&'static Type>,
    /// The selections below it, with the type each was written on.
    sets: Vec<(&'a str, &'a SelectionSet)>,
}

struct Shaping<'a> {
    document: &'a ExecutableDocument,
    failed: Vec<&'a [PathSegment]>,
    path: Vec<PathSegment>,
}

impl<'a> Shaping<'a> {
    fn object(
        &mut self,
        sets: &[(&'a str, &'a SelectionSet)],
        object: &mut IndexMap<Name, Value>,
    ) -> Result<(), MadeNull> {
        let mut selection = IndexMap::new();
        for (on, set) in sets {
            self.collect(on, set, &mut selection);
        }
        let mut found = std::mem::take(object);
        for (key, selected) in selection {
            self.path.push(PathSegment::Field(key.to_string()));
            if let Some(mut value) = found.shift_remove(key) {
                self.value(selected.ty, &selected.sets, &mut value)?;
                object.insert(key.clone(), value);
            } else if self.has_failed() {
                if selected.ty.is_some_and(|ty| !ty.nullable) {
                    return Err(MadeNull);
                }
                object.insert(key.clone(), Value::Null);
            }
            self.path.pop();
        }
        object.extend(found);
        Ok(())
    }

    fn value(
        &mut self,
        ty: Option<&'static Type>,
        sets: &[(&'a str, &'a SelectionSet)],
        value: &mut Value,
    ) -> Result<(), MadeNull> {
        let Some(ty) = ty else {
            return Ok(());
        };
        let depth = self.path.len();
        let shaped = match (&ty.base, &mut *value) {
            (BaseType::Named(_), Value::Object(object)) => self.object(sets, object),
            (BaseType::List(item), Value::List(items)) => self.items(item, sets, items),
            // All fields of the object failed.
            (BaseType::Named(_), Value::Null) if !sets.is_empty() && self.has_failed() => {
                let mut object = IndexMap::new();
                let shaped = self.object(sets, &mut object);
                if !object.is_empty() {
                    *value = Value::Object(object);
                }
                shaped
            }
            // All fields of the object were skipped.
            (BaseType::Named(_), Value::Null) if !sets.is_empty() && !ty.nullable => {
                *value = Value::Object(IndexMap::new());
                Ok(())
            }
            _ => Ok(()),
        };
        if shaped.is_err() && ty.nullable {
            self.path.truncate(depth);
            *value = Value::Null;
            return Ok(());
        }
        shaped
    }

    fn items(
        &mut self,
        item: &'static Type,
        sets: &[(&'a str, &'a SelectionSet)],
        items: &mut [Value],
    ) -> Result<(), MadeNull> {
        for (at, value) in items.iter_mut().enumerate() {
            self.path.push(PathSegment::Index(at));
            self.value(Some(item), sets, value)?;
            self.path.pop();
        }
        Ok(())
    }

    /// Whether something at the path or below it failed.
    fn has_failed(&self) -> bool {
        self.failed.iter().any(|failed| failed.starts_with(&self.path))
    }

    /// The fields of a selection in the order of the document, fragments spread.
    fn collect(&self, on: &'a str, set: &'a SelectionSet, into: &mut IndexMap<&'a Name, Selected<'a>>) {
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
                    let on = fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map_or(on, |condition| &condition.node.on.node);
                    self.collect(on, &fragment.node.selection_set.node, into);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        let on = &fragment.node.type_condition.node.on.node;
                        self.collect(on, &fragment.node.selection_set.node, into);
                    }
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
