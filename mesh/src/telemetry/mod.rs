//! Telemetry: JSON logs on standard error, traces by OTLP if an endpoint is set, Prometheus metrics.

use std::{sync::OnceLock, thread, time::Duration};

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::Common;

pub use self::span::server_span;

mod json;
mod span;

/// Upper bounds of the duration histograms, in seconds.
const BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How often the samples of histograms are counted into their buckets. Until then each of them is kept: at full speed that is
/// a megabyte a second, and a scrape, which counts them too, may never come.
const UPKEEP: Duration = Duration::from_secs(1);

// The metrics facade has one recorder a process; tests start several "processes" in one, which share it.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Keeps telemetry running; flushes it when dropped.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Starts telemetry for the process named `service`.
pub fn start(service: &'static str, common: &Common) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::try_new(&common.log)
        .with_context(|| format!("COMPTOIR_LOG: {:?} is no filter", common.log))?;
    let logs = tracing_subscriber::fmt::layer()
        .event_format(json::Json::new(service))
        .with_writer(std::io::stderr)
        .with_filter(filter);
    let traces = common
        .otlp_endpoint
        .as_deref()
        .map(|endpoint| provider(service, endpoint))
        .transpose()?;
    let spans = traces.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("comptoir"))
            .with_filter(EnvFilter::new(format!("off,{}=info", span::TARGET)))
    });
    tracing_subscriber::registry()
        .with(logs)
        .with(spans)
        .try_init()
        .context("logging was set up twice")?;
    metrics_handle();
    Ok(Telemetry { traces })
}

fn provider(service: &'static str, endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {endpoint:?}"))?;
    let resource = Resource::builder()
        .with_service_name(format!("comptoir-{service}"))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces {
            let _ = traces.shutdown();
        }
    }
}

/// The metrics of this process in Prometheus' text format.
pub fn render_metrics() -> String {
    if let Some(bytes) = resident_memory() {
        metrics::gauge!("process_resident_memory_bytes").set(bytes as f64);
    }
    metrics_handle().render()
}

fn metrics_handle() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = builder
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let _ = metrics::set_global_recorder(recorder);
        keep_small(handle.clone());
        handle
    })
}

/// Counts samples into their buckets for as long as the process lives, whatever its runtime does.
fn keep_small(handle: PrometheusHandle) {
    let upkeep = move || {
        loop {
            thread::sleep(UPKEEP);
            handle.run_upkeep();
        }
    };
    if let Err(error) = thread::Builder::new().name("metrics".to_owned()).spawn(upkeep) {
        tracing::warn!(error.cause = %error, "metrics take memory until they are scraped");
    }
}

/// The process's memory that is in RAM, where /proc tells.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}
