//! Checks values against their types. The library converts variables only while fields run, when part of a mutation may
//! already be done. Here a wrong value is refused before anything runs, and an unknown field of an input object is named.
//!
//! Every value that is accepted here is also accepted by the library's rule, because documents that were valid are not
//! validated again.

use async_graphql::Variables;
use async_graphql::parser::types::{BaseType, OperationDefinition, Type};
use async_graphql_value::{ConstValue, Value};
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use super::model::{Kind, Model};

/// The longest decimal that is read. No amount has that many digits.
const DECIMAL_LENGTH: usize = 40;

/// Checks the variables that an operation declares. Other variables are ignored, except that their keys are checked.
pub(crate) fn check_variables(
    model: &Model,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), Error> {
    for definition in &operation.variable_definitions {
        let definition = &definition.node;
        let name = &definition.name.node;
        match variables.get(name.as_str()) {
            Some(value) => {
                check(
                    model,
                    &definition.var_type.node,
                    &value.clone().into_value(),
                    &mut path(name),
                )?;
            }
            None if definition.default_value.is_some() || definition.var_type.node.nullable => {}
            None => return Err(refusal(name, "A value is needed.")),
        }
    }
    for (name, value) in variables.iter() {
        check_keys(name, value)?;
    }
    Ok(())
}

fn path(name: &str) -> String {
    name.to_owned()
}

/// Checks a value of a document or variable. Variables in it are checked where they are declared, and their types by the
/// library.
pub(crate) fn check(model: &Model, ty: &Type, value: &Value, path: &mut String) -> Result<(), Error> {
    match (&ty.base, value) {
        (_, Value::Variable(_)) => Ok(()),
        (_, Value::Null) if ty.nullable => Ok(()),
        (_, Value::Null) => Err(refusal(path, "A value is needed.")),
        (BaseType::List(item), Value::List(values)) => {
            for (index, value) in values.iter().enumerate() {
                within(path, &index.to_string(), |path| check(model, item, value, path))?;
            }
            Ok(())
        }
        // A single value is a list of one.
        (BaseType::List(item), value) => check(model, item, value, path),
        (BaseType::Named(name), value) => check_named(model, name, value, path),
    }
}

/// Whether an object is written in place of a list of one. The library does not compare the types of variables in it with
/// their positions.
pub(crate) fn hides_variables(model: &Model, ty: &Type, value: &Value) -> bool {
    match (&ty.base, value) {
        (BaseType::List(item), Value::List(values)) => {
            values.iter().any(|value| hides_variables(model, item, value))
        }
        (BaseType::List(_), Value::Object(_)) => true,
        (BaseType::Named(name), Value::Object(object)) => {
            let Kind::Input(fields) = model.kind(name) else {
                return false;
            };
            object.iter().any(|(key, value)| {
                let field = fields.get(key.as_str());
                field.is_some_and(|field| hides_variables(model, &field.ty, value))
            })
        }
        _ => false,
    }
}

fn check_named(model: &Model, name: &str, value: &Value, path: &mut String) -> Result<(), Error> {
    match (model.kind(name), value) {
        (Kind::Input(fields), Value::Object(object)) => {
            for (key, value) in object {
                let Some(field) = fields.get(key.as_str()) else {
                    let message = format!("There is no field {:?} here.", key.as_str());
                    return within(path, key, |path| {
                        Err(Error::field(path.clone(), ErrorReason::UnknownField, message))
                    });
                };
                within(path, key, |path| check(model, &field.ty, value, path))?;
            }
            let missing = fields.iter().find(|(key, field)| {
                !field.ty.nullable && field.default.is_none() && !object.contains_key(key.as_str())
            });
            match missing {
                Some((key, _)) => within(path, key, |path| Err(refusal(path, "A value is needed."))),
                None => Ok(()),
            }
        }
        (Kind::Input(_), _) => Err(refusal(path, "An object is needed.")),
        (Kind::Enum(values), Value::Enum(value)) if values.contains(value.as_str()) => Ok(()),
        (Kind::Enum(values), Value::String(value)) if values.contains(value) => Ok(()),
        (Kind::Enum(_), _) => Err(refusal(path, "This is not one of the values it can have.")),
        (Kind::Scalar, value) => check_scalar(name, value).map_err(|message| refusal(path, message)),
        // Validation refuses output types here.
        (Kind::Composite(_), _) => Ok(()),
    }
}

/// Whether a text is a decimal of the schema.
pub(crate) fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= DECIMAL_LENGTH && digits(whole) && digits(fraction)
}

fn check_scalar(name: &str, value: &Value) -> Result<(), &'static str> {
    let fits = match name {
        "Int" => {
            matches!(value, Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()))
        }
        "Long" => matches!(value, Value::Number(number) if number.as_i64().is_some()),
        "Float" => matches!(value, Value::Number(_)),
        "Boolean" => matches!(value, Value::Boolean(_)),
        "String" => matches!(value, Value::String(_)),
        "ID" => {
            matches!(value, Value::String(_)) || matches!(value, Value::Number(number) if number.is_i64())
        }
        "Decimal" => {
            matches!(value, Value::String(text) if is_decimal(text) && text.parse::<rust_decimal::Decimal>().is_ok())
        }
        "DateTime" => matches!(value, Value::String(text) if text.parse::<jiff::Timestamp>().is_ok()),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    Err(match name {
        "Int" => "A whole number of 32 bits is needed.",
        "Long" => "A whole number of 64 bits is needed.",
        "Float" => "A number is needed.",
        "Boolean" => "true or false is needed.",
        "Decimal" => "A decimal in a text is needed, such as \"49.90\".",
        "DateTime" => "A time is needed, such as \"2026-01-31T12:00:00Z\".",
        _ => "A text is needed.",
    })
}

/// Refuses keys that a document store would interpret as an operator or a path.
fn check_keys(at: &str, value: &ConstValue) -> Result<(), Error> {
    match value {
        ConstValue::Object(object) => object.iter().try_for_each(|(key, value)| {
            if key.starts_with('$') || key.contains('.') {
                let message = "A key has a character it cannot have.";
                return Err(Error::field(at, ErrorReason::InvalidKey, message));
            }
            check_keys(at, value)
        }),
        ConstValue::List(values) => values.iter().try_for_each(|value| check_keys(at, value)),
        _ => Ok(()),
    }
}

fn within<T>(path: &mut String, step: &str, check: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push('.');
    path.push_str(step);
    let result = check(path);
    path.truncate(length);
    result
}

fn refusal(path: &str, message: &str) -> Error {
    Error::field(path, ErrorReason::ValidationFailed, format!("{path}: {message}"))
}
