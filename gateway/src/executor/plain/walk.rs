//! A walk over a selection.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::{ContextSelectionSet, Error, QueryPathSegment, ServerError, Value};
use comptoir_proto::catalog::v1 as pb;

use super::behind::{Behind, Source, owned};
use super::selection::{Selected, gather};
use super::{Plain, Shown};
use crate::backend::{CategoryTree, Failure, RequestData};

/// What is common to all places of a walk.
pub(crate) struct Walk<'w, 'q> {
    pub(crate) ctx: &'w ContextSelectionSet<'q>,
    pub(crate) data: &'w RequestData,
    tree: Option<&'w Result<Arc<CategoryTree>, Failure>>,
    wants_tree: Cell<bool>,
    errors: RefCell<Vec<ServerError>>,
    behind: RefCell<Vec<Behind<'q>>>,
}

/// The place of a field in the answer, or of an item of its list.
#[derive(Clone, Copy)]
pub(crate) struct At<'w, 'q> {
    pub(crate) walk: &'w Walk<'w, 'q>,
    selected: &'w Selected<'q>,
    path: &'w Path<'w, 'q>,
}

/// The way to a place from the walk's beginning.
struct Path<'w, 'q> {
    above: Option<&'w Path<'w, 'q>>,
    segment: QueryPathSegment<'q>,
}

/// Why it is not known what a field holds.
pub(crate) enum Unknown {
    /// The tree of categories was not read yet.
    NotYet,
    Failed(Failure),
}

impl From<Failure> for Unknown {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Walks once. `None` where the tree is wanted first.
pub(crate) fn walk<'q, T: Plain>(
    object: T,
    fields: &[Selected<'q>],
    ctx: &ContextSelectionSet<'q>,
    data: &RequestData,
    tree: Option<&Result<Arc<CategoryTree>, Failure>>,
) -> Option<(Value, Vec<Behind<'q>>)> {
    let walk = Walk {
        ctx,
        data,
        tree,
        wants_tree: Cell::default(),
        errors: RefCell::default(),
        behind: RefCell::default(),
    };
    let value = walk.object(object, fields, None);
    if walk.wants_tree.get() {
        return None;
    }
    for error in walk.errors.into_inner() {
        ctx.add_error(error);
    }
    Some((value, walk.behind.into_inner()))
}

impl<'w, 'q> Walk<'w, 'q> {
    fn tree(&self) -> Result<&'w CategoryTree, Unknown> {
        match self.tree {
            Some(Ok(tree)) => Ok(tree),
            Some(Err(failure)) => Err(failure.clone().into()),
            None => Err(Unknown::NotYet),
        }
    }

    /// The category with this id.
    pub(crate) fn category(&self, id: Option<&str>) -> Result<Option<&'w pb::Category>, Unknown> {
        match id {
            Some(id) => Ok(self.categories(|tree| tree.by_id(id))?.pop()),
            None => Ok(None),
        }
    }

    /// Categories of the tree, on which the answer then depends.
    pub(crate) fn categories<C: IntoIterator<Item = &'w Arc<pb::Category>>>(
        &self,
        chosen: impl FnOnce(&'w CategoryTree) -> C,
    ) -> Result<Vec<&'w pb::Category>, Unknown> {
        let seen = |category: &'w Arc<pb::Category>| {
            self.data.tag_category(&category.id);
            &**category
        };
        Ok(chosen(self.tree()?).into_iter().map(seen).collect())
    }

    fn object<T: Plain>(&self, object: T, fields: &[Selected<'q>], above: Option<&Path<'_, 'q>>) -> Value {
        let mut values = IndexMap::with_capacity(fields.len());
        for selected in fields {
            if self.wants_tree.get() {
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
                    At {
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

impl At<'_, '_> {
    /// The object of this place.
    pub(crate) fn object<T: Plain>(self, object: T) -> Value {
        let gather = || gather::<T>(self.walk.ctx, self.selected.sets());
        let fields = self.selected.below.get_or_init(gather);
        self.walk.object(object, fields, Some(self.path))
    }

    /// The list of this place; `None` where an item failed.
    pub(crate) fn list<T: Shown>(self, items: impl ExactSizeIterator<Item = T>) -> Option<Value> {
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.enumerate() {
            let path = &Path {
                above: Some(self.path),
                segment: QueryPathSegment::Index(index),
            };
            values.push(item.show(At { path, ..self })?);
        }
        Some(Value::List(values))
    }

    /// Notes why nothing is in this place.
    pub(crate) fn unknown(self, why: Unknown) {
        match why {
            Unknown::NotYet => self.walk.wants_tree.set(true),
            Unknown::Failed(failure) => {
                let error = Error::from(failure).into_server_error(self.selected.field.pos);
                let mut error = self.walk.ctx.set_error_path(error);
                error.path.extend(self.path.segments().into_iter().map(owned));
                self.walk.errors.borrow_mut().push(error);
            }
        }
    }

    /// Keeps the place for a field that waits.
    pub(crate) fn later(self, source: impl Source + 'static) -> Option<Value> {
        self.walk.behind.borrow_mut().push(Behind {
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
