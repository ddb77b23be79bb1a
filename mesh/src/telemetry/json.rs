//! One JSON object a line: `timestamp, level, service, message, trace_id, span_id, request_id` and the event's dotted fields.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::{
    clock::{Clock as _, SystemClock},
    context,
};

pub(super) struct Json {
    process: &'static str,
}

impl Json {
    pub(super) fn new(process: &'static str) -> Self {
        Self { process }
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        // In the process that runs all services, the crate that logs tells which one it is.
        let service = match metadata
            .target()
            .split("::")
            .next()
            .and_then(|name| name.strip_prefix("comptoir_"))
        {
            Some("mesh") | None => self.process,
            Some(service) => service,
        };
        let mut line = Map::new();
        line.insert("timestamp".into(), SystemClock.now().to_string().into());
        line.insert("level".into(), metadata.level().as_str().to_lowercase().into());
        line.insert("service".into(), service.into());
        line.insert("message".into(), Value::Null);
        context::inspect(|context| {
            line.insert(
                "trace_id".into(),
                format!("{:032x}", context.trace.trace_id).into(),
            );
            line.insert("span_id".into(), format!("{:016x}", context.trace.span_id).into());
            line.insert("request_id".into(), (*context.request_id).into());
        });
        event.record(&mut Fields(&mut line));
        if metadata
            .target()
            .split("::")
            .next()
            .is_none_or(|name| !name.starts_with("comptoir"))
        {
            line.insert("target".into(), metadata.target().into());
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}
