//! The checks of single fields.

use comptoir_mesh::{
    Error,
    error::{ErrorReason, Violation},
    lengths, text,
};
use url::Url;

use crate::domain::MediaType;

/// The path below which pictures of our own are.
const MEDIA_PATH: &str = "/media/";
/// The longest URL, in bytes.
const URL_LIMIT: usize = lengths::URL_BYTES;

/// What was found wrong with a request so far.
#[derive(Default)]
pub(crate) struct Checks {
    violations: Vec<Violation>,
}

impl Checks {
    /// Notes that a field is refused.
    pub(crate) fn refuse(
        &mut self,
        field: impl Into<String>,
        reason: ErrorReason,
        message: impl Into<String>,
    ) {
        self.violations.push(Violation::new(field, reason, message));
    }

    /// Notes that a field has a value it cannot have.
    pub(crate) fn invalid(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.refuse(field, ErrorReason::ValidationFailed, message);
    }

    /// The value, or its default with the refusal noted.
    pub(crate) fn take<T: Default>(&mut self, checked: Result<T, Error>) -> T {
        checked.unwrap_or_else(|error| {
            self.violations.extend(error.field_violations().iter().cloned());
            T::default()
        })
    }

    /// A line of text that is not empty.
    pub(crate) fn required(&mut self, field: &str, text: &str, max: usize) -> String {
        let before = self.violations.len();
        let line = self.take(text::line(field, text, max));
        if line.is_empty() && self.violations.len() == before {
            self.invalid(field, "This is needed.");
        }
        line
    }

    /// A line of text; None when it is empty.
    pub(crate) fn optional(&mut self, field: &str, text: Option<&str>, max: usize) -> Option<String> {
        let line = self.take(text::line(field, text?, max));
        (!line.is_empty()).then_some(line)
    }

    /// The address of a picture: https, or of one of our own.
    pub(crate) fn picture_url(&mut self, field: &str, url: &str) -> String {
        if let Some(url) = picture_url(url) {
            return url;
        }
        self.refuse(
            field,
            ErrorReason::UrlNotAllowed,
            "A picture's address is https://…, or /media/… as an upload gave it.",
        );
        String::new()
    }

    /// The value, if nothing was wrong.
    pub(crate) fn done<T>(self, value: T) -> Result<T, Error> {
        if self.violations.is_empty() {
            Ok(value)
        } else {
            Err(Error::violations(self.violations))
        }
    }
}

/// The address of a picture, if it may be one: https without credentials, written out as browsers read it, so that no reader finds
/// another host in it; or one of our own.
pub(crate) fn picture_url(url: &str) -> Option<String> {
    if media_id_of(url).is_some() {
        return Some(url.to_owned());
    }
    let plain = url.len() <= URL_LIMIT
        && !url
            .chars()
            .any(|letter| letter.is_control() || letter.is_whitespace());
    let https = url
        .get(..8)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let url = Url::parse(url).ok().filter(|_| plain && https)?;
    let good = url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= URL_LIMIT;
    good.then(|| url.into())
}

/// The id in the address of a picture of our own.
pub(crate) fn media_id_of(url: &str) -> Option<&str> {
    url.strip_prefix(MEDIA_PATH).filter(|id| is_media_id(id))
}

/// Whether the text has the form of a picture's id: a SHA-256 in hexadecimal.
fn is_media_id(id: &str) -> bool {
    id.len() == 64
        && id
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// An idempotency key: 1 to 255 printable ASCII characters.
pub(crate) fn idempotency_key(field: &str, key: &str) -> Result<String, Error> {
    if key.is_empty() {
        return Err(Error::field(
            field,
            ErrorReason::IdempotencyKeyRequired,
            "An idempotency key is needed.",
        ));
    }
    if key.len() > 255 || !key.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        let message = "An idempotency key is 1 to 255 printable ASCII characters.";
        return Err(Error::field(field, ErrorReason::IdempotencyKeyInvalid, message));
    }
    Ok(key.to_owned())
}

/// The picture format of a MIME type, parameters aside.
pub(crate) fn media_type(content_type: &str) -> Option<MediaType> {
    let essence = content_type.split(';').next().unwrap_or_default();
    MediaType::parse(&essence.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_pictures_are_https_or_our_own() {
        let own = format!("/media/{}", "0a".repeat(32));
        for good in [
            "https://cdn.example.com/a.png?v=1",
            own.as_str(),
            "HTTPS://example.com/é.png",
        ] {
            assert!(picture_url(good).is_some(), "{good}");
        }
        for bad in [
            "http://example.com/a.png",
            "javascript:alert(1)",
            "//example.com/a.png",
            "https://user:pass@example.com/a.png",
            "https://",
            "https://exa mple.com/a",
            "https://example.com/a\nb",
            "/media/../etc/passwd",
            "/media/short",
            "data:image/png;base64,AA",
            "",
        ] {
            assert_eq!(picture_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn addresses_of_pictures_are_kept_as_browsers_read_them() {
        for (text, kept) in [
            (
                "https://cdn.example.com/a.png?v=1#x",
                "https://cdn.example.com/a.png?v=1#x",
            ),
            (
                r"https://cdn.example.com\@evil.example/a.png",
                "https://cdn.example.com/@evil.example/a.png",
            ),
            ("HTTPS://Example.com:443/é.png", "https://example.com/%C3%A9.png"),
        ] {
            assert_eq!(picture_url(text).as_deref(), Some(kept), "{text}");
        }
        let long = format!("https://example.com/{}", "é".repeat(URL_LIMIT / 3));
        assert_eq!(picture_url(&long), None);
    }

    #[test]
    fn idempotency_keys_are_printable() {
        assert!(idempotency_key("request_id", "a key-1").is_ok());
        let reason = |key: &str| idempotency_key("request_id", key).map_err(|error| error.reason());
        assert_eq!(reason(""), Err(ErrorReason::IdempotencyKeyRequired));
        assert_eq!(reason("é"), Err(ErrorReason::IdempotencyKeyInvalid));
        assert_eq!(reason(&"k".repeat(256)), Err(ErrorReason::IdempotencyKeyInvalid));
    }
}
