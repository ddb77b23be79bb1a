//! Cursors: a position in the order of one query, opaque to those who hold it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use super::query::Position;

/// Says which form the bytes have.
const VERSION: u8 = 1;

/// Writes the position down, for the query with that fingerprint only.
pub(crate) fn encode(position: &Position, fingerprint: u64) -> String {
    let mut bytes = Vec::with_capacity(26 + position.id.len() + position.title.len());
    bytes.push(VERSION);
    bytes.extend(fingerprint.to_be_bytes());
    bytes.extend(position.primary.to_be_bytes());
    bytes.extend(position.created.to_be_bytes());
    bytes.push(position.id.len().min(255) as u8);
    bytes.extend(position.id.as_bytes());
    bytes.extend(position.title.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a position. VALIDATION_FAILED when it is malformed, or of another query or sort.
pub(crate) fn decode(cursor: &str, fingerprint: u64) -> Result<Position, Error> {
    parse(cursor, fingerprint).ok_or_else(|| {
        Error::field(
            "page_token",
            ErrorReason::ValidationFailed,
            "This is no cursor of this search and sort.",
        )
    })
}

fn parse(cursor: &str, fingerprint: u64) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (of, rest) = number(rest)?;
    let (primary, rest) = number(rest)?;
    let (created, rest) = number(rest)?;
    let (length, rest) = rest.split_first()?;
    let (id, title) = rest.split_at_checked(usize::from(*length))?;
    (*version == VERSION && of == fingerprint.cast_signed()).then_some(())?;
    Some(Position {
        primary,
        title: String::from_utf8(title.to_vec()).ok()?,
        created,
        id: String::from_utf8(id.to_vec()).ok()?,
    })
}

fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((i64::from_be_bytes(*number), rest))
}

/// Of `bytes`, the same in every process and version (FNV-1a).
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_for_its_own_query_only() {
        let position = Position {
            primary: -4_990,
            title: "été".to_owned(),
            created: 1_700_000_000_000_000,
            id: "prod_01J00000000000000000000000".to_owned(),
        };
        let cursor = encode(&position, 7);
        assert_eq!(decode(&cursor, 7).unwrap(), position);
        for bad in [
            cursor.clone() + "*",
            cursor[..20].to_owned(),
            String::from("AA"),
            "é".to_owned(),
        ] {
            assert_eq!(
                decode(&bad, 7).unwrap_err().reason(),
                ErrorReason::ValidationFailed,
                "{bad}"
            );
        }
        assert!(decode(&cursor, 8).is_err());
    }
}
