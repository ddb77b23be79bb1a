//! Metrics take bounded memory. In a process of its own, as it measures the whole process.

use std::{fs, time::Duration};

use comptoir_mesh::telemetry;

/// In bytes, where /proc tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[tokio::test]
async fn histograms_do_not_grow_while_no_scrape_comes() {
    const ROUNDS: usize = 20;
    const SAMPLES: usize = 250_000;
    telemetry::render_metrics();
    let histogram = metrics::histogram!("test_seconds");
    // Each sample is 8 bytes until it is counted into its bucket: at a million samples a second, 40 MB for each half.
    let mut pace = tokio::time::interval(Duration::from_millis(250));
    let mut half = async || {
        for _ in 0..ROUNDS {
            pace.tick().await;
            for sample in 0..SAMPLES {
                histogram.record(sample as f64 / 1e6);
            }
        }
        resident()
    };
    let (Some(first), Some(second)) = (half().await, half().await) else {
        eprintln!("skipped: histograms_do_not_grow_while_no_scrape_comes: there is no /proc");
        return;
    };
    let grown = second.saturating_sub(first) / 1024 / 1024;
    assert!(grown < 20, "{grown} MiB more in five seconds without a scrape");
    let text = telemetry::render_metrics();
    let count = format!("test_seconds_count {}", 2 * ROUNDS * SAMPLES);
    assert!(text.contains(&count), "samples were lost: {text}");
}
