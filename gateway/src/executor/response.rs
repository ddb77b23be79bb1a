//! Arranges answers as the GraphQL specification requires.
//!
//! The library puts the fields of an object into the order in which they finish. It omits a field that failed, and returns
//! null for an object whose fields were all skipped. This module puts fields into the order of the document. A nullable
//! field that failed becomes null. A non-null field that failed makes its parent null, up to the next nullable field or the
//! whole of `data`. A skipped object that must not be null becomes an empty one.

use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, Type};
use async_graphql::{Name, ObjectType, PathSegment, Request, Response, Schema, SubscriptionType, Value};
use futures::{Stream, StreamExt as _};

use super::errors::complete_errors;
use super::response_shape::{Fields, ResponseShape, ShapeField};

/// Runs a query or mutation. The shape is that of the request's operation.
pub(crate) async fn execute<Q, M, S>(
    schema: &Schema<Q, M, S>,
    request: Request,
    response_shape: &ResponseShape,
) -> Response
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    let mut response = schema.execute(request).await;
    complete(response_shape, &mut response);
    response
}

/// Runs a subscription. Another operation answers once.
pub(crate) fn execute_stream<Q, M, S>(
    schema: &Schema<Q, M, S>,
    request: Request,
    response_shape: Arc<ResponseShape>,
) -> impl Stream<Item = Response> + Send + use<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    schema.execute_stream(request).map(move |mut response| {
        complete(&response_shape, &mut response);
        response
    })
}

fn complete(response_shape: &ResponseShape, response: &mut Response) {
    complete_errors(response);
    let ran = response.data != Value::Null
        || response.errors.is_empty()
        || response.errors.iter().any(|error| !error.path.is_empty());
    if !ran {
        return;
    }
    let mut object = match std::mem::take(&mut response.data) {
        Value::Object(object) => object,
        _ => IndexMap::new(),
    };
    if response.errors.is_empty() {
        sort_fields(response_shape.fields(), &mut object);
        response.data = Value::Object(object);
        return;
    }
    let failed = response.errors.iter().map(|error| error.path.as_slice());
    let mut completion = Completion {
        failed: failed.collect(),
        path: Vec::new(),
    };
    response.data = match completion.object(response_shape.fields(), &mut object) {
        Ok(()) => Value::Object(object),
        Err(NullPropagates) => Value::Null,
    };
}

/// Sorts the fields of an object in which nothing failed.
fn sort_fields(fields: &Fields, object: &mut IndexMap<Name, Value>) {
    // Some fields may be missing: they were skipped, or belong to another type.
    let mut expected = fields.keys();
    if !object.keys().all(|key| expected.any(|name| name == key)) {
        object.sort_by_cached_key(|key, _| fields.get_index_of(key).unwrap_or(usize::MAX));
    }
    let mut expected = fields.iter();
    for (key, value) in object {
        let Some((_, field)) = expected.find(|(name, _)| *name == key) else {
            return;
        };
        if let Some(ty) = field
            .ty
            .as_ref()
            .filter(|_| !field.in_order && !field.fields.is_empty())
        {
            sort_value(ty, &field.fields, value);
        }
    }
}

fn sort_value(ty: &Type, fields: &Fields, value: &mut Value) {
    match (&ty.base, &mut *value) {
        (BaseType::Named(_), Value::Object(object)) => sort_fields(fields, object),
        (BaseType::List(item), Value::List(items)) => {
            items.iter_mut().for_each(|value| sort_value(item, fields, value));
        }
        (BaseType::Named(_), Value::Null) if !ty.nullable => *value = all_skipped(),
        _ => {}
    }
}

/// An object whose fields were all skipped.
fn all_skipped() -> Value {
    Value::Object(IndexMap::new())
}

/// A non-null field failed, so its parent becomes null.
struct NullPropagates;

/// The walk through an answer in which something failed.
struct Completion<'a> {
    failed: Vec<&'a [PathSegment]>,
    path: Vec<PathSegment>,
}

impl Completion<'_> {
    fn object(&mut self, fields: &Fields, object: &mut IndexMap<Name, Value>) -> Result<(), NullPropagates> {
        let mut found = std::mem::take(object);
        for (key, field) in fields {
            self.path.push(PathSegment::Field(key.to_string()));
            if let Some(mut value) = found.swap_remove(key) {
                self.field(field, &mut value)?;
                object.insert(key.clone(), value);
            } else if self.has_failed() {
                if field.ty.as_ref().is_some_and(|ty| !ty.nullable) {
                    return Err(NullPropagates);
                }
                object.insert(key.clone(), Value::Null);
            }
            self.path.pop();
        }
        object.extend(found);
        Ok(())
    }

    fn field(&mut self, field: &ShapeField, value: &mut Value) -> Result<(), NullPropagates> {
        match &field.ty {
            Some(ty) => self.value(ty, &field.fields, value),
            None => Ok(()),
        }
    }

    fn value(&mut self, ty: &Type, fields: &Fields, value: &mut Value) -> Result<(), NullPropagates> {
        let depth = self.path.len();
        let shaped = match (&ty.base, &mut *value) {
            (BaseType::Named(_), Value::Object(object)) => self.object(fields, object),
            (BaseType::List(item), Value::List(items)) => self.items(item, fields, items),
            // All fields of the object failed.
            (BaseType::Named(_), Value::Null) if !fields.is_empty() && self.has_failed() => {
                let mut object = IndexMap::new();
                let shaped = self.object(fields, &mut object);
                if !object.is_empty() {
                    *value = Value::Object(object);
                }
                shaped
            }
            (BaseType::Named(_), Value::Null) if !fields.is_empty() && !ty.nullable => {
                *value = all_skipped();
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

    fn items(&mut self, item: &Type, fields: &Fields, items: &mut [Value]) -> Result<(), NullPropagates> {
        for (at, value) in items.iter_mut().enumerate() {
            self.path.push(PathSegment::Index(at));
            self.value(item, fields, value)?;
            self.path.pop();
        }
        Ok(())
    }

    /// Whether the value at the path, or one below it, failed.
    fn has_failed(&self) -> bool {
        self.failed.iter().any(|failed| failed.starts_with(&self.path))
    }
}
