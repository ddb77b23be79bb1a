//! The extractor for REST handlers, and the reading of bodies under the edge's limits.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::Problem;
use crate::request::BodyTooLarge;

/// A JSON body of type `T`, which should refuse unknown fields (`#[serde(deny_unknown_fields)]`). Also an answer.
#[derive(Debug, Clone)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                ErrorReason::UnsupportedMediaType,
                "Send the body as application/json.",
            ));
        }
        let body = read_body(request.into_body()).await?;
        Ok(Self(convert(super::read(&body)?)?))
    }
}

/// Converts a value, or fails with UNKNOWN_FIELD, INVALID_KEY or VALIDATION_FAILED.
fn convert<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    if !value.is_object() {
        // serde would accept an array of the fields' values in their order.
        return Err(Error::new(
            ErrorReason::ValidationFailed,
            "The body is a JSON object.",
        ));
    }
    T::deserialize(value).map_err(|error| {
        let message = error.to_string();
        let Some(rest) = message.strip_prefix("unknown field `") else {
            // serde's message names our Rust type.
            let message = match message.split_once(", expected struct ") {
                Some((wrong, _)) => format!("{wrong}, expected an object"),
                None => message,
            };
            return Error::new(
                ErrorReason::ValidationFailed,
                format!("The body does not have the right form: {message}."),
            );
        };
        let field = rest.split('`').next().unwrap_or_default();
        if field.starts_with('$') || field.contains('.') {
            return Error::field(
                field,
                ErrorReason::InvalidKey,
                "A key has a character it cannot have.",
            );
        }
        Error::field(
            field,
            ErrorReason::UnknownField,
            format!("There is no field {field:?} here."),
        )
    })
}

/// Whether the body is declared to be JSON in UTF-8.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next().and_then(|value| value.to_str().ok()), values.next()) else {
        return false;
    };
    if value == "application/json" {
        return true;
    }
    let mut parts = value.split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

/// Reads a body to its end. The edge has set the limit of its path (PAYLOAD_TOO_LARGE).
pub(crate) async fn read_body(body: Body) -> Result<Bytes, Error> {
    match body.collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) => Err(body_error(&*error.into_inner())),
    }
}

/// The error for a body that could not be read.
pub(crate) fn body_error(error: &(dyn std::error::Error + 'static)) -> Error {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if inner.is::<BodyTooLarge>() {
            return Error::new(
                ErrorReason::PayloadTooLarge,
                "The body is larger than this path takes.",
            );
        }
        cause = inner.source();
    }
    // The peer went away or broke the framing. This is only for the log.
    Error::new(ErrorReason::ValidationFailed, "The body broke off.")
}

#[cfg(test)]
mod tests {
    use comptoir_mesh::error::Reason as _;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "its form is what is tested")]
    struct Login {
        email: String,
    }

    #[test]
    fn each_wrong_form_has_its_code() {
        let code = |body: &str| {
            let value = super::super::read(body.as_bytes()).expect("JSON");
            convert::<Login>(value).expect_err("a refusal").reason().code()
        };
        assert_eq!(code(r#"{"email":{"$gt":""}}"#), "VALIDATION_FAILED");
        assert_eq!(code(r#"{"email":"a","price":1}"#), "UNKNOWN_FIELD");
        assert_eq!(code(r#"{"email":"a","$where":1}"#), "INVALID_KEY");
        assert_eq!(code(r#"{"email":"a","a.b":1}"#), "INVALID_KEY");
        assert_eq!(code("[]"), "VALIDATION_FAILED");
        assert_eq!(code(r#"["a@b.example"]"#), "VALIDATION_FAILED");
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        let takes = |value: &str| {
            is_json(&HeaderMap::from_iter([(
                CONTENT_TYPE,
                value.parse().expect("a value"),
            )]))
        };
        assert!(takes("application/json"));
        assert!(takes("Application/JSON; charset=\"UTF-8\""));
        for refused in [
            "text/plain",
            "application/json; charset=utf-16",
            "application/jsonp",
            "multipart/form-data",
        ] {
            assert!(!takes(refused), "{refused}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
