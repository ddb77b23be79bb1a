//! What a field of a plain object can hold.

use async_graphql::registry::Registry;
use async_graphql::{ID, Number, Value};

use super::schema::register;
use super::{At, Plain, Unknown};

/// What can be put into an answer.
pub(crate) trait Shown {
    /// Has the registry know its type; gives the type's name, with a `!` where it is never null.
    fn register(registry: &mut Registry) -> String;

    /// Its form in the answer; `None` where it failed.
    fn show(self, at: At<'_, '_>) -> Option<Value>;
}

impl<T: Plain> Shown for T {
    fn register(registry: &mut Registry) -> String {
        register::<T>(registry)
    }

    fn show(self, at: At<'_, '_>) -> Option<Value> {
        Some(at.object(self))
    }
}

/// Values without fields, of the type of the schema that they are in.
macro_rules! leaf {
    ($($shown:ty as $ty:ty: |$value:ident| $show:expr;)*) => {
        $(impl $crate::executor::plain::Shown for $shown {
            fn register(registry: &mut async_graphql::registry::Registry) -> String {
                <$ty as async_graphql::OutputType>::create_type_info(registry)
            }

            fn show(self, _: $crate::executor::plain::At<'_, '_>) -> Option<async_graphql::Value> {
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

impl<T: Shown> Shown for Option<T> {
    fn register(registry: &mut Registry) -> String {
        T::register(registry).trim_end_matches('!').to_owned()
    }

    fn show(self, at: At<'_, '_>) -> Option<Value> {
        match self {
            Some(value) => value.show(at),
            None => Some(Value::Null),
        }
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn register(registry: &mut Registry) -> String {
        format!("[{}]!", T::register(registry))
    }

    fn show(self, at: At<'_, '_>) -> Option<Value> {
        at.list(self.into_iter())
    }
}

impl<'a, T> Shown for &'a [T]
where
    &'a T: Shown,
{
    fn register(registry: &mut Registry) -> String {
        Vec::<&'a T>::register(registry)
    }

    fn show(self, at: At<'_, '_>) -> Option<Value> {
        at.list(self.iter())
    }
}

impl<T: Shown> Shown for Result<T, Unknown> {
    fn register(registry: &mut Registry) -> String {
        T::register(registry)
    }

    fn show(self, at: At<'_, '_>) -> Option<Value> {
        match self {
            Ok(value) => value.show(at),
            Err(why) => {
                at.unknown(why);
                None
            }
        }
    }
}
