//! Errors as HTTP answers: `application/problem+json` (RFC 9457), or GraphQL errors if the request was for `/graphql`.
//!
//! A handler returns a [`Problem`]. The edge, which knows the request's id and path, renders its body and logs it once.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use comptoir_mesh::Error;
use comptoir_mesh::error::{ErrorReason, Reason as _};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

/// The error of a handler: `Result<Json<…>, Problem>`. `?` converts an [`Error`] or a `tonic::Status`.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    error: Arc<Error>,
    members: Map<String, Value>,
    errors: Vec<Value>,
}

impl Problem {
    /// Creates a refusal with this reason.
    pub(crate) fn new(reason: ErrorReason, message: impl Into<String>) -> Self {
        Error::new(reason, message).into()
    }

    /// Adds a member to the body, such as the cart that could not be completed.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// Replaces the `errors` of a GraphQL answer. There may be many, with locations in the document.
    #[must_use]
    pub(crate) fn with_graphql_errors(mut self, errors: Vec<Value>) -> Self {
        self.errors = errors;
        self
    }

    /// The error itself.
    pub(crate) fn error(&self) -> &Error {
        &self.error
    }

    /// The HTTP status of its reason.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.error.reason().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The JSON body for REST.
    pub(crate) fn body(&self, request_id: &str) -> Vec<u8> {
        let status = self.status();
        let errors = self
            .error
            .field_violations()
            .iter()
            .map(|violation| FieldProblem {
                field: &violation.field,
                code: violation.reason.code(),
                message: &violation.message,
            });
        let body = ProblemBody {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.error.message(),
            code: self.error.reason().code(),
            request_id,
            errors: errors.collect(),
            members: &self.members,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The `errors` of a GraphQL answer.
    pub(crate) fn graphql_errors(&self, request_id: &str) -> Vec<Value> {
        let mut errors = self.errors.clone();
        if errors.is_empty() {
            errors.push(serde_json::json!({ "message": self.error.message(), "extensions": {} }));
        }
        for error in &mut errors {
            if let Some(Value::Object(extensions)) = error.get_mut("extensions") {
                extensions
                    .entry("code")
                    .or_insert_with(|| self.error.reason().code().into());
                extensions.insert("requestId".to_owned(), request_id.into());
                if let Some(wait) = self.retry_after() {
                    extensions.insert("retryAfter".to_owned(), wait.into());
                }
            }
        }
        errors
    }

    /// The JSON body for GraphQL.
    fn graphql(&self, request_id: &str) -> Vec<u8> {
        let errors = Value::Array(self.graphql_errors(request_id));
        let mut body = Map::from_iter([("errors".to_owned(), errors)]);
        if !self.members.is_empty() {
            body.insert("extensions".to_owned(), Value::Object(self.members.clone()));
        }
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// Whole seconds, rounded up, so that a client that waits this long is not refused again.
    fn retry_after(&self) -> Option<u64> {
        let wait = self.error.retry_after()?;
        Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }

    /// The whole answer. `graphql` is the media type if the request was for GraphQL.
    pub(crate) fn answer(&self, request_id: &str, graphql: Option<HeaderValue>) -> Response {
        let (body, media_type) = match graphql {
            Some(media_type) => (self.graphql(request_id), media_type),
            None => (
                self.body(request_id),
                HeaderValue::from_static("application/problem+json"),
            ),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, media_type);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after() {
            headers.insert(RETRY_AFTER, wait.into());
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Arc::new(error).into()
    }
}

impl From<Arc<Error>> for Problem {
    fn from(error: Arc<Error>) -> Self {
        Self {
            error,
            members: Map::new(),
            errors: Vec::new(),
        }
    }
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Self {
        Error::from_status(&status).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(rename = "requestId")]
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem<'a>>,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct FieldProblem<'a> {
    field: &'a str,
    code: &'static str,
    message: &'a str,
}
