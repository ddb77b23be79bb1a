//! A response, and what makes it a refusal.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn new(status: u16, headers: HeaderMap, text: String) -> Self {
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            text,
            body,
        }
    }

    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self::new(status, headers, answer.text().await.expect("a body"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// REST's: a problem.
    pub(crate) fn problem(self) -> Refusal {
        Refusal {
            shape: Shape::Problem,
            answer: self,
        }
    }

    /// GraphQL's, of a request that did not run.
    pub(crate) fn request(self) -> Refusal {
        Refusal {
            shape: Shape::Request,
            answer: self,
        }
    }

    /// GraphQL's, of a field of one that ran.
    pub(crate) fn field(self, name: &'static str) -> Refusal {
        Refusal {
            shape: Shape::Field(name),
            answer: self,
        }
    }

    /// GraphQL's, among the `userErrors` of a mutation.
    pub(crate) fn user_error(self, mutation: &'static str) -> Refusal {
        Refusal {
            shape: Shape::Mutation(mutation),
            answer: self,
        }
    }
}

/// Where the code has to be.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Problem,
    Request,
    Field(&'static str),
    Mutation(&'static str),
}

/// An answer that has to be the case's refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    shape: Shape,
    answer: Answer,
}

impl Refusal {
    /// Panics unless the answer is the refusal for this reason, in its whole shape.
    pub(crate) fn check(&self, code: &str, status: u16) {
        let Answer {
            headers, text, body, ..
        } = &self.answer;
        let says = || format!("{code}: {} {text}", self.answer.status);
        let lower = text.to_lowercase();
        for leak in [
            "panic",
            "sqlite",
            "sqlx",
            "tonic",
            "src/",
            "/tmp/",
            "select ",
            "backtrace",
        ] {
            assert!(!lower.contains(leak), "{leak:?} leaks: {}", says());
        }
        assert_eq!(
            self.answer.header("x-content-type-options"),
            "nosniff",
            "{}",
            says()
        );
        let id = self.answer.header("x-request-id");
        assert!(!id.is_empty(), "{}", says());
        match self.shape {
            Shape::Problem => {
                assert_eq!(self.answer.status, status, "{}", says());
                assert_eq!(
                    self.answer.header("content-type"),
                    "application/problem+json",
                    "{}",
                    says()
                );
                let members = body
                    .as_object()
                    .unwrap_or_else(|| panic!("no object: {}", says()));
                assert_eq!(members["code"], code, "{}", says());
                assert_eq!(members["type"], "about:blank", "{}", says());
                assert_eq!(members["status"], status, "{}", says());
                assert_eq!(members["requestId"], id, "{}", says());
                for name in ["title", "detail"] {
                    assert!(
                        members[name].as_str().is_some_and(|text| !text.is_empty()),
                        "{name}: {}",
                        says()
                    );
                }
                for error in members
                    .get("errors")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    let names: Vec<&String> = error.as_object().expect("an object").keys().collect();
                    assert_eq!(names, ["code", "field", "message"], "{}", says());
                    assert!(
                        error
                            .as_object()
                            .expect("an object")
                            .values()
                            .all(Value::is_string),
                        "{}",
                        says()
                    );
                }
                let known = [
                    "type",
                    "title",
                    "status",
                    "detail",
                    "code",
                    "requestId",
                    "errors",
                    "cart",
                ];
                assert!(
                    members.keys().all(|name| known.contains(&name.as_str())),
                    "a member too many: {}",
                    says()
                );
                self.check_headers(code, status);
            }
            Shape::Request => {
                assert_eq!(self.answer.status, status, "{}", says());
                assert_eq!(
                    self.answer.header("content-type"),
                    "application/graphql-response+json",
                    "{}",
                    says()
                );
                assert!(body.get("data").is_none(), "{}", says());
                self.check_error(code, &says);
                assert_eq!(body["errors"][0]["extensions"]["requestId"], id, "{}", says());
                self.check_headers(code, status);
            }
            Shape::Field(name) => {
                assert_eq!(self.answer.status, 200, "{}", says());
                self.check_error(code, &says);
                assert_eq!(body["errors"][0]["path"], json!([name]), "{}", says());
                assert!(body.get("data").is_some(), "{}", says());
                if matches!(status, 429 | 503) {
                    let wait = &body["errors"][0]["extensions"]["retryAfter"];
                    assert!(
                        wait.as_u64().is_some_and(|wait| wait > 0),
                        "no time to wait: {}",
                        says()
                    );
                }
            }
            Shape::Mutation(name) => {
                assert_eq!(self.answer.status, 200, "{}", says());
                assert!(body.get("errors").is_none(), "{}", says());
                let error = &body["data"][name]["userErrors"][0];
                assert_eq!(error["code"], code, "{}", says());
                assert!(
                    error["message"].as_str().is_some_and(|text| !text.is_empty()),
                    "{}",
                    says()
                );
                let field = &error["field"];
                assert!(
                    field.is_null() || field.as_array().is_some_and(|path| !path.is_empty()),
                    "{}",
                    says()
                );
            }
        }
        assert!(headers.get("server").is_none(), "{}", says());
    }

    fn check_error(&self, code: &str, says: &dyn Fn() -> String) {
        let error = &self.answer.body["errors"][0];
        assert_eq!(error["extensions"]["code"], code, "{}", says());
        assert!(
            error["message"].as_str().is_some_and(|text| !text.is_empty()),
            "{}",
            says()
        );
    }

    fn check_headers(&self, code: &str, status: u16) {
        assert_eq!(self.answer.header("cache-control"), "no-store", "{code}");
        if matches!(status, 429 | 503) {
            let wait: u64 = self
                .answer
                .header("retry-after")
                .parse()
                .unwrap_or_else(|_| panic!("{code}: Retry-After"));
            assert!(wait > 0, "{code}: Retry-After");
        }
        if status == 401 {
            assert_eq!(self.answer.header("www-authenticate"), "Bearer", "{code}");
        }
        if code == "METHOD_NOT_ALLOWED" {
            assert!(!self.answer.header("allow").is_empty(), "{code}: Allow");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use super::*;

    fn problem(change: impl FnOnce(&mut Value)) -> Refusal {
        let mut body = json!({
            "type": "about:blank", "title": "Conflict", "status": 409, "detail": "It is gone.", "code": "INVALID_STATE",
            "requestId": "r1", "errors": [{ "field": "a", "code": "INVALID_STATE", "message": "No." }]
        });
        change(&mut body);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/problem+json"),
            ("x-request-id", "r1"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        Answer::new(409, headers, body.to_string()).problem()
    }

    fn passes(refusal: &Refusal) -> bool {
        std::panic::catch_unwind(AssertUnwindSafe(|| refusal.check("INVALID_STATE", 409))).is_ok()
    }

    #[test]
    fn a_refusal_that_is_not_whole_is_noticed() {
        let without = |name: &str| problem(|body| drop(body.as_object_mut().unwrap().remove(name)));
        assert!(passes(&problem(|_| {})));
        assert!(passes(&without("errors")));
        for name in ["type", "title", "status", "detail", "code", "requestId"] {
            assert!(!passes(&without(name)), "{name}");
            assert!(!passes(&problem(|body| body[name] = json!(""))), "{name}");
        }
        assert!(!passes(&problem(|body| body["code"] = json!("OTHER"))));
        assert!(!passes(&problem(|body| body["stack"] = json!("main"))));
        assert!(!passes(&problem(
            |body| body["detail"] = json!("a handler panicked")
        )));
        assert!(!passes(&problem(
            |body| body["errors"][0]["message"] = Value::Null
        )));
        let Refusal { answer, .. } = problem(|_| {});
        for other in [
            answer.clone().request(),
            answer.clone().field("a"),
            answer.user_error("a"),
        ] {
            assert!(!passes(&other));
        }
        let mut late = problem(|_| {});
        late.answer.status = 500;
        assert!(!passes(&late));
    }
}
