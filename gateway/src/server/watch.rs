//! What a connection does, as its socket sees it, so that one that does nothing, or too much for nothing, can be closed.
//!
//! hyper has a timer for reading a head, but it also runs while a kept-alive connection rests, it is not yet there while
//! hyper-util still guesses the protocol, and nothing has one for writing.

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

use super::frames::Frames;
use super::head::Head;
use super::places::Place;

/// Times are milliseconds since the connection began, plus one; 0 is never.
pub(super) struct Activity {
    began: Instant,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    head_since: AtomicU64,
    rests_since: AtomicU64,
    /// Whether the client left an answer of HTTP/2 where it was.
    stalled: AtomicBool,
    frames: Mutex<Frames>,
    head: Mutex<Head>,
    flooded: AtomicBool,
    flood: Notify,
}

/// What should become of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// Has rested for so long that it may end.
    Idle,
    /// Does not send what it began.
    Stuck,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            head_since: AtomicU64::new(1),
            rests_since: AtomicU64::new(1),
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

    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Completes what hyper made of an HTTP/1 request's head.
    pub(super) fn complete(&self, headers: &mut HeaderMap) {
        self.head().complete(headers);
    }

    /// A request's head has arrived; what is returned is dropped when its answer has been sent.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
        InFlight {
            activity: self.clone(),
            is_finished: false,
        }
    }

    /// An answer was not taken in time, and given up.
    pub(super) fn has_stalled(&self) {
        self.stalled.store(true, Relaxed);
    }

    /// Whether nothing is in flight any more after an answer that was left where it was.
    pub(super) fn is_left(&self) -> bool {
        self.stalled.load(Relaxed) && self.in_flight.load(Relaxed) == 0
    }

    /// Returns once frames that carry nothing are too many.
    pub(super) async fn is_flooded(&self) {
        self.flood.notified().await;
    }

    /// Judges the connection, `margin` before a limit is over, as it is asked only so often.
    pub(super) fn judge(&self, limits: &Times, margin: Duration) -> Verdict {
        let now = self.now();
        let over = |since: u64, limit: Option<Duration>| {
            since != 0
                && limit
                    .is_some_and(|limit| Duration::from_millis(now.saturating_sub(since)) + margin >= limit)
        };
        if self.in_flight.load(Relaxed) > 0 {
            return Verdict::Fine;
        }
        // HTTP/2 sends frames that belong to no request; its rest is judged by requests alone.
        let has_begun = self.requests.load(Relaxed) > 0 && self.frames().are_http2();
        if !has_begun && over(self.head_since.load(Relaxed), limits.header_read) {
            return Verdict::Stuck;
        }
        if self.is_left() || over(self.rests_since.load(Relaxed), limits.idle) {
            Verdict::Idle
        } else {
            Verdict::Fine
        }
    }

    fn has_read(&self, bytes: &[u8]) {
        let (holds, are_http2) = {
            let mut frames = self.frames();
            (frames.came(bytes, Instant::now()), frames.are_http2())
        };
        if !holds && !self.flooded.swap(true, Relaxed) {
            self.flood.notify_one();
        }
        if self.in_flight.load(Relaxed) == 0 {
            let _ = self.head_since.compare_exchange(0, self.now(), Relaxed, Relaxed);
            if !are_http2 {
                self.head().came(bytes);
            }
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
pub(super) struct InFlight {
    activity: Arc<Activity>,
    is_finished: bool,
}

impl InFlight {
    /// The whole answer was asked for.
    pub(super) fn finish(&mut self) {
        if !std::mem::replace(&mut self.is_finished, true) {
            self.activity.frames().answered();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let activity = &self.activity;
        activity.rests_since.store(activity.now(), Relaxed);
        activity.in_flight.fetch_sub(1, Relaxed);
    }
}

/// How long a peer that still sends is listened to after the last answer.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// A socket that notes what happens on it. It outlives its connection where that is upgraded, and takes a place until its end.
pub(super) struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
    _place: Option<Place>,
    write: Option<Duration>,
    /// Runs while nothing is taken of what is written.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs once our side is shut.
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    /// `write` is how long the peer may take nothing.
    pub(super) fn new(
        socket: S,
        activity: Arc<Activity>,
        write: Option<Duration>,
        place: Option<Place>,
    ) -> Self {
        Self {
            socket,
            activity,
            _place: place,
            write,
            stalled: None,
            linger: None,
        }
    }

    /// What a write came to, or that nothing was taken for too long.
    fn written(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
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

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads and drops what comes; ready at the end of it.
    fn poll_drop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut dropped = [0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut dropped);
            match ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.activity.flooded.load(Relaxed) {
            // It was told to stop, and has to be read to read that itself.
            ready!(self.poll_drop(cx));
            return Poll::Ready(Ok(()));
        }
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
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.written(cx, outcome)
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
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
        }
        let linger = this.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if linger.as_mut().poll(cx).is_pending() {
            ready!(this.poll_drop(cx));
        }
        Poll::Ready(Ok(()))
    }
}
