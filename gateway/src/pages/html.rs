//! A page: one look, no script, everything escaped.

use axum::response::{Html, IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;

/// Styles within the page and pictures are all a page may load. A form may lead to the shop's own return address.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: data:; frame-ancestors 'none'; \
    base-uri 'none'";

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #22252b; --quiet: #6a6f78; --ground: #f6f4ef; --card: #fff; --line: #e4e0d7; --accent: #2f6f69 }
@media (prefers-color-scheme: dark) { :root { --ink: #eceae5; --quiet: #a1a5ad; --ground: #191b1f; --card: #22252b; --line: #363a42; --accent: #6fb8b0 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 52rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }
h1 { font-size: 1.6rem; margin: 0 0 .25rem } h2 { font-size: 1.05rem; margin: 0 }
.lead, .quiet { color: var(--quiet) } .lead { margin: 0 0 1.75rem }
article { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.1rem 1.25rem; margin: 0 0 1rem }
header { display: flex; gap: 1rem; justify-content: space-between; align-items: baseline; flex-wrap: wrap }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: .9rem/1.5 ui-monospace, monospace; margin: .9rem 0 0 }
iframe { width: 100%; height: 32rem; border: 1px solid var(--line); border-radius: .5rem; background: #fff; margin-top: .75rem }
summary { cursor: pointer; color: var(--accent); margin-top: .75rem }
table { width: 100%; border-collapse: collapse; margin-top: .9rem; font-size: .95rem }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { color: var(--quiet); font-weight: 500 }
form { display: flex; gap: .75rem; margin-top: 1.25rem; flex-wrap: wrap }
input, button { font: inherit; padding: .6rem 1.1rem; border-radius: .5rem; border: 1px solid var(--line); background: var(--card); color: inherit }
input { flex: 1; min-width: 12rem } button { cursor: pointer }
.places { list-style: none; margin: 0 0 1.75rem; padding: 0; display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)) }
.places a { display: flex; flex-direction: column; gap: .35rem; height: 100%; padding: 1.1rem 1.25rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--card); color: inherit; text-decoration: none }
.places a:hover, .places a:focus-visible { border-color: var(--accent); outline: none; box-shadow: 0 0 0 1px var(--accent) }
.places strong { font-size: 1.05rem } .places span { color: var(--quiet); font-size: .95rem; flex: 1 } .places code { color: var(--accent); font: .85rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
button.yes { background: var(--accent); border-color: var(--accent); color: #fff } a { color: var(--accent) }
";

/// A page in English with this title. `body` is HTML.
pub(super) fn page(title: &str, body: &str) -> Response {
    page_in("en", title, body)
}

/// The same in this language.
pub(super) fn page_in(language: &str, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} · Comptoir</title>\
         <style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    );
    let mut response = Html(html).into_response();
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Escapes text for HTML, between tags and within quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A time as RFC 3339, to the second; empty when there is none.
pub(super) fn time(at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(|at| jiff::Timestamp::new(at.seconds, 0).ok())
        .map(|at| at.to_string())
        .unwrap_or_default()
}

/// A time as RFC 3339, to the microsecond; empty when there is none.
pub(super) fn exact_time(at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok())
        .map(|at| at.to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(
            escape("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;"
        );
    }
}
