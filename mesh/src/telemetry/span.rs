//! Spans: one per incoming call, exported by OTLP if an endpoint is set.

use opentelemetry::{
    Context as OtelContext,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::context::{Context, Trace};

/// The target of spans; the filter of the exporter takes no other.
pub(super) const TARGET: &str = "comptoir_mesh::span";

/// A server span named `name` within the trace of `context`, which becomes that of the span. A disabled span costs a look at
/// the filter.
pub fn server_span(name: &str, context: &mut Context) -> Span {
    let span = tracing::info_span!(target: TARGET, "call", otel.name = name, otel.kind = "server",
        request_id = &*context.request_id);
    if span.is_disabled() {
        return span;
    }
    let flags = if context.trace.sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    let parent = SpanContext::new(
        TraceId::from_bytes(context.trace.trace_id.to_be_bytes()),
        SpanId::from_bytes(
            context
                .trace
                .parent_id
                .unwrap_or(context.trace.span_id)
                .to_be_bytes(),
        ),
        flags,
        true,
        TraceState::default(),
    );
    let _ = span.set_parent(OtelContext::new().with_remote_span_context(parent));
    let own = span.context().span().span_context().clone();
    if own.is_valid() {
        context.trace = Trace {
            trace_id: u128::from_be_bytes(own.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(own.span_id().to_bytes()),
            parent_id: None,
            sampled: own.is_sampled(),
        };
    }
    span
}
