//! A GraphQL request, from a body or a WebSocket message.

use async_graphql::Variables;
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use serde_json::{Map, Value};

/// A parsed request.
#[derive(Debug)]
pub(super) struct GraphqlRequest {
    pub(super) document: Option<String>,
    /// From `extensions.persistedQuery`. Other extensions are ignored.
    pub(super) hash: Option<String>,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Variables,
}

impl GraphqlRequest {
    /// Parses a body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        Self::from_json(crate::json::read(body)?)
    }

    /// Reads parsed JSON.
    pub(super) fn from_json(value: Value) -> Result<Self, Error> {
        let mut object = match value {
            Value::Object(object) => object,
            Value::Array(_) => {
                return Err(Error::new(
                    ErrorReason::BatchNotAllowed,
                    "Send one operation for each request.",
                ));
            }
            _ => {
                return Err(Error::new(
                    ErrorReason::ValidationFailed,
                    "A request is a JSON object.",
                ));
            }
        };
        if let Some(key) = object
            .keys()
            .find(|key| key.starts_with('$') || key.contains('.'))
        {
            return Err(Error::field(
                key,
                ErrorReason::InvalidKey,
                "A key has a character it cannot have.",
            ));
        }
        let document = text(&mut object, "query")?;
        let operation_name = text(&mut object, "operationName")?.filter(|name| !name.is_empty());
        let variables = match map(&mut object, "variables")? {
            Some(variables) => Variables::from_json(Value::Object(variables)),
            None => Variables::default(),
        };
        let hash = match map(&mut object, "extensions")?
            .as_mut()
            .map(|extensions| map(extensions, "persistedQuery"))
        {
            Some(persisted) => match persisted? {
                Some(mut persisted) => Some(text(&mut persisted, "sha256Hash")?.unwrap_or_default()),
                None => None,
            },
            None => None,
        };
        Ok(Self {
            document,
            hash,
            operation_name,
            variables,
        })
    }
}

fn text(object: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::field(
            name,
            ErrorReason::ValidationFailed,
            format!("{name} is a text."),
        )),
    }
}

fn map(object: &mut Map<String, Value>, name: &str) -> Result<Option<Map<String, Value>>, Error> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(Error::field(
            name,
            ErrorReason::ValidationFailed,
            format!("{name} is an object."),
        )),
    }
}
