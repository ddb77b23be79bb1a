//! Page sizes and cursors.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use mesh::{Error, error::ErrorReason};

/// Entries a page has at most.
const MOST: i32 = 100;

/// Reads a page size of 1 to 100; 0 is `default`.
pub(crate) fn size(page_size: i32, default: usize) -> Result<usize, Error> {
    match page_size {
        0 => Ok(default),
        1..=MOST => Ok(usize::try_from(page_size).unwrap_or(default)),
        _ => {
            let message = format!("A page has 1 to {MOST} entries.");
            Err(Error::field("page_size", ErrorReason::LimitOutOfRange, message))
        }
    }
}

/// A place in a list sorted by time and id.
pub(crate) fn cursor(at: Timestamp, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{id}", at.as_microsecond()))
}

/// Reads a [`cursor`]; empty is the beginning.
pub(crate) fn parse_cursor(token: &str) -> Result<Option<(Timestamp, String)>, Error> {
    if token.is_empty() {
        return Ok(None);
    }
    let parsed = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| {
        let text = String::from_utf8(bytes).ok()?;
        let (micros, id) = text.split_once(':')?;
        Some((
            Timestamp::from_microsecond(micros.parse().ok()?).ok()?,
            id.to_owned(),
        ))
    });
    let refused = || {
        Error::field(
            "page_token",
            ErrorReason::ValidationFailed,
            "This cursor was never given out.",
        )
    };
    parsed.map(Some).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back() {
        let at = Timestamp::from_microsecond(1_234_567).unwrap();
        assert_eq!(
            parse_cursor(&cursor(at, "disc_1")).unwrap(),
            Some((at, "disc_1".to_owned()))
        );
        assert_eq!(parse_cursor("").unwrap(), None);
        for bad in ["x", "!!", "MTIz", "OTk5OTk5OTk5OTk5OTk5OTk5Onh4"] {
            assert_eq!(
                parse_cursor(bad).unwrap_err().reason(),
                ErrorReason::ValidationFailed,
                "{bad}"
            );
        }
    }

    #[test]
    fn sizes_are_one_to_a_hundred() {
        assert_eq!(size(0, 50).unwrap(), 50);
        assert_eq!(size(100, 50).unwrap(), 100);
        for bad in [-1, 101, i32::MAX] {
            assert_eq!(size(bad, 50).unwrap_err().reason(), ErrorReason::LimitOutOfRange);
        }
    }
}
