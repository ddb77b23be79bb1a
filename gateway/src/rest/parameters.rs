//! Query parameters. A parameter has one value, which may contain commas. A list is written by repeating its parameter. The
//! edge refuses repetitions of other parameters ([`may_repeat`]).

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_shop::money::parse_decimal;
use http::request::Parts;
use jiff::Timestamp;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer as _};

use crate::config::most_of_a_page;
use crate::problem::Problem;

/// The prefix of a parameter that filters by an option.
const OPTION: &str = "option.";

/// Whether the parameter `name` of `path` is a list.
pub(crate) fn may_repeat(path: &str, name: &str) -> bool {
    path == "/store/products"
        && (matches!(name, "category" | "vendor" | "productType" | "tag") || name.starts_with(OPTION))
}

/// The parameters of a request. A handler takes those it knows, and [`Parameters::finish`] refuses the rest. An empty
/// parameter is the same as an absent one, because forms send blank fields.
pub(crate) struct Parameters(BTreeMap<String, Vec<String>>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs {
            if value.contains('\0') || value.contains('\u{fffd}') {
                let message = "A query parameter is not valid text.";
                return Err(Error::field(name, ErrorReason::InvalidEncoding, message).into());
            }
            let values = parameters.entry(name.into_owned()).or_default();
            values.push(value.into_owned());
        }
        Ok(Self(parameters))
    }
}

impl Parameters {
    /// The value of a parameter that is not a list.
    fn one(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)?.pop()
    }

    /// The text of a parameter.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.one(name).filter(|value| !value.is_empty())
    }

    /// The values of a parameter that is a list.
    pub(crate) fn list(&mut self, name: &str) -> Vec<String> {
        let values = self.0.remove(name).unwrap_or_default().into_iter();
        values.filter(|value| !value.is_empty()).collect()
    }

    /// The names and values of the options.
    pub(crate) fn options(&mut self) -> Result<Vec<(String, Vec<String>)>, Problem> {
        let names = self.0.keys().filter(|name| name.starts_with(OPTION));
        let names: Vec<String> = names.cloned().collect();
        let read = |name: String| {
            let own = name[OPTION.len()..].to_owned();
            if own.is_empty() || own.starts_with('$') || own.contains('.') {
                let message = "The name of an option has a character it cannot have.";
                return Err(Error::field(name, ErrorReason::InvalidKey, message).into());
            }
            let values = self.list(&name);
            Ok((own, values))
        };
        let found: Result<Vec<_>, Problem> = names.into_iter().map(read).collect();
        Ok(found?
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .collect())
    }

    /// `limit`, as in messages. 0 means the service's default.
    pub(crate) fn limit(&mut self, most: u32) -> Result<i32, Problem> {
        let Some(limit) = self.text("limit") else {
            return Ok(0);
        };
        let most = most_of_a_page(most);
        limit
            .parse()
            .ok()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| {
                let message = format!("A limit is a whole number from 1 to {most}.");
                Error::field("limit", ErrorReason::LimitOutOfRange, message).into()
            })
    }

    /// `cursor`, as in messages.
    pub(crate) fn cursor(&mut self) -> String {
        self.one("cursor").unwrap_or_default()
    }

    /// A flag: `true` or `false`. `false` if it is absent.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::field(name, ErrorReason::ValidationFailed, "Write true or false.").into()),
        }
    }

    /// A price in the smallest unit of a currency with `digits` decimals.
    pub(crate) fn price(&mut self, name: &str, digits: u32) -> Result<Option<i64>, Problem> {
        let price = self
            .text(name)
            .map(|text| parse_decimal(&text, digits))
            .transpose();
        price.map_err(|error| Error::field(name, ErrorReason::ValidationFailed, error.to_string()).into())
    }

    /// A time (RFC 3339).
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<prost_types::Timestamp>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let time: Timestamp = text.parse().map_err(|_| {
            Error::field(
                name,
                ErrorReason::ValidationFailed,
                "A time is written like 2026-01-31T12:00:00Z.",
            )
        })?;
        Ok(Some(comptoir_mesh::clock::to_proto(time)))
    }

    /// One of the names of an enum.
    pub(crate) fn name<T: DeserializeOwned>(
        &mut self,
        name: &str,
        otherwise: ErrorReason,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let deserializer: StrDeserializer<'_, ValueError> = text.as_str().into_deserializer();
        let value = T::deserialize(deserializer);
        value
            .map(Some)
            .map_err(|_| Error::field(name, otherwise, "This is not one of the accepted names.").into())
    }

    /// Refuses parameters that the handler did not take.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                let message = format!("There is no parameter {name:?} here.");
                Err(Error::field(name, ErrorReason::UnknownField, message).into())
            }
        }
    }
}
