//! A closed loop of clients, and its measurements.

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures::future::{LocalBoxFuture, join_all};
use tokio::time::Instant;

use crate::http::Connection;

/// The measurements.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Processor time of the server's processes, user and system, for each request.
    pub(crate) cpu: Duration,
    /// Their resident memory at the end, in MiB.
    pub(crate) memory: u64,
    /// What a request costs the service behind them.
    pub(crate) behind: Cost,
}

/// The work of a service for each request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) cpu: Duration,
    pub(crate) calls: f64,
}

/// A service behind the one that is measured.
pub(crate) struct Behind {
    pub(crate) pid: u32,
    /// HOST:PORT of its metrics.
    pub(crate) admin: String,
}

impl Behind {
    /// Its processor time and the calls it took, so far.
    async fn work(&self) -> anyhow::Result<(Duration, f64)> {
        let mut connection = Connection::open(&self.admin).await?;
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\n\r\n", self.admin);
        let metrics = std::str::from_utf8(connection.call(request.as_bytes()).await?)?;
        let calls = metrics
            .lines()
            .filter(|line| line.starts_with("grpc_server_call_duration_seconds_count"))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok((cpu(&[self.pid])?, calls.sum()))
    }
}

/// One client's next request: checks the answer, too.
pub(crate) type Client = Box<dyn FnMut() -> LocalBoxFuture<'static, anyhow::Result<()>>>;

/// Lets the clients call as fast as they are answered, for a while to warm up, then for the span that counts.
pub(crate) async fn measure(
    server: &[u32],
    behind: Option<&Behind>,
    mut clients: Vec<Client>,
    span: Duration,
) -> anyhow::Result<Figures> {
    loop_for(&mut clients, span / 5).await?;
    let work = async || match behind {
        Some(behind) => behind.work().await,
        None => Ok((Duration::ZERO, 0.0)),
    };
    let (before, behind_before) = (cpu(server)?, work().await?);
    let started = Instant::now();
    let mut latencies = loop_for(&mut clients, span).await?;
    let elapsed = started.elapsed();
    let (used, behind_after) = (cpu(server)?.saturating_sub(before), work().await?);
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    let count = u32::try_from(latencies.len())?;
    Ok(Figures {
        per_second: f64::from(count) / elapsed.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
        cpu: used / count,
        memory: server
            .iter()
            .map(|pid| memory(*pid))
            .sum::<anyhow::Result<u64>>()?,
        behind: Cost {
            cpu: behind_after.0.saturating_sub(behind_before.0) / count,
            calls: (behind_after.1 - behind_before.1) / f64::from(count),
        },
    })
}

async fn loop_for(clients: &mut [Client], span: Duration) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + span;
    let latencies = Rc::new(RefCell::new(Vec::new()));
    let loops = clients.iter_mut().map(|call| {
        let latencies = latencies.clone();
        async move {
            loop {
                let started = Instant::now();
                call().await?;
                let now = Instant::now();
                latencies.borrow_mut().push(now - started);
                if now >= end {
                    return anyhow::Ok(());
                }
            }
        }
    });
    for outcome in join_all(loops).await {
        outcome?;
    }
    Ok(latencies.take())
}

/// The processor time of processes so far: user and system, in ticks of 10 ms.
fn cpu(pids: &[u32]) -> anyhow::Result<Duration> {
    pids.iter().map(|pid| cpu_of(*pid)).sum()
}

fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

fn memory(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
