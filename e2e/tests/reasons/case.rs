//! A row of the table: a reason, its status, and what provokes it; and how the answer is compared.

use std::{panic::AssertUnwindSafe, time::Duration};

use comptoir_mesh::error::ErrorReason;
use futures::{FutureExt as _, future::BoxFuture};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::world::{Watch, World};

/// Longer than a refusal takes to give back what it had set aside.
const SETTLE: Duration = Duration::from_secs(10);

/// What provokes a refusal.
pub type Run = for<'a> fn(&'a World) -> BoxFuture<'a, Provoked>;

/// A row of the table.
pub struct Case {
    pub reason: ErrorReason,
    /// As the API's table has it, written down again here.
    pub status: u16,
    pub run: Run,
}

/// A row: reason, status, function.
macro_rules! case {
    ($reason:ident, $status:literal, $function:path) => {
        $crate::case::Case {
            reason: comptoir_mesh::error::ErrorReason::$reason,
            status: $status,
            run: |world| Box::pin($function(world)),
        }
    };
}
pub(crate) use case;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    pub fn new(status: u16, headers: HeaderMap, text: String) -> Self {
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, body }
    }

    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self::new(status, headers, answer.text().await.expect("a body"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// REST's: a problem.
    pub fn problem(self) -> Refusal {
        Refusal { shape: Shape::Problem, answer: self }
    }

    /// GraphQL's, of a request that did not run.
    pub fn request(self) -> Refusal {
        Refusal { shape: Shape::Request, answer: self }
    }

    /// GraphQL's, of a field of one that ran.
    pub fn field(self, name: &'static str) -> Refusal {
        Refusal { shape: Shape::Field(name), answer: self }
    }

    /// GraphQL's, among the `userErrors` of a mutation.
    pub fn user_error(self, mutation: &'static str) -> Refusal {
        Refusal { shape: Shape::Mutation(mutation), answer: self }
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
pub struct Refusal {
    shape: Shape,
    answer: Answer,
}

impl Refusal {
    /// Panics unless the answer is the refusal for this reason, in its whole shape.
    pub fn check(&self, code: &str, status: u16) {
        let Answer { headers, text, body, .. } = &self.answer;
        let says = || format!("{code}: {} {text}", self.answer.status);
        let lower = text.to_lowercase();
        for leak in ["panic", "sqlite", "sqlx", "tonic", "src/", "/tmp/", "select ", "backtrace"] {
            assert!(!lower.contains(leak), "{leak:?} leaks: {}", says());
        }
        assert_eq!(self.answer.header("x-content-type-options"), "nosniff", "{}", says());
        let id = self.answer.header("x-request-id");
        assert!(!id.is_empty(), "{}", says());
        match self.shape {
            Shape::Problem => {
                assert_eq!(self.answer.status, status, "{}", says());
                assert_eq!(self.answer.header("content-type"), "application/problem+json", "{}", says());
                let members = body.as_object().unwrap_or_else(|| panic!("no object: {}", says()));
                assert_eq!(members["code"], code, "{}", says());
                assert_eq!(members["type"], "about:blank", "{}", says());
                assert_eq!(members["status"], status, "{}", says());
                assert_eq!(members["requestId"], id, "{}", says());
                for name in ["title", "detail"] {
                    assert!(members[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {}", says());
                }
                for error in members.get("errors").and_then(Value::as_array).into_iter().flatten() {
                    let names: Vec<&String> = error.as_object().expect("an object").keys().collect();
                    assert_eq!(names, ["code", "field", "message"], "{}", says());
                    assert!(error.as_object().expect("an object").values().all(Value::is_string), "{}", says());
                }
                let known = ["type", "title", "status", "detail", "code", "requestId", "errors", "cart"];
                assert!(members.keys().all(|name| known.contains(&name.as_str())), "a member too many: {}", says());
                self.check_headers(code, status);
            }
            Shape::Request => {
                assert_eq!(self.answer.status, status, "{}", says());
                assert_eq!(self.answer.header("content-type"), "application/graphql-response+json", "{}", says());
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
                    assert!(wait.as_u64().is_some_and(|wait| wait > 0), "no time to wait: {}", says());
                }
            }
            Shape::Mutation(name) => {
                assert_eq!(self.answer.status, 200, "{}", says());
                assert!(body.get("errors").is_none(), "{}", says());
                let error = &body["data"][name]["userErrors"][0];
                assert_eq!(error["code"], code, "{}", says());
                assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", says());
                let field = &error["field"];
                assert!(field.is_null() || field.as_array().is_some_and(|path| !path.is_empty()), "{}", says());
            }
        }
        assert!(headers.get("server").is_none(), "{}", says());
    }

    fn check_error(&self, code: &str, says: &dyn Fn() -> String) {
        let error = &self.answer.body["errors"][0];
        assert_eq!(error["extensions"]["code"], code, "{}", says());
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", says());
    }

    fn check_headers(&self, code: &str, status: u16) {
        assert_eq!(self.answer.header("cache-control"), "no-store", "{code}");
        if matches!(status, 429 | 503) {
            let wait: u64 = self.answer.header("retry-after").parse().unwrap_or_else(|_| panic!("{code}: Retry-After"));
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

/// The refusals a case met, and what must not have changed by them.
pub struct Provoked {
    refusals: Vec<Refusal>,
    watch: Option<Watch>,
}

impl Provoked {
    /// Nothing of what is watched may have changed.
    pub fn without_effect(watch: Watch, refusals: Vec<Refusal>) -> Self {
        Self { refusals, watch: Some(watch) }
    }

    /// There is nothing to compare, and why: `reason` is for the reader.
    pub fn effectless(_reason: &'static str, refusals: Vec<Refusal>) -> Self {
        Self { refusals, watch: None }
    }

    /// The case itself has compared what it could have changed.
    pub fn compared(refusals: Vec<Refusal>) -> Self {
        Self { refusals, watch: None }
    }
}

/// The code as clients see it.
pub fn code(reason: ErrorReason) -> &'static str {
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
}

/// Runs all rows of a group on its shop, one after another, and names all that failed.
pub async fn walk(world: &World, cases: &[Case]) {
    let pid = world.shop.pid();
    let mut failed = Vec::new();
    for case in cases {
        let code = code(case.reason);
        let outcome = AssertUnwindSafe(async {
            let provoked = (case.run)(world).await;
            assert!(!provoked.refusals.is_empty(), "{code}: nothing was provoked");
            for refusal in &provoked.refusals {
                refusal.check(code, case.status);
            }
            if let Some(watch) = provoked.watch {
                let end = Instant::now() + SETTLE;
                let mut after = watch.again(world).await;
                while after != watch.state && Instant::now() < end {
                    sleep(Duration::from_millis(100)).await;
                    after = watch.again(world).await;
                }
                assert_eq!(after, watch.state, "{code} had an effect");
            }
        });
        if outcome.catch_unwind().await.is_err() {
            failed.push(code);
        }
    }
    assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), cases.len());
    assert_eq!(world.shop.pid(), pid);
    world.serves().await;
}
