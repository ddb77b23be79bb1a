//! Objects whose fields are all available once the object is, resolved without a future for each field.
//!
//! [`sync_object!`] declares each field once: its name, its type and its value. Both the schema and the answers use that. The
//! fields of a selection are collected once for all objects of a list, merged and in the order of the document, and then
//! walked. Two things can interrupt a walk. The tree of categories has to be read: then the walk starts again. A field needs a
//! call: it is deferred, and inserted after the walk. Extensions of the schema do not see the fields of such objects.

mod collect;
mod deferred;
mod schema;
mod values;
mod walk;

use async_graphql::registry::{MetaType, Registry};
use async_graphql::{ContextSelectionSet, ServerResult, Value};
use futures::future::join_all;

use crate::backend::RequestData;
pub(crate) use schema::{field, fields_of, interface, object, register};
pub(crate) use values::{FieldValue, leaf};
pub(crate) use walk::{FieldPosition, Unresolved, Walk};

/// A borrowed view of an object of the schema.
pub(crate) trait SyncObject: Copy + Send {
    /// The name of its type.
    const NAME: &'static str;

    /// Describes its type for the schema.
    fn describe(registry: &mut Registry) -> MetaType;

    /// Resolves a field. `None` if it failed.
    fn field(self, name: &str, at: FieldPosition<'_, '_>) -> Option<Value>;
}

/// Whether values of this type, and all below them, already have their fields in the order of the document.
pub(crate) fn in_order(ty: &str) -> bool {
    matches!(
        ty,
        "Category"
            | "Image"
            | "Money"
            | "PageInfo"
            | "Product"
            | "ProductConnection"
            | "ProductVariant"
            | "SearchConnection"
    )
}

/// Whether a field of an object is requested.
pub(crate) fn selects<T: SyncObject>(ctx: &ContextSelectionSet<'_>, field: &str) -> bool {
    let fields = collect::collect_fields::<T>(ctx, std::iter::once(&ctx.item.node));
    fields
        .iter()
        .any(|selected| selected.field.node.name.node == field)
}

/// Resolves an object.
pub(crate) async fn resolve<T: SyncObject>(object: T, ctx: &ContextSelectionSet<'_>) -> ServerResult<Value> {
    let fields = collect::collect_fields::<T>(ctx, std::iter::once(&ctx.item.node));
    let data = ctx.data_unchecked::<RequestData>();
    let mut tree = None;
    let (mut value, deferred) = loop {
        match walk::walk(object, &fields, ctx, data, tree.as_ref()) {
            Some(walked) => break walked,
            None => tree = Some(data.loaders.categories().await),
        }
    };
    let found = join_all(deferred.iter().map(|field| field.resolve(ctx))).await;
    for (field, found) in deferred.iter().zip(found) {
        field.put(
            &mut value,
            found.unwrap_or_else(|error| {
                ctx.add_error(error);
                None
            }),
        );
    }
    Ok(value)
}

/// Declares an object by its view: the type, its description and its fields. After `else`, an object with resolvers whose
/// fields are added, and deferred.
///
/// ```text
/// sync_object!(
///     /// What a category is.
///     Category: &pb::Category, |category, walk| {
///         /// What a slug is.
///         slug: &str = &category.slug,
///         parent: Result<Option<&pb::Category>, Unresolved> = walk.category(category.parent_id.as_deref()),
///     } else CategoryProducts(category)
/// );
/// ```
macro_rules! sync_object {
    (
        $(#[doc = $doc:literal])*
        $name:ident: $view:ty, |$this:ident $(, $walk:ident)?| {
            $($(#[doc = $note:literal])* $field:ident: $ty:ty = $value:expr,)*
        } $(else $waiting:ident($of:expr))?
    ) => {
        impl $crate::executor::sync_object::SyncObject for $view {
            const NAME: &'static str = stringify!($name);

            fn describe(registry: &mut async_graphql::registry::Registry) -> async_graphql::registry::MetaType {
                use $crate::executor::sync_object::{FieldValue, field, object};
                let fields = vec![$({
                    let ty = <$ty as FieldValue>::register(registry);
                    field(stringify!($field), &[$($note),*], ty)
                }),*];
                let waiting: Option<Vec<async_graphql::registry::MetaField>> = None$(.or_else(|| Some($crate::executor::sync_object::fields_of::<$waiting>(registry))))?;
                object(stringify!($name), &[$($doc),*], fields.into_iter().chain(waiting.into_iter().flatten()))
            }

            fn field(
                self,
                name: &str,
                at: $crate::executor::sync_object::FieldPosition<'_, '_>,
            ) -> Option<async_graphql::Value> {
                let $this = self;
                $(let $walk = at.walk;)?
                match name {
                    $(stringify!($field) => {
                        let value: $ty = $value;
                        $crate::executor::sync_object::FieldValue::resolve(value, at)
                    })*
                    _ => None$(.or_else(|| at.defer($waiting::of($of))))?,
                }
            }
        }
    };
}

/// Implements `OutputType` for an owner by resolving its borrowed view.
macro_rules! output_type {
    ($owner:ty as $view:ty, |$this:ident| $look:expr) => {
        impl async_graphql::OutputType for $owner {
            fn type_name() -> std::borrow::Cow<'static, str> {
                <$view as $crate::executor::sync_object::SyncObject>::NAME.into()
            }

            fn create_type_info(registry: &mut async_graphql::registry::Registry) -> String {
                $crate::executor::sync_object::register::<$view>(registry)
            }

            async fn resolve(
                &self,
                ctx: &async_graphql::ContextSelectionSet<'_>,
                _: &async_graphql::Positioned<async_graphql::parser::types::Field>,
            ) -> async_graphql::ServerResult<async_graphql::Value> {
                let $this = self;
                $crate::executor::sync_object::resolve($look, ctx).await
            }
        }
    };
}
pub(crate) use {output_type, sync_object};
