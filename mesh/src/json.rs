//! Reads JSON from outside strictly. `serde_json` alone would accept the last of two equal keys, where a proxy's parser
//! may have read the first, and NUL, which must not reach a store.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::{Error, ErrorReason};

/// Objects and arrays within one another. serde_json itself stops at 128.
const MAX_DEPTH: u32 = 64;

/// Up to here a float represents exactly one whole number.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// The prefix of messages about a text, to tell them from messages about the JSON around it.
const TEXT: &str = "text: ";

/// Reads one JSON value, or says INVALID_ENCODING for text that is not UTF-8, has a byte order mark, a lone surrogate or
/// NUL, and INVALID_JSON for all else that is not one value with distinct keys at most 64 levels deep.
pub fn read(bytes: &[u8]) -> Result<Value, Error> {
    let encoding = |message: &str| Error::new(ErrorReason::InvalidEncoding, message);
    if bytes.starts_with(b"\xEF\xBB\xBF") || bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF")
    {
        return Err(encoding(
            "The body begins with a byte order mark; send plain UTF-8.",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| encoding("The body is not UTF-8."))?;
    if text.contains('\0') {
        return Err(encoding("The body holds NUL."));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: MAX_DEPTH }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| {
        let message = error.to_string();
        if message.contains("surrogate") || message.contains("unexpected end of hex escape") {
            encoding("A text has half of a surrogate pair.")
        } else if let Some(text) = message.strip_prefix(TEXT) {
            encoding(text.split(" at line").next().unwrap_or(text))
        } else {
            Error::new(
                ErrorReason::InvalidJson,
                format!("The body is not valid JSON: {message}."),
            )
        }
    })
}

/// Builds a [`Value`], and refuses what serde_json would accept.
#[derive(Clone, Copy)]
struct Strict {
    depth: u32,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        let depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Self { depth })
    }
}

fn honest<E: de::Error>(text: String) -> Result<String, E> {
    if text.contains('\0') {
        return Err(E::custom(format_args!("{TEXT}A text holds NUL.")));
    }
    Ok(text)
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // 2.0 and 2e0 are whole numbers: JSON does not distinguish them.
        if value.fract() == 0.0 && value.abs() <= EXACT {
            return Ok(Value::Number((value as i64).into()));
        }
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        honest(text.to_owned()).map(Value::String)
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        honest(text).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(Key(key)) = entries.next_key()? {
            let value = entries.next_value_seed(inner)?;
            if object.insert(key, value).is_some() {
                return Err(de::Error::custom("an object has the same key twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

struct Key(String);

impl<'de> de::Deserialize<'de> for Key {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        honest(String::deserialize(deserializer)?).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Reason as _;

    fn code(body: &[u8]) -> &'static str {
        read(body).expect_err("a refusal").reason().code()
    }

    #[test]
    fn one_value_with_distinct_keys_is_taken() {
        assert_eq!(
            read(br#" {"a": [1, -2.5, "x", null, true]} "#)
                .expect("taken")
                .to_string(),
            r#"{"a":[1,-2.5,"x",null,true]}"#
        );
    }

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        let taken = read(br#"[2.0, 2e0, -0.0, 1000000.0, 0.5, 1e18]"#);
        assert_eq!(taken.expect("taken").to_string(), "[2,2,0,1000000,0.5,1e+18]");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
        let bodies: [&[u8]; 9] = [
            b"",
            b"{",
            b"{\"a\":1,}",
            b"{} {}",
            b"{\"a\":1,\"a\":1}",
            b"[{\"b\":{\"a\":1,\"a\":2}}]",
            b"nope",
            b"1e999",
            &deep,
        ];
        for body in bodies {
            assert_eq!(
                code(body),
                "INVALID_JSON",
                "{}",
                String::from_utf8_lossy(&body[..body.len().min(40)])
            );
        }
    }

    #[test]
    fn what_is_not_text_is_refused() {
        let bodies: [&[u8]; 7] = [
            b"{\"a\":\"\xff\"}",
            b"\xEF\xBB\xBF{}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":\"\\ud800\\u0041\"}",
            b"{\"a\":\"\\u0000\"}",
            b"{\"\\u0000\":1}",
            b"{\"a\":\"\0\"}",
        ];
        for body in bodies {
            assert_eq!(
                code(body),
                "INVALID_ENCODING",
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }
}
