//! The types of fields.

use async_graphql::registry::Registry;
use async_graphql::{ID, Number, Value};

use super::schema::register;
use super::{FieldPosition, SyncObject, Unresolved};

/// A value that a field can have.
pub(crate) trait FieldValue {
    /// Registers its type. Returns the type's name, with a `!` if it is never null.
    fn register(registry: &mut Registry) -> String;

    /// Converts the value for the answer. `None` if the field failed.
    fn resolve(self, at: FieldPosition<'_, '_>) -> Option<Value>;
}

impl<T: SyncObject> FieldValue for T {
    fn register(registry: &mut Registry) -> String {
        register::<T>(registry)
    }

    fn resolve(self, at: FieldPosition<'_, '_>) -> Option<Value> {
        Some(at.object(self))
    }
}

/// Implements `FieldValue` for values without fields, by their type in the schema.
macro_rules! leaf {
    ($($shown:ty as $ty:ty: |$value:ident| $show:expr;)*) => {
        $(impl $crate::executor::sync_object::FieldValue for $shown {
            fn register(registry: &mut async_graphql::registry::Registry) -> String {
                <$ty as async_graphql::OutputType>::create_type_info(registry)
            }

            fn resolve(self, _: $crate::executor::sync_object::FieldPosition<'_, '_>) -> Option<async_graphql::Value> {
                let $value = self;
                Some($show)
            }
        })*
    };
}
pub(crate) use leaf;

leaf! {
    &str as String: |text| Value::String(text.to_owned());
    &String as String: |text| Value::String(text.clone());
    bool as bool: |flag| Value::Boolean(flag);
    i32 as i32: |number| Value::Number(Number::from(number));
    ID as ID: |id| Value::String(id.0);
}

impl<T: FieldValue> FieldValue for Option<T> {
    fn register(registry: &mut Registry) -> String {
        T::register(registry).trim_end_matches('!').to_owned()
    }

    fn resolve(self, at: FieldPosition<'_, '_>) -> Option<Value> {
        match self {
            Some(value) => value.resolve(at),
            None => Some(Value::Null),
        }
    }
}

impl<T: FieldValue> FieldValue for Vec<T> {
    fn register(registry: &mut Registry) -> String {
        format!("[{}]!", T::register(registry))
    }

    fn resolve(self, at: FieldPosition<'_, '_>) -> Option<Value> {
        at.list(self.into_iter())
    }
}

impl<'a, T> FieldValue for &'a [T]
where
    &'a T: FieldValue,
{
    fn register(registry: &mut Registry) -> String {
        Vec::<&'a T>::register(registry)
    }

    fn resolve(self, at: FieldPosition<'_, '_>) -> Option<Value> {
        at.list(self.iter())
    }
}

impl<T: FieldValue> FieldValue for Result<T, Unresolved> {
    fn register(registry: &mut Registry) -> String {
        T::register(registry)
    }

    fn resolve(self, at: FieldPosition<'_, '_>) -> Option<Value> {
        match self {
            Ok(value) => value.resolve(at),
            Err(why) => {
                at.unresolved(why);
                None
            }
        }
    }
}
