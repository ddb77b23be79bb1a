//! The tokens that name where a page begins.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use comptoir_mesh::Error;

use crate::error::invalid;

/// A place in a list: what list it is of, a value it is sorted by, and an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The value sorted by.
    pub(crate) value: String,
    /// The id among those with the same value.
    pub(crate) id: String,
}

impl Cursor {
    /// The token of a place in the list named `list`.
    pub(crate) fn encode(list: &str, value: &str, id: &str) -> String {
        URL_SAFE_NO_PAD.encode([list, id, value].join("\n"))
    }

    /// The place a token names; none for an empty one.
    pub(crate) fn decode(list: &str, token: &str) -> Result<Option<Self>, Error> {
        if token.is_empty() {
            return Ok(None);
        }
        let parse = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let (named, rest) = text.split_once('\n')?;
            let (id, value) = rest.split_once('\n')?;
            (named == list).then(|| Self {
                value: value.to_owned(),
                id: id.to_owned(),
            })
        };
        let cursor = parse()
            .ok_or_else(|| invalid("page_token", "This is not a cursor of this list in this order."))?;
        Ok(Some(cursor))
    }

    /// As [`Cursor::decode`], with a value that is a number.
    pub(crate) fn decode_number<T: std::str::FromStr>(
        list: &str,
        token: &str,
    ) -> Result<Option<(T, String)>, Error> {
        let Some(cursor) = Self::decode(list, token)? else {
            return Ok(None);
        };
        let number = cursor.value.parse();
        number
            .map(|number| Some((number, cursor.id)))
            .map_err(|_| invalid("page_token", "This is not a cursor of this list in this order."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_list_and_place() {
        let place = Cursor {
            value: "12\n3".to_owned(),
            id: "prod_1".to_owned(),
        };
        let token = Cursor::encode("price", &place.value, &place.id);
        assert_eq!(Cursor::decode("price", &token).unwrap(), Some(place));
        assert!(Cursor::decode("title", &token).is_err());
        assert!(Cursor::decode("price", "%%%").is_err());
        assert!(Cursor::decode_number::<i64>("price", &token).is_err());
        assert_eq!(Cursor::decode("price", "").unwrap(), None);
    }
}
