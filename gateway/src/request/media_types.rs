//! The media types that a client accepts, and those that each route produces.

use http::HeaderMap;
use http::header::ACCEPT;

/// Whether the client accepts one of `produced` (`type/subtype`, or `type/*` for any subtype).
pub(crate) fn accepts(headers: &HeaderMap, produced: &[&str]) -> bool {
    !headers.contains_key(ACCEPT)
        || produced.contains(&"*/*")
        || ranges(headers).any(|range| produced.iter().any(|media| matches(range, media)))
}

/// Whether the client names this exact type, not only a wildcard that matches it.
pub(crate) fn accepts_exactly(headers: &HeaderMap, media: &str) -> bool {
    ranges(headers).any(|range| range.eq_ignore_ascii_case(media))
}

/// The media ranges of the header, without those refused by `q=0`.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().filter(|media| !media.is_empty())?;
        let refused = parts.any(|parameter| {
            let weight = parameter
                .strip_prefix("q=")
                .or_else(|| parameter.strip_prefix("Q="));
            weight
                .and_then(|weight| weight.parse::<f32>().ok())
                .is_some_and(|weight| weight <= 0.0)
        });
        (!refused).then_some(media)
    })
}

fn matches(range: &str, media: &str) -> bool {
    if range == "*/*" || range.eq_ignore_ascii_case(media) {
        return true;
    }
    let (Some((kind, subtype)), Some((media_kind, media_subtype))) =
        (range.split_once('/'), media.split_once('/'))
    else {
        return false;
    };
    kind.eq_ignore_ascii_case(media_kind) && (subtype == "*" || media_subtype == "*")
}

/// The media types that a route produces, by its pattern.
pub(crate) fn produced_by(route: &str) -> &'static [&'static str] {
    if route.starts_with("/media/") {
        return &["image/*", "application/json", "application/problem+json"];
    }
    if route.ends_with("/events") {
        return &["text/event-stream"];
    }
    if route == "/admin/products/import" {
        return &[
            "application/json",
            "application/problem+json",
            "application/x-ndjson",
        ];
    }
    if ["/store", "/auth", "/admin", "/openapi.json", "/.well-known"]
        .iter()
        .any(|prefix| route.starts_with(prefix))
    {
        return &[
            "application/json",
            "application/problem+json",
            "application/jwk-set+json",
        ];
    }
    // Pages, probes and webhooks accept any `Accept` header.
    &["*/*"]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, value.parse().expect("a value"))])
    }

    #[test]
    fn ranges_are_matched() {
        let produced = produced_by("/store/products");
        for taken in [
            "*/*",
            "application/*",
            "text/html, application/json;q=0.1",
            "application/problem+json",
        ] {
            assert!(accepts(&accept(taken), produced), "{taken}");
        }
        for refused in ["application/xml", "text/*", "application/json;q=0", ""] {
            assert!(!accepts(&accept(refused), produced), "{refused}");
        }
        assert!(accepts(&HeaderMap::new(), produced));
        assert!(accepts(
            &accept("image/avif,image/webp"),
            produced_by("/media/{id}")
        ));
        assert!(accepts(&accept("application/xml"), produced_by("/livez")));
    }
}
