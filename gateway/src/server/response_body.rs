//! The body of an answer while it is sent. Over HTTP/2 a client can block it with the stream's window, which the socket does not
//! show. So the task of a stream ends when its next bytes are not requested in time, and h2 resets the stream.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, sleep_until};

use super::activity::{Activity, InFlight};

/// The bytes of one frame. A client has to accept as many, or the whole answer, within the write timeout.
const PIECE: usize = 16 * 1024;

tokio::task_local! {
    /// Of the stream that the task sends.
    static PENDING_WRITE: Arc<PendingWrite>;
}

/// Since when a piece of an answer has waited for the client's window.
#[derive(Default)]
struct PendingWrite(Mutex<Option<Instant>>);

impl PendingWrite {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the tasks of an HTTP/2 connection's streams.
#[derive(Clone)]
pub(super) struct StreamExecutor {
    pub(super) write: Option<Duration>,
    pub(super) activity: Arc<Activity>,
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        match self.write {
            Some(limit) => tokio::spawn(with_write_timeout(stream, limit, self.activity.clone())),
            None => tokio::spawn(stream),
        };
    }
}

async fn with_write_timeout(stream: impl Future<Output = ()>, limit: Duration, activity: Arc<Activity>) {
    let pending = Arc::<PendingWrite>::default();
    let mut stream = pin!(PENDING_WRITE.scope(pending.clone(), stream));
    let mut timer = None;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = pending.since() else {
            timer = None;
            return Poll::Pending;
        };
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(since + limit)));
        if timer.deadline() != since + limit {
            timer.as_mut().reset(since + limit);
        }
        ready!(timer.as_mut().poll(cx));
        activity.record_stall();
        Poll::Ready(())
    })
    .await;
}

/// The body of an answer. Its request is in flight until this is dropped.
pub(super) struct ResponseBody {
    body: Body,
    /// The bytes of the current frame that were not yet sent.
    rest: Bytes,
    is_http2: bool,
    in_flight: InFlight,
}

impl ResponseBody {
    pub(super) fn new(body: Body, is_http2: bool, in_flight: InFlight) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            is_http2,
            in_flight,
        }
    }

    /// The next piece to send. The last byte is a piece of its own: hyper passes a piece to h2 as soon as the window has room for one
    /// byte of it, so a request for the last byte shows that there was room for all bytes before it.
    fn piece(&mut self) -> Bytes {
        let length = self.rest.len();
        let length = if length > PIECE { PIECE } else { length.max(2) - 1 };
        self.rest.split_to(length)
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let _ = PENDING_WRITE.try_with(|pending| pending.set(None));
        let mut frame = None;
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(next)) => match next.into_data() {
                    Ok(data) if self.is_http2 && !data.is_empty() => self.rest = data,
                    Ok(data) => frame = Some(Frame::data(data)),
                    Err(other) => frame = Some(other),
                },
                end => {
                    self.in_flight.finish();
                    return Poll::Ready(end);
                }
            }
        }
        let frame = match frame {
            Some(frame) => frame,
            None => Frame::data(self.piece()),
        };
        if self.is_end_stream() {
            self.in_flight.finish();
        }
        let _ = PENDING_WRITE.try_with(|pending| pending.set(Some(Instant::now())));
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut all = SizeHint::new();
        all.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            all.set_upper(upper + rest);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    /// Reads the body as hyper does for a stream, for a client that accepts `room` pieces.
    async fn pipe(mut sent: ResponseBody, mut room: usize) {
        while let Some(frame) = sent.frame().await {
            frame.expect("a frame");
            if room == 0 {
                std::future::pending::<()>().await;
            }
            room -= 1;
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_not_read_in_time_is_aborted() {
        let limit = Duration::from_millis(50);
        for room in 0..4 {
            let activity = Activity::new();
            let sent = ResponseBody::new(Body::from(vec![b'x'; 3 * PIECE]), true, activity.request());
            with_write_timeout(pipe(sent, room), limit, activity.clone()).await;
            assert!(activity.is_abandoned(), "room for {room}");
        }
        let activity = Activity::new();
        let sent = ResponseBody::new(Body::from(vec![b'x'; 3 * PIECE]), true, activity.request());
        with_write_timeout(pipe(sent, 5), limit, activity.clone()).await;
        assert!(!activity.is_abandoned());
    }

    #[tokio::test]
    async fn a_stream_of_events_may_wait_for_them() {
        let limit = Duration::from_millis(50);
        let events = futures::stream::unfold(0, move |number| async move {
            tokio::time::sleep(3 * limit).await;
            (number < 3).then_some((
                Ok::<_, axum::Error>(Bytes::from_static(b"data: 1\n\n")),
                number + 1,
            ))
        });
        let activity = Activity::new();
        let sent = ResponseBody::new(Body::from_stream(events), true, activity.request());
        with_write_timeout(pipe(sent, 100), limit, activity.clone()).await;
        assert!(!activity.is_abandoned());
    }

    #[tokio::test]
    async fn the_last_byte_of_an_answer_goes_alone() {
        for length in [0, 1, 2, 100, PIECE, PIECE + 1, PIECE + 2, 3 * PIECE] {
            let body = vec![b'x'; length];
            let in_flight = Activity::new().request();
            let mut sent = ResponseBody::new(Body::from(body), true, in_flight);
            let mut pieces = Vec::new();
            while let Some(frame) = sent.frame().await {
                let piece = frame.expect("a frame").into_data().expect("data");
                pieces.push(piece.len());
                let left = u64::try_from(length - pieces.iter().sum::<usize>()).expect("short");
                assert_eq!(sent.size_hint().exact(), Some(left));
                assert_eq!(sent.is_end_stream(), left == 0);
            }
            assert_eq!(pieces.iter().sum::<usize>(), length);
            assert!(pieces.iter().all(|piece| *piece <= PIECE));
            assert!(length == 0 || pieces.last() == Some(&1), "{length}: {pieces:?}");
        }
    }
}
