//! The cursors of pages.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use comptoir_mesh::{Error, error::ErrorReason};
use jiff::Timestamp;

/// A position in a list sorted by time and id.
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
}
