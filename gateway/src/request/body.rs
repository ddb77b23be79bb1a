//! The request body: checked against the limit of its path, and observed, so that a timeout can say whether the client or
//! the gateway was slow.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body with a limit.
pub(crate) struct LimitedBody<B> {
    inner: B,
    left: Option<u64>,
    arrived: Arc<AtomicBool>,
}

/// The error of a body that exceeds its limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyTooLarge;

impl fmt::Display for BodyTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is over its limit")
    }
}

impl std::error::Error for BodyTooLarge {}

impl<B: Body> LimitedBody<B> {
    /// Sets `arrived` when the body has ended.
    pub(crate) fn new(inner: B, limit: Option<u64>, arrived: Arc<AtomicBool>) -> Self {
        if inner.is_end_stream() {
            arrived.store(true, Ordering::Relaxed);
        }
        Self {
            inner,
            left: limit,
            arrived,
        }
    }
}

impl<B> Body for LimitedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(data), Some(left)) = (frame.data_ref(), &mut this.left) {
                    match left.checked_sub(data.len() as u64) {
                        Some(rest) => *left = rest,
                        None => return Poll::Ready(Some(Err(BodyTooLarge.into()))),
                    }
                }
                if this.inner.is_end_stream() {
                    this.arrived.store(true, Ordering::Relaxed);
                }
            }
            Some(Err(_)) => {}
            None => this.arrived.store(true, Ordering::Relaxed),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
