//! One connection: HTTP/1.1 or HTTP/2, as its first bytes say, with its time limits.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior};

use super::activity::{Activity, ConnectionState, LINGER, MonitoredSocket, Timeouts};
use super::connection_limit::ConnectionPermit;
use super::response_body::{ResponseBody, StreamExecutor};
use crate::Gateway;
use crate::config::seconds;

/// How often the time limits are checked.
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Connection {
    gateway: Gateway,
    peer: SocketAddr,
    activity: Arc<Activity>,
    timeouts: Timeouts,
}

impl Connection {
    pub(super) fn new(gateway: Gateway, peer: SocketAddr) -> Self {
        let limits = &gateway.app().config.limits;
        let timeouts = Timeouts {
            header_read: seconds(limits.header_read),
            idle: seconds(limits.idle),
            write: seconds(limits.write),
        };
        Self {
            gateway,
            peer,
            activity: Activity::new(),
            timeouts,
        }
    }

    /// Serves the connection to its end. Errors are the peer's and only close it.
    pub(super) async fn serve(self, socket: TcpStream, permit: ConnectionPermit) {
        let _ = socket.set_nodelay(true);
        let (activity, write) = (&self.activity, self.timeouts.write);
        let io = TokioIo::new(MonitoredSocket::new(
            socket,
            activity.clone(),
            write,
            Some(permit),
        ));
        let service = service_fn(|mut request: Request<Incoming>| {
            let is_http2 = request.version() == Version::HTTP_2;
            if !is_http2 {
                activity.complete(request.headers_mut());
            }
            let in_flight = activity.request();
            let gateway = self.gateway.clone();
            let peer = self.peer;
            async move {
                let answer = gateway.handle(peer, request).await;
                Ok::<_, Infallible>(answer.map(|body| ResponseBody::new(body, is_http2, in_flight)))
            }
        });
        let streams = StreamExecutor {
            write,
            activity: activity.clone(),
        };
        let builder = builder(streams, self.gateway.app().config.limits.headers);
        let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
        let shutdown = self.gateway.app().env.shutdown.clone();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_ending = false;
        // Until when a flooding peer may read the GOAWAY.
        let mut cut = None;
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                () = shutdown.cancelled(), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = activity.is_flooded(), if cut.is_none() => {
                    tracing::info!(client.address = %self.peer.ip(), "connection ended: it floods frames that carry nothing");
                    metrics::counter!("connections_flooded_total").increment(1);
                    cut = Some(Instant::now() + LINGER);
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                _ = ticks.tick() => match activity.state(&self.timeouts, TICK) {
                    _ if cut.is_some_and(|cut| Instant::now() >= cut) => return,
                    ConnectionState::Active => {}
                    // The graceful shutdown began at the tick before and has not ended it.
                    ConnectionState::Idle if is_ending => return,
                    ConnectionState::Idle => {
                        is_ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    ConnectionState::HeadTimedOut => return,
                },
            }
        }
    }
}

/// HTTP/2 settings as in Envoy's edge profile. At the limits of resets h2 sends GOAWAY, against rapid reset and MadeYouReset.
fn builder(streams: StreamExecutor, max_headers: usize) -> Builder<StreamExecutor> {
    let mut builder = Builder::new(streams);
    let list = if max_headers == 0 {
        u32::MAX
    } else {
        u32::try_from(max_headers).unwrap_or(u32::MAX)
    };
    // Room for longer heads than the limit, so that the gateway answers them. hyper answers longer ones with a bare 431.
    let head = if max_headers == 0 {
        1024 * 1024
    } else {
        (3 * max_headers).max(16 * 1024)
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(head)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_header_list_size(list)
        .max_send_buf_size(64 * 1024)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}
