//! Expected refusals of mutations: `userErrors` with a path into the mutation's arguments.
//!
//! A `UserError` is what the caller's input or the state of things makes a service refuse: the codes of 400, 402, 404,
//! 409, 412 and 422, wrong credentials, a wrong current password, and a bad token where the token is an argument.
//! Everything else is an error of the answer: missing or bad access tokens, a role that may not, throttles, outages.

use async_graphql::SimpleObject;
use comptoir_mesh as mesh;
use comptoir_mesh::error::{ErrorReason, Reason as _};
use tonic::Status;
use url::Url;

use super::errors::{Failure, present};
use super::services::Settings;

/// An expected refusal. `code` is one of the API's codes; `field` is the path into the input.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub(super) struct UserError {
    pub(super) code: String,
    pub(super) field: Option<Vec<String>>,
    pub(super) message: String,
}

impl UserError {
    /// A refusal of one argument.
    pub(super) fn new(reason: ErrorReason, field: &[&str], message: &str) -> Self {
        let field = field.iter().map(|&part| part.to_owned()).collect();
        Self::at(reason.code(), field, message)
    }

    /// A refusal with a path into the arguments, null where it is about none of them.
    pub(super) fn at(code: &str, field: Vec<String>, message: &str) -> Self {
        let field = Some(field).filter(|field| !field.is_empty());
        Self {
            code: code.to_owned(),
            field,
            message: message.to_owned(),
        }
    }
}

/// What came of a mutation: its value, or why it was refused.
pub(super) type Settled<T> = Result<T, Vec<UserError>>;

/// From paths into a request message to paths into the arguments, the first that fits. Both are dotted, `*` stands for
/// one part and is carried over, and what follows a fitting beginning is kept in camelCase. `("", "input")` puts
/// everything below `input`.
pub(crate) type Paths = &'static [(&'static str, &'static str)];

/// Settles a call whose refusals are about its arguments or the state of things.
pub(super) fn settle<R, T>(
    answer: Result<tonic::Response<R>, Status>,
    paths: Paths,
    take: impl FnOnce(R) -> Option<T>,
) -> Result<Settled<T>, Failure> {
    match answer {
        Ok(response) => Ok(Ok(present(take(response.into_inner()))?)),
        Err(status) => refused(status.into(), paths).map(Err),
    }
}

/// Settles a call that carries a mailed or refresh token as an argument.
pub(super) fn settle_token<R, T>(
    answer: Result<tonic::Response<R>, Status>,
    paths: Paths,
    take: impl FnOnce(R) -> Option<T>,
) -> Result<Settled<T>, Failure> {
    match answer {
        Ok(response) => Ok(Ok(present(take(response.into_inner()))?)),
        Err(status) => {
            let failure = Failure::from(status);
            if is_about_token(failure.reason()) {
                return Ok(Err(user_errors(failure.error(), paths)));
            }
            refused(failure, paths).map(Err)
        }
    }
}

/// The user errors of an expected refusal; other failures stay failures.
pub(super) fn refused(failure: Failure, paths: Paths) -> Result<Vec<UserError>, Failure> {
    if is_expected(failure.reason()) {
        Ok(user_errors(failure.error(), paths))
    } else {
        Err(failure)
    }
}

fn is_about_token(reason: ErrorReason) -> bool {
    use ErrorReason::{TokenExpired, TokenInvalid, TokenReused, TokenRevoked};
    matches!(reason, TokenInvalid | TokenExpired | TokenRevoked | TokenReused)
}

fn is_expected(reason: ErrorReason) -> bool {
    matches!(
        reason,
        ErrorReason::InvalidCredentials | ErrorReason::ReauthRequired
    ) || matches!(reason.http_status(), 400 | 402 | 404 | 409 | 412 | 422)
}

fn user_errors(error: &mesh::Error, paths: Paths) -> Vec<UserError> {
    let violations = error.field_violations();
    if violations.is_empty() {
        return vec![UserError::at(error.reason().code(), Vec::new(), error.message())];
    }
    let user_error = |violation: &mesh::error::Violation| {
        UserError::at(
            violation.reason.code(),
            argument_path(&violation.field, paths),
            &violation.message,
        )
    };
    violations.iter().map(user_error).collect()
}

/// A path into a request message as one into the arguments.
pub(crate) fn argument_path(field: &str, paths: Paths) -> Vec<String> {
    let parts: Vec<&str> = field.split('.').filter(|part| !part.is_empty()).collect();
    let (mut found, kept) = paths
        .iter()
        .find_map(|(from, to)| rename(&parts, from, to))
        .unwrap_or((Vec::new(), &parts));
    found.extend(kept.iter().map(|part| camel_case(part)));
    found
}

/// `parts` with the beginning `from` replaced by `to`, and what is left of it.
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

/// `variant_id` as `variantId`.
pub(super) fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

/// Refuses idempotency keys that are not 1 to 255 printable ASCII characters.
pub(super) fn check_idempotency_key(key: &str) -> Settled<()> {
    if (1..=255).contains(&key.len()) && key.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Ok(());
    }
    let message = "An idempotency key is 1 to 255 printable ASCII characters.";
    Err(vec![UserError::new(
        ErrorReason::IdempotencyKeyInvalid,
        &["idempotencyKey"],
        message,
    )])
}

/// The longest address to come back to.
const MAX_URL: usize = 2048;

/// Where the buyer comes back to, written out as browsers read it; refused anywhere but at one of the shop's own origins.
pub fn return_url(settings: &Settings, text: &str) -> Result<String, mesh::Error> {
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
        let message = "The buyer comes back to an address of this shop alone.";
        mesh::Error::field("return_url", ErrorReason::UrlNotAllowed, message)
    })
}

/// A mutation's payload: one nullable thing and the refusals.
macro_rules! payload {
    ($(#[$attribute:meta])* $payload:ident { $field:ident: $value:ty }) => {
        $(#[$attribute])*
        #[derive(async_graphql::SimpleObject)]
        pub(super) struct $payload {
            $field: Option<$value>,
            user_errors: Vec<$crate::graphql::refusals::UserError>,
        }

        impl From<$crate::graphql::refusals::Settled<$value>> for $payload {
            fn from(settled: $crate::graphql::refusals::Settled<$value>) -> Self {
                match settled {
                    Ok(value) => Self { $field: Some(value), user_errors: Vec::new() },
                    Err(user_errors) => Self { $field: None, user_errors },
                }
            }
        }
    };
}
pub(super) use payload;

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
    fn idempotency_keys_are_printable_ascii() {
        for good in ["a", "0f8fad5b-d9cb-469f-a165-70867728950e", "~ ~"] {
            assert!(check_idempotency_key(good).is_ok(), "{good}");
        }
        for bad in ["", "clé", "a\nb", &"k".repeat(256)] {
            assert!(check_idempotency_key(bad).is_err(), "{bad}");
        }
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
