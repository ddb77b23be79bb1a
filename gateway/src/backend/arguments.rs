//! Checks of arguments that both faces take, and the names of their fields in errors.

use comptoir_mesh as mesh;
use comptoir_mesh::error::{ErrorReason, Violation};
use url::Url;

use super::Settings;

/// Maps paths into a request message to paths into the client's arguments. The first entry that matches is used. Both paths
/// are dotted. `*` matches one part, which is copied to the result. The rest of the path is kept, in camelCase. `("",
/// "input")` puts everything below `input`.
pub(crate) type Paths = &'static [(&'static str, &'static str)];

/// Translates a path into a request message to a path into the client's arguments.
pub(crate) fn argument_path(field: &str, paths: Paths) -> Vec<String> {
    let parts: Vec<&str> = field.split('.').filter(|part| !part.is_empty()).collect();
    let (mut found, kept) = paths
        .iter()
        .find_map(|(from, to)| rename(&parts, from, to))
        .unwrap_or((Vec::new(), &parts));
    found.extend(kept.iter().map(|part| camel_case(part)));
    found
}

/// Replaces the prefix `from` of `parts` by `to`, and returns the rest of `parts` beside it.
fn rename<'a, 'b>(parts: &'b [&'a str], from: &str, to: &str) -> Option<(Vec<String>, &'b [&'a str])> {
    let pattern: Vec<&str> = from.split('.').filter(|part| !part.is_empty()).collect();
    if parts.len() < pattern.len()
        || pattern
            .iter()
            .zip(parts)
            .any(|(want, part)| *want != "*" && want != part)
    {
        return None;
    }
    let mut carried = pattern
        .iter()
        .zip(parts)
        .filter(|(want, _)| **want == "*")
        .map(|(_, part)| *part);
    let target = to.split('.').filter(|part| !part.is_empty());
    let renamed = target.map(|part| {
        if part == "*" {
            carried.next().unwrap_or(part)
        } else {
            part
        }
        .to_owned()
    });
    Some((renamed.collect(), &parts[pattern.len()..]))
}

/// Turns `variant_id` into `variantId`.
pub(crate) fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

/// Renames the fields of an error to those of the client's request.
pub(crate) fn renamed(error: mesh::Error, paths: Paths) -> mesh::Error {
    if error.field_violations().is_empty() {
        return error;
    }
    let rename = |violation: &Violation| {
        Violation::new(
            argument_path(&violation.field, paths).join("."),
            violation.reason,
            violation.message.as_str(),
        )
    };
    let renamed = mesh::Error::violations(error.field_violations().iter().map(rename).collect());
    match error.retry_after() {
        Some(wait) => renamed.with_retry_after(wait),
        None => renamed,
    }
}

/// Whether a text is an idempotency key: 1 to 255 printable ASCII characters.
pub(crate) fn is_idempotency_key(key: &[u8]) -> bool {
    (1..=255).contains(&key.len()) && key.iter().all(|byte| (0x20..=0x7e).contains(byte))
}

/// The longest URL that a buyer may return to.
const MAX_URL: usize = 2048;

/// Checks the URL that a buyer returns to after paying, and normalises it as browsers do. Only the shop's own origins are
/// accepted.
pub(crate) fn return_url(settings: &Settings, text: &str) -> Result<String, mesh::Error> {
    let url = Some(text).filter(|text| text.len() <= MAX_URL);
    let url = url.and_then(|text| Url::parse(text).ok()).filter(|url| {
        let origin = url.origin().ascii_serialization();
        let own = |allowed: &String| allowed.trim_end_matches('/') == origin;
        url.as_str().len() <= MAX_URL
            && url.username().is_empty()
            && url.password().is_none()
            && settings.return_origins.iter().any(own)
    });
    url.map(String::from).ok_or_else(|| {
        let message = "The buyer can only return to a URL of this shop.";
        mesh::Error::field("return_url", ErrorReason::UrlNotAllowed, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_into_the_arguments() {
        let paths: Paths = &[
            ("lines.*.line_id", "lines.*.id"),
            ("product", "input"),
            ("request_id", "idempotencyKey"),
        ];
        let path = |field| argument_path(field, paths).join("/");
        assert_eq!(path("lines.3.line_id"), "lines/3/id");
        assert_eq!(path("lines.3.variant_id"), "lines/3/variantId");
        assert_eq!(
            path("product.variants.0.compare_at_price"),
            "input/variants/0/compareAtPrice"
        );
        assert_eq!(path("request_id"), "idempotencyKey");
        assert_eq!(path(""), "");
        assert_eq!(
            argument_path("first_name", &[("", "input")]).join("/"),
            "input/firstName"
        );
    }

    #[test]
    fn buyers_come_back_to_the_shop() {
        let settings = Settings {
            return_origins: vec!["https://shop.example".into(), "http://localhost:3000".into()],
            ..Settings::default()
        };
        for (text, written) in [
            (
                "https://shop.example/checkout?order=1#paid",
                "https://shop.example/checkout?order=1#paid",
            ),
            (
                r"http://localhost:3000\@evil.example/",
                "http://localhost:3000/@evil.example/",
            ),
            ("HTTPS://SHOP.example:443\\..\\back", "https://shop.example/back"),
            (" https:shop.example/a\tb", "https://shop.example/ab"),
        ] {
            assert_eq!(return_url(&settings, text).unwrap(), written, "{text:?}");
        }
        let long = format!("https://shop.example/{}", "é".repeat(400));
        for bad in [
            "https://evil.example",
            "https://shop.example.evil.example/",
            "https://shop.example@evil.example/",
            "https://ada:pw@shop.example/",
            "http://shop.example/",
            r"http:\\evil.example\@localhost:3000/",
            "javascript:alert(1)",
            "/relative",
            "//shop.example/",
            "",
            &long,
        ] {
            assert!(return_url(&settings, bad).is_err(), "{bad:?}");
        }
    }
}
