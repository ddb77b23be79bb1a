//! The format of records in Kafka: the key is the aggregate's id, the value the event's bytes, the rest are headers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Headers, Message as _, OwnedHeaders};

use crate::{Death, Record};
use comptoir_mesh::context::{self, Trace};

pub(super) const EVENT_ID: &str = "event-id";
pub(super) const SEQUENCE: &str = "sequence";
pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const CONTENT_TYPE: &str = "content-type";
const PROTOBUF: &str = "application/protobuf";

/// The largest event, in bytes.
pub(super) const MAX_PAYLOAD: usize = 1024 * 1024;

/// The headers of a dead letter, removed when it is redriven.
pub(super) mod dead {
    pub(crate) const REASON: &str = "reason";
    pub(crate) const ERROR: &str = "error";
    pub(crate) const GROUP: &str = "group";
    pub(crate) const TOPIC: &str = "source-topic";
    pub(crate) const PARTITION: &str = "source-partition";
    pub(crate) const OFFSET: &str = "source-offset";
    pub(crate) const ALL: &[&str] = &[REASON, ERROR, GROUP, TOPIC, PARTITION, OFFSET];
}

/// The headers of a record, within the trace of the running call.
pub(super) fn headers(record: &Record) -> OwnedHeaders {
    let sequence = record.sequence.to_string();
    let traceparent = context::current().trace.header();
    let headers = OwnedHeaders::new_with_capacity(4);
    [
        (EVENT_ID, record.id.as_str()),
        (SEQUENCE, &sequence),
        (TRACEPARENT, &traceparent),
        (CONTENT_TYPE, PROTOBUF),
    ]
    .into_iter()
    .fold(headers, |headers, (key, value)| insert(headers, key, value))
}

pub(super) fn insert(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header {
        key,
        value: Some(value),
    })
}

/// A raw record of a partition.
pub(super) struct Delivered {
    /// Its topic, without the prefix.
    pub(super) topic: &'static str,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) key: Option<Bytes>,
    pub(super) payload: Option<Bytes>,
    pub(super) headers: Option<OwnedHeaders>,
}

impl Delivered {
    pub(super) fn new(topic: &'static str, message: &BorrowedMessage<'_>) -> Self {
        Self {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(Bytes::copy_from_slice),
            payload: message.payload().map(Bytes::copy_from_slice),
            headers: message.headers().map(BorrowedHeaders::detach),
        }
    }

    /// Reads the record and its trace. An unreadable record is a dead letter.
    pub(super) fn read(&self) -> Result<(Record, Option<Trace>), Death> {
        let dead = |reason, error| Death { reason, error };
        let Some(payload) = &self.payload else {
            return Err(dead("DECODE_ERROR", "the record has no value"));
        };
        let Some(key) = self.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()) else {
            return Err(dead("DECODE_ERROR", "the record's key is no text"));
        };
        let found = self.headers.as_ref().map(texts).unwrap_or_default();
        let text = |name: &str| found.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let (Some(id), Some(sequence)) = (text(EVENT_ID), text(SEQUENCE)) else {
            return Err(dead(
                "MISSING_HEADERS",
                "the record has no event-id or no sequence",
            ));
        };
        let Ok(sequence) = sequence.parse() else {
            return Err(dead("MISSING_HEADERS", "the record's sequence is no number"));
        };
        let record = Record {
            topic: self.topic,
            key: key.to_owned(),
            id: id.clone(),
            sequence,
            payload: payload.clone(),
        };
        Ok((record, text(TRACEPARENT).and_then(|header| Trace::parse(header))))
    }
}

/// The text headers. The library panics at a name that is not text; then no header is read.
pub(super) fn texts(headers: &OwnedHeaders) -> Vec<(String, String)> {
    let read = || {
        headers
            .iter()
            .filter_map(|header| {
                let value = std::str::from_utf8(header.value?).ok()?;
                Some((header.key.to_owned(), value.to_owned()))
            })
            .collect()
    };
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ORDERS_TOPIC;

    fn delivered() -> Delivered {
        let record = Record {
            topic: ORDERS_TOPIC,
            key: "order_1".to_owned(),
            id: "evt_1".to_owned(),
            sequence: 7,
            payload: Bytes::from_static(b"event"),
        };
        Delivered {
            topic: record.topic,
            partition: 0,
            offset: 0,
            key: Some(Bytes::from_static(b"order_1")),
            headers: Some(headers(&record)),
            payload: Some(record.payload),
        }
    }

    #[test]
    fn a_record_survives_its_headers() {
        let (record, trace) = delivered().read().unwrap();
        assert_eq!(
            (record.key.as_str(), record.id.as_str(), record.sequence),
            ("order_1", "evt_1", 7)
        );
        assert!(trace.is_some());
    }

    #[test]
    fn what_is_no_record_is_dead() {
        let bare = insert(OwnedHeaders::new(), EVENT_ID, "evt_1");
        let wrong = insert(bare.clone(), SEQUENCE, "first");
        let cases = [
            (
                Delivered {
                    payload: None,
                    ..delivered()
                },
                "DECODE_ERROR",
            ),
            (
                Delivered {
                    key: None,
                    ..delivered()
                },
                "DECODE_ERROR",
            ),
            (
                Delivered {
                    headers: None,
                    ..delivered()
                },
                "MISSING_HEADERS",
            ),
            (
                Delivered {
                    headers: Some(bare),
                    ..delivered()
                },
                "MISSING_HEADERS",
            ),
            (
                Delivered {
                    headers: Some(wrong),
                    ..delivered()
                },
                "MISSING_HEADERS",
            ),
        ];
        for (delivered, reason) in cases {
            assert_eq!(delivered.read().unwrap_err().reason, reason);
        }
    }
}
