//! Records the activity on a connection's socket, so that idle, stuck and flooding connections can be closed.
//!
//! hyper's timer for reading a head does not suffice: it also runs while a kept-alive connection is idle, and it does not run while
//! hyper-util detects the protocol. Neither library has a timer for writing.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

use super::connection_limit::ConnectionPermit;
use super::frames::Frames;
use super::request_head::RequestHead;

/// Times are milliseconds since the connection began, plus one; 0 is never.
pub(super) struct Activity {
    began: Instant,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    head_since: AtomicU64,
    idle_since: AtomicU64,
    /// Whether the client stopped reading an answer over HTTP/2.
    stalled: AtomicBool,
    frames: Mutex<Frames>,
    head: Mutex<RequestHead>,
    flooded: AtomicBool,
    flood: Notify,
}

/// How a connection stands against its time limits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ConnectionState {
    Active,
    /// Had no request for longer than its limit, and may end.
    Idle,
    /// Did not send a whole request head in time.
    HeadTimedOut,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            head_since: AtomicU64::new(1),
            idle_since: AtomicU64::new(1),
            stalled: AtomicBool::new(false),
            frames: Mutex::new(Frames::new()),
            head: Mutex::default(),
            flooded: AtomicBool::new(false),
            flood: Notify::new(),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn head(&self) -> MutexGuard<'_, RequestHead> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to an HTTP/1 request's headers what hyper removed.
    pub(super) fn complete(&self, headers: &mut HeaderMap) {
        self.head().complete(headers);
    }

    /// Records that a request's head has arrived. The caller drops the result when the answer has been sent.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
        InFlight {
            activity: self.clone(),
            is_finished: false,
        }
    }

    /// Records that an answer was aborted because the client did not read it in time.
    pub(super) fn record_stall(&self) {
        self.stalled.store(true, Relaxed);
    }

    /// Whether an answer was aborted and no request is in flight.
    pub(super) fn is_abandoned(&self) -> bool {
        self.stalled.load(Relaxed) && self.in_flight.load(Relaxed) == 0
    }

    /// Returns once the client has sent too many frames without content.
    pub(super) async fn is_flooded(&self) {
        self.flood.notified().await;
    }

    /// The state of the connection. A limit counts as over `margin` early, because the caller polls.
    pub(super) fn state(&self, limits: &Timeouts, margin: Duration) -> ConnectionState {
        let now = self.now();
        let over = |since: u64, limit: Option<Duration>| {
            since != 0
                && limit
                    .is_some_and(|limit| Duration::from_millis(now.saturating_sub(since)) + margin >= limit)
        };
        if self.in_flight.load(Relaxed) > 0 {
            return ConnectionState::Active;
        }
        // HTTP/2 peers also send frames outside of requests, so only its requests count as activity.
        let has_begun = self.requests.load(Relaxed) > 0 && self.frames().are_http2();
        if !has_begun && over(self.head_since.load(Relaxed), limits.header_read) {
            return ConnectionState::HeadTimedOut;
        }
        if self.is_abandoned() || over(self.idle_since.load(Relaxed), limits.idle) {
            ConnectionState::Idle
        } else {
            ConnectionState::Active
        }
    }

    fn record_read(&self, bytes: &[u8]) {
        let (holds, are_http2) = {
            let mut frames = self.frames();
            (frames.receive(bytes, Instant::now()), frames.are_http2())
        };
        if !holds && !self.flooded.swap(true, Relaxed) {
            self.flood.notify_one();
        }
        if self.in_flight.load(Relaxed) == 0 {
            let _ = self.head_since.compare_exchange(0, self.now(), Relaxed, Relaxed);
            if !are_http2 {
                self.head().receive(bytes);
            }
        }
    }
}

/// The time limits of a connection.
pub(super) struct Timeouts {
    pub(super) header_read: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) write: Option<Duration>,
}

/// A request whose answer has not been sent completely.
pub(super) struct InFlight {
    activity: Arc<Activity>,
    is_finished: bool,
}

impl InFlight {
    /// Records that the whole answer was sent.
    pub(super) fn finish(&mut self) {
        if !std::mem::replace(&mut self.is_finished, true) {
            self.activity.frames().answered();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let activity = &self.activity;
        activity.idle_since.store(activity.now(), Relaxed);
        activity.in_flight.fetch_sub(1, Relaxed);
    }
}

/// How long the socket is still read after the last answer.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// A socket that records its reads and writes. It counts as an open connection until it is dropped, also after an upgrade.
pub(super) struct MonitoredSocket<S> {
    socket: S,
    activity: Arc<Activity>,
    _permit: Option<ConnectionPermit>,
    write: Option<Duration>,
    /// Runs while the peer accepts no bytes.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs after our side was shut down.
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S> MonitoredSocket<S> {
    /// `write` is how long the peer may accept no bytes.
    pub(super) fn new(
        socket: S,
        activity: Arc<Activity>,
        write: Option<Duration>,
        permit: Option<ConnectionPermit>,
    ) -> Self {
        Self {
            socket,
            activity,
            _permit: permit,
            write,
            stalled: None,
            linger: None,
        }
    }

    /// Records the result of a write. Fails with `TimedOut` if the peer accepted no bytes for too long.
    fn record_write(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = outcome {
            self.stalled = None;
            if let Ok(bytes) = written {
                self.activity.frames().sent(bytes);
            }
            return Poll::Ready(written);
        }
        let Some(limit) = self.write else {
            return Poll::Pending;
        };
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> MonitoredSocket<S> {
    /// Reads and discards until the peer closes.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut discarded = [0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut discarded);
            match ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MonitoredSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.activity.flooded.load(Relaxed) {
            // GOAWAY was sent. The peer only reads it if its own writes are not blocked.
            ready!(self.poll_discard(cx));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.record_read(&buffer.filled()[before..]);
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MonitoredSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.record_write(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.record_write(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// Reads and discards for a moment what the peer still sends. Closing a socket with unread bytes resets the connection, and a
    /// client that still sends a refused body would lose the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
        }
        let linger = this.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if linger.as_mut().poll(cx).is_pending() {
            ready!(this.poll_discard(cx));
        }
        Poll::Ready(Ok(()))
    }
}
