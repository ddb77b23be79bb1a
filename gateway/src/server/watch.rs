//! What a connection does, as its socket sees it, so that one that does nothing can be closed.
//!
//! hyper has a timer for reading a head, but it also runs while a kept-alive connection rests, it is not yet there while
//! hyper-util still guesses the protocol, and nothing has one for writing.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Times are milliseconds since the connection began, plus one; 0 is never.
pub(super) struct Activity {
    began: Instant,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    is_http2: AtomicBool,
    head_since: AtomicU64,
    rests_since: AtomicU64,
    stalled_since: AtomicU64,
}

/// What should become of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// Has rested for so long that it may end.
    Idle,
    /// Does not send what it began, or does not take what it asked for.
    Stuck,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            is_http2: AtomicBool::new(false),
            head_since: AtomicU64::new(1),
            rests_since: AtomicU64::new(1),
            stalled_since: AtomicU64::new(0),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// A request's head has arrived; what is returned is dropped when its answer has been sent.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
        InFlight(self.clone())
    }

    /// Judges the connection, `margin` before a limit is over, as it is asked only so often.
    pub(super) fn judge(&self, limits: &Times, margin: Duration) -> Verdict {
        let now = self.now();
        let over = |since: u64, limit: Option<Duration>| {
            since != 0
                && limit
                    .is_some_and(|limit| Duration::from_millis(now.saturating_sub(since)) + margin >= limit)
        };
        if over(self.stalled_since.load(Relaxed), limits.write) {
            return Verdict::Stuck;
        }
        if self.in_flight.load(Relaxed) > 0 {
            return Verdict::Fine;
        }
        // HTTP/2 sends frames that belong to no request; its rest is judged by requests alone.
        let has_begun = self.is_http2.load(Relaxed) && self.requests.load(Relaxed) > 0;
        if !has_begun && over(self.head_since.load(Relaxed), limits.header_read) {
            return Verdict::Stuck;
        }
        if over(self.rests_since.load(Relaxed), limits.idle) {
            Verdict::Idle
        } else {
            Verdict::Fine
        }
    }

    fn has_read(&self, bytes: &[u8]) {
        if self.requests.load(Relaxed) == 0 && bytes.starts_with(b"PRI") {
            self.is_http2.store(true, Relaxed);
        }
        if self.in_flight.load(Relaxed) == 0 {
            let _ = self.head_since.compare_exchange(0, self.now(), Relaxed, Relaxed);
        }
    }

    fn has_written<T>(&self, outcome: &Poll<io::Result<T>>) {
        if outcome.is_ready() {
            if self.stalled_since.load(Relaxed) != 0 {
                self.stalled_since.store(0, Relaxed);
            }
        } else {
            let _ = self
                .stalled_since
                .compare_exchange(0, self.now(), Relaxed, Relaxed);
        }
    }
}

/// The time limits of a connection.
pub(super) struct Times {
    pub(super) header_read: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) write: Option<Duration>,
}

/// A request whose answer has not been sent to its end.
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.rests_since.store(self.0.now(), Relaxed);
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// How long a peer that still sends is listened to after the last answer.
const LINGER: Duration = Duration::from_secs(2);

/// A socket that notes what happens on it.
pub(super) struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
    /// Runs once our side is shut.
    linger: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<S> Watched<S> {
    pub(super) fn new(socket: S, activity: Arc<Activity>) -> Self {
        Self {
            socket,
            activity,
            linger: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.has_read(&buffer.filled()[before..]);
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.activity.has_written(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.activity.has_written(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// What the peer still sends is read for a moment and dropped: closing a socket with bytes unread resets the connection,
    /// and a client that was still sending the body we refused would lose the answer that says why.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let linger = match &mut this.linger {
            Some(linger) => linger,
            None => {
                ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
                this.linger.insert(Box::pin(tokio::time::sleep(LINGER)))
            }
        };
        let mut dropped = [0; 16 * 1024];
        while linger.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut dropped);
            match ready!(Pin::new(&mut this.socket).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
