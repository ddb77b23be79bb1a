//! An answer of the gateway.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    /// Status and code, of either form of refusal: `400 QUERY_TOO_DEEP`.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let code = body
            .pointer("/errors/0/extensions/code")
            .or_else(|| body.get("code"));
        format!(
            "{} {}",
            self.status.as_u16(),
            code.and_then(Value::as_str).unwrap_or("none")
        )
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a text"))
    }

    /// Status, the headers that matter, and the body, for a snapshot.
    pub(crate) fn shown(&self) -> String {
        let mut lines = vec![self.status.to_string()];
        let skipped = ["date", "connection", "transfer-encoding", "vary"];
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !skipped.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("a text")))
            .collect();
        headers.sort();
        lines.extend(headers);
        lines.push(String::new());
        lines.push(self.text.clone());
        lines.join("\n")
    }
}
