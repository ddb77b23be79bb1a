//! The language that a client prefers, by its `Accept-Language` header.

use std::cmp::Reverse;

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// The highest quality, in thousandths.
const BEST: u16 = 1000;

/// A language range of the header.
struct Range<'a> {
    /// `*`, or the beginning of language tags.
    tag: &'a str,
    /// 0 to 1,000. 0 means refused.
    quality: u16,
}

/// Returns the language of `offered` that the client prefers (RFC 9110, 12.5.4), or `None`. Of two with the same quality,
/// the one it lists first.
pub(crate) fn preferred_language(headers: &HeaderMap, offered: &[String]) -> Option<String> {
    let ranges: Vec<Range<'_>> = headers
        .get_all(ACCEPT_LANGUAGE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Range::parse)
        .collect();
    let accepted = offered.iter().filter_map(|tag| {
        let place = deciding_range(tag, &ranges)?;
        let range = &ranges[place];
        Some((Reverse(range.quality), place, !begins_with(tag, range.tag), tag))
    });
    // Of equal ones the first is chosen, so the shop's order decides last.
    let best = accepted.min_by_key(|&(quality, place, is_near, _)| (quality, place, is_near));
    best.map(|(.., tag)| tag.clone())
}

/// The position of the range that decides about a language; `None` if the language is not accepted.
///
/// The longest range that is a prefix of the tag decides (RFC 4647, 3.3.1), or `*` if there is no such range. A range of the
/// same language that is narrower or of another country also counts, unless the language itself is refused: a shop with `en`
/// serves a client that asks for `en-GB`.
fn deciding_range(tag: &str, ranges: &[Range<'_>]) -> Option<usize> {
    let placed = || ranges.iter().zip(0..);
    let exact = placed()
        .filter(|(range, _)| begins_with(tag, range.tag))
        .max_by_key(|(range, place)| (range.tag.len(), Reverse(*place)));
    if exact.is_some_and(|(range, _)| range.quality == 0) {
        return None;
    }
    let near = placed()
        .filter(|(range, _)| range.quality > 0 && language(range.tag).eq_ignore_ascii_case(language(tag)))
        .max_by_key(|(range, place)| (range.quality, Reverse(*place)));
    let any = placed().find(|(range, _)| range.tag == "*" && range.quality > 0);
    let best = exact
        .into_iter()
        .chain(near)
        .max_by_key(|(range, place)| (range.quality, Reverse(*place)));
    best.or(any).map(|(_, place)| place)
}

impl<'a> Range<'a> {
    /// Parses `en-GB;q=0.8`. `None` if the syntax is wrong.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let tag = parts.next()?;
        let mut subtags = tag.split('-');
        let primary = subtags.next()?;
        let is_tag = (1..=8).contains(&primary.len())
            && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
            && subtags.all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        if tag != "*" && !is_tag {
            return None;
        }
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        });
        Some(Self {
            tag,
            quality: weight.map_or(Some(BEST), quality)?,
        })
    }
}

/// Parses `0.85` into thousandths: 0 to 1, with at most three decimals.
fn quality(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1")
        || decimals.len() > 3
        || !decimals.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let thousandths: u16 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (thousandths <= BEST).then_some(thousandths)
}

/// Whether a range is the tag, or a prefix of it that ends at a subtag.
fn begins_with(tag: &str, range: &str) -> bool {
    let start = tag.get(..range.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(range))
        && matches!(tag.as_bytes().get(range.len()), None | Some(b'-'))
}

fn language(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(header: &str, offered: &[&str]) -> Option<String> {
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, header.parse().expect("a header"))]);
        let offered: Vec<String> = offered.iter().map(|&tag| tag.to_owned()).collect();
        preferred_language(&headers, &offered)
    }

    #[test]
    fn the_language_that_is_liked_most_counts() {
        for (header, language) in [
            ("de-DE,en;q=0.8,fr;q=0.5", "en"),
            ("en;q=0.3,fr;q=0.9", "fr"),
            ("fr;q=0,en", "en"),
            ("fr;q=0,*", "en"),
            ("fr;q=0.000, *;q=0.1", "en"),
            ("en-GB,en;q=0.9,fr;q=0.8", "en"),
            ("EN-gb", "en"),
            ("fr", "fr"),
            ("fr-CA", "fr"),
            ("en,fr", "en"),
            ("fr,en", "fr"),
            ("de, *", "fr"),
            ("*", "fr"),
            ("*;q=0.5, en;q=0.4", "fr"),
            ("en-GB;q=0.8, en;q=0.3, fr;q=0.5", "en"),
            ("en;q=0.9;x=1 , fr ; q=1.0", "fr"),
            ("x, en;q=2, fr;q=0.1", "fr"),
            ("en;q=0.1234, fr;q=0.1", "fr"),
            ("../etc, e n, en", "en"),
        ] {
            assert_eq!(
                prefers(header, &["fr", "en"]).as_deref(),
                Some(language),
                "{header}"
            );
        }
        for header in [
            "de",
            "",
            "../etc",
            "e n",
            "*;q=0",
            "fr;q=0, en;q=0",
            "fr;q=0",
            "en;q=high",
        ] {
            assert_eq!(prefers(header, &["fr", "en"]), None, "{header}");
        }
    }

    #[test]
    fn a_language_of_another_country_is_better_than_another_language() {
        assert_eq!(
            prefers("en-GB, fr;q=0.5", &["fr-FR", "en-US"]).as_deref(),
            Some("en-US")
        );
        assert_eq!(prefers("fr-CA", &["fr-FR", "fr-CA"]).as_deref(), Some("fr-CA"));
        assert_eq!(prefers("fr", &["fr-FR", "fr-CA"]).as_deref(), Some("fr-FR"));
        assert_eq!(
            prefers("fr-CA;q=0, fr", &["fr-CA", "fr-FR"]).as_deref(),
            Some("fr-FR")
        );
        assert_eq!(
            prefers("en-GB, en;q=0, fr;q=0.1", &["en", "fr"]).as_deref(),
            Some("fr")
        );
        assert_eq!(
            prefers("frisian", &["fr"]),
            None,
            "part of a subtag is another language"
        );
    }

    #[test]
    fn several_headers_are_one_list() {
        let headers: HeaderMap = [(ACCEPT_LANGUAGE, "de, fr;q=0.2"), (ACCEPT_LANGUAGE, "en;q=0.5")]
            .into_iter()
            .map(|(name, value)| (name, value.parse().expect("a header")))
            .collect();
        let offered = ["fr".to_owned(), "en".to_owned()];
        assert_eq!(preferred_language(&headers, &offered).as_deref(), Some("en"));
    }
}
