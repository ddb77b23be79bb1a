//! The walk over a selection.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::{ContextSelectionSet, Error, QueryPathSegment, ServerError, Value};
use comptoir_proto::catalog::v1 as pb;

use super::collect::{CollectedField, collect_fields};
use super::deferred::{DeferredField, FieldSource, path_segment};
use super::{FieldValue, SyncObject};
use crate::backend::{CategoryTree, Failure, RequestData};

/// What all positions of a walk share.
pub(crate) struct Walk<'w, 'q> {
    pub(crate) ctx: &'w ContextSelectionSet<'q>,
    pub(crate) data: &'w RequestData,
    tree: Option<&'w Result<Arc<CategoryTree>, Failure>>,
    needs_tree: Cell<bool>,
    errors: RefCell<Vec<ServerError>>,
    deferred: RefCell<Vec<DeferredField<'q>>>,
}

/// The position of a field in the answer, or of an item of its list.
#[derive(Clone, Copy)]
pub(crate) struct FieldPosition<'w, 'q> {
    pub(crate) walk: &'w Walk<'w, 'q>,
    selected: &'w CollectedField<'q>,
    path: &'w Path<'w, 'q>,
}

/// The path from the root of the walk to a position.
struct Path<'w, 'q> {
    above: Option<&'w Path<'w, 'q>>,
    segment: QueryPathSegment<'q>,
}

/// Why a field has no value.
pub(crate) enum Unresolved {
    /// The tree of categories has to be read first.
    NeedsCategories,
    Failed(Failure),
}

impl From<Failure> for Unresolved {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Walks once. `None` if the tree of categories has to be read first.
pub(crate) fn walk<'q, T: SyncObject>(
    object: T,
    fields: &[CollectedField<'q>],
    ctx: &ContextSelectionSet<'q>,
    data: &RequestData,
    tree: Option<&Result<Arc<CategoryTree>, Failure>>,
) -> Option<(Value, Vec<DeferredField<'q>>)> {
    let walk = Walk {
        ctx,
        data,
        tree,
        needs_tree: Cell::default(),
        errors: RefCell::default(),
        deferred: RefCell::default(),
    };
    let value = walk.object(object, fields, None);
    if walk.needs_tree.get() {
        return None;
    }
    for error in walk.errors.into_inner() {
        ctx.add_error(error);
    }
    Some((value, walk.deferred.into_inner()))
}

impl<'w, 'q> Walk<'w, 'q> {
    fn tree(&self) -> Result<&'w CategoryTree, Unresolved> {
        match self.tree {
            Some(Ok(tree)) => Ok(tree),
            Some(Err(failure)) => Err(failure.clone().into()),
            None => Err(Unresolved::NeedsCategories),
        }
    }

    /// The category with this id.
    pub(crate) fn category(&self, id: Option<&str>) -> Result<Option<&'w pb::Category>, Unresolved> {
        match id {
            Some(id) => Ok(self.categories(|tree| tree.by_id(id))?.pop()),
            None => Ok(None),
        }
    }

    /// Returns categories of the tree. The answer then depends on them.
    pub(crate) fn categories<C: IntoIterator<Item = &'w Arc<pb::Category>>>(
        &self,
        chosen: impl FnOnce(&'w CategoryTree) -> C,
    ) -> Result<Vec<&'w pb::Category>, Unresolved> {
        let tag = |category: &'w Arc<pb::Category>| {
            self.data.tag_category(&category.id);
            &**category
        };
        Ok(chosen(self.tree()?).into_iter().map(tag).collect())
    }

    fn object<T: SyncObject>(
        &self,
        object: T,
        fields: &[CollectedField<'q>],
        above: Option<&Path<'_, 'q>>,
    ) -> Value {
        let mut values = IndexMap::with_capacity(fields.len());
        for selected in fields {
            if self.needs_tree.get() {
                break;
            }
            let name = selected.field.node.name.node.as_str();
            let value = if name == "__typename" {
                Some(Value::from(T::NAME))
            } else {
                let path = &Path {
                    above,
                    segment: QueryPathSegment::Name(selected.key.as_str()),
                };
                object.field(
                    name,
                    FieldPosition {
                        walk: self,
                        selected,
                        path,
                    },
                )
            };
            if let Some(value) = value {
                values.insert(selected.key.clone(), value);
            }
        }
        Value::Object(values)
    }
}

impl FieldPosition<'_, '_> {
    /// Resolves the object of this position.
    pub(crate) fn object<T: SyncObject>(self, object: T) -> Value {
        let collect_fields = || collect_fields::<T>(self.walk.ctx, self.selected.sets());
        let fields = self.selected.below.get_or_init(collect_fields);
        self.walk.object(object, fields, Some(self.path))
    }

    /// Resolves the list of this position. `None` if an item failed.
    pub(crate) fn list<T: FieldValue>(self, items: impl ExactSizeIterator<Item = T>) -> Option<Value> {
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.enumerate() {
            let path = &Path {
                above: Some(self.path),
                segment: QueryPathSegment::Index(index),
            };
            values.push(item.resolve(FieldPosition { path, ..self })?);
        }
        Some(Value::List(values))
    }

    /// Records why this position has no value.
    pub(crate) fn unresolved(self, why: Unresolved) {
        match why {
            Unresolved::NeedsCategories => self.walk.needs_tree.set(true),
            Unresolved::Failed(failure) => {
                let error = Error::from(failure).into_server_error(self.selected.field.pos);
                let mut error = self.walk.ctx.set_error_path(error);
                error
                    .path
                    .extend(self.path.segments().into_iter().map(path_segment));
                self.walk.errors.borrow_mut().push(error);
            }
        }
    }

    /// Defers the field of this position.
    pub(crate) fn defer(self, source: impl FieldSource + 'static) -> Option<Value> {
        self.walk.deferred.borrow_mut().push(DeferredField {
            path: self.path.segments(),
            field: self.selected.merged(),
            source: Box::new(source),
        });
        Some(Value::Null)
    }
}

impl<'q> Path<'_, 'q> {
    fn segments(&self) -> Vec<QueryPathSegment<'q>> {
        let mut segments = self.above.map(Path::segments).unwrap_or_default();
        segments.push(self.segment);
        segments
    }
}
