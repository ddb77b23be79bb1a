//! Fields that need a call. They are resolved after the walk that found them.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::resolver_utils::ContainerType;
use async_graphql::{
    Context, ContextSelectionSet, PathSegment, Positioned, QueryPathNode, QueryPathSegment, ServerResult,
    Value,
};
use futures::future::BoxFuture;

/// Resolves a deferred field: an object with resolvers.
pub(crate) trait FieldSource: Send + Sync {
    fn resolve<'f>(&'f self, ctx: Context<'f>) -> BoxFuture<'f, ServerResult<Option<Value>>>;
}

impl<T: ContainerType + Send + Sync> FieldSource for T {
    fn resolve<'f>(&'f self, ctx: Context<'f>) -> BoxFuture<'f, ServerResult<Option<Value>>> {
        Box::pin(async move { self.resolve_field(&ctx).await })
    }
}

/// A deferred field, and its position in the answer.
pub(crate) struct DeferredField<'q> {
    pub(crate) path: Vec<QueryPathSegment<'q>>,
    pub(crate) field: Cow<'q, Positioned<Field>>,
    pub(crate) source: Box<dyn FieldSource>,
}

impl DeferredField<'_> {
    /// Resolves the field.
    pub(crate) async fn resolve(&self, ctx: &ContextSelectionSet<'_>) -> ServerResult<Option<Value>> {
        self.below(ctx, &self.path).await
    }

    /// Builds the context of its position, so that errors have its path.
    fn below<'f>(
        &'f self,
        ctx: &'f ContextSelectionSet<'f>,
        path: &'f [QueryPathSegment<'f>],
    ) -> BoxFuture<'f, ServerResult<Option<Value>>> {
        Box::pin(async move {
            let [segment, rest @ ..] = path else {
                return Ok(None);
            };
            if rest.is_empty() {
                return self.source.resolve(ctx.with_field(&self.field)).await;
            }
            let node = QueryPathNode {
                parent: ctx.path_node.as_ref(),
                segment: *segment,
            };
            let deeper = ctx
                .query_env
                .create_context(ctx.schema_env, Some(node), ctx.item, ctx.execute_data);
            self.below(&deeper, rest).await
        })
    }

    /// Inserts the value at its position. A field that failed is removed.
    pub(crate) fn put(&self, answer: &mut Value, found: Option<Value>) {
        let Some((QueryPathSegment::Name(key), above)) = self.path.split_last() else {
            return;
        };
        let holder = above
            .iter()
            .try_fold(answer, |value, segment| match (value, segment) {
                (Value::Object(object), QueryPathSegment::Name(key)) => object.get_mut(*key),
                (Value::List(items), QueryPathSegment::Index(index)) => items.get_mut(*index),
                _ => None,
            });
        if let Some(Value::Object(object)) = holder {
            match found {
                Some(found) => drop(object.insert(self.field.node.response_key().node.clone(), found)),
                None => drop(object.shift_remove(*key)),
            }
        }
    }
}

/// Converts a segment for an error's path.
pub(crate) fn path_segment(segment: QueryPathSegment<'_>) -> PathSegment {
    match segment {
        QueryPathSegment::Name(name) => PathSegment::Field(name.to_owned()),
        QueryPathSegment::Index(index) => PathSegment::Index(index),
    }
}
