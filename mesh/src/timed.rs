//! Bodies with a time limit: a deadline on a call's head does not bound its body.

use std::{
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tonic::{Status, body::Body};

/// A body of which all has to come until a time, or each frame within a time of being waited for.
pub(crate) struct Timed {
    body: Body,
    until: Option<Instant>,
    gap: Option<Duration>,
    /// The error in place of a late frame.
    late: fn() -> Status,
    /// Whether that is sent to the caller: as trailers, since an error would be a reset to it.
    is_answer: bool,
    /// Made at the first wait.
    timer: Option<Pin<Box<Sleep>>>,
    is_over: bool,
    /// Given back when the body is dropped.
    _place: Option<Arc<()>>,
}

impl Timed {
    /// What is read until `until`.
    pub(crate) fn until(body: Body, until: Instant, late: fn() -> Status) -> Self {
        Self {
            body,
            until: Some(until),
            gap: None,
            late,
            is_answer: false,
            timer: None,
            is_over: false,
            _place: None,
        }
    }

    /// What is read as long as no frame is waited for longer than `gap`. A reader that takes its time loses nothing.
    pub(crate) fn gap(body: Body, gap: Duration, late: fn() -> Status) -> Self {
        Self {
            until: None,
            gap: Some(gap),
            ..Self::until(body, Instant::now(), late)
        }
    }

    /// An answer of this service that ends at `until`.
    pub(crate) fn answer(body: Body, until: Instant, late: fn() -> Status) -> Self {
        Self {
            is_answer: true,
            ..Self::until(body, until, late)
        }
    }

    /// Holds a place while the body is there.
    pub(crate) fn holding(self, place: Option<Arc<()>>) -> Self {
        Self {
            _place: place,
            ..self
        }
    }

    fn end(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        self.is_over = true;
        self.body = Body::empty();
        let status = (self.late)();
        if !self.is_answer {
            return Some(Err(status));
        }
        let mut trailers = HeaderMap::new();
        Some(
            status
                .add_header(&mut trailers)
                .map(|()| Frame::trailers(trailers)),
        )
    }
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            // What always has a frame ready would never come to look at its timer.
            Poll::Ready(Some(Ok(frame)))
                if frame.is_data() && self.until.is_some_and(|until| until <= Instant::now()) =>
            {
                Poll::Ready(self.end())
            }
            Poll::Ready(frame) => {
                if self.gap.is_some() {
                    self.timer = None;
                }
                Poll::Ready(frame)
            }
            Poll::Pending => {
                let (until, gap) = (self.until, self.gap);
                let timer = self.timer.get_or_insert_with(|| {
                    let at = until.unwrap_or_else(|| Instant::now() + gap.unwrap_or_default());
                    Box::pin(tokio::time::sleep_until(at))
                });
                ready!(timer.as_mut().poll(cx));
                Poll::Ready(self.end())
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{StreamExt as _, stream};
    use http_body_util::{BodyExt as _, StreamBody};
    use tonic::Code;

    use super::*;
    use crate::testing::PATIENCE;

    const SHORT: Duration = Duration::from_millis(50);

    fn late() -> Status {
        Status::deadline_exceeded("late")
    }

    fn data(text: &'static str) -> Result<Frame<Bytes>, Infallible> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    /// Two frames, then silence.
    fn silent() -> Body {
        Body::new(StreamBody::new(
            stream::iter([data("a"), data("b")]).chain(stream::pending()),
        ))
    }

    async fn next(body: &mut Timed) -> Option<Result<Frame<Bytes>, Status>> {
        tokio::time::timeout(PATIENCE, body.frame())
            .await
            .expect("it waits for ever")
    }

    #[tokio::test]
    async fn a_silence_ends_it() {
        let mut body = Timed::gap(silent(), SHORT, late);
        for _ in 0..2 {
            // A slow reader loses nothing.
            tokio::time::sleep(2 * SHORT).await;
            assert!(next(&mut body).await.unwrap().unwrap().is_data());
        }
        let status = next(&mut body).await.unwrap().err().unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(next(&mut body).await.is_none());
    }

    #[tokio::test]
    async fn it_ends_at_its_time_though_frames_go_on() {
        let endless = Body::new(StreamBody::new(stream::repeat_with(|| data("a"))));
        let mut body = Timed::until(endless, Instant::now() + SHORT, late);
        let status = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Err(status) = next(&mut body).await.unwrap() {
                    return status;
                }
            }
        });
        assert_eq!(status.await.expect("it goes on").code(), Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn an_answer_ends_with_trailers() {
        let mut body = Timed::answer(silent(), Instant::now() + SHORT, late);
        assert!(next(&mut body).await.unwrap().unwrap().is_data());
        assert!(next(&mut body).await.unwrap().unwrap().is_data());
        let trailers = next(&mut body).await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "4");
        assert!(next(&mut body).await.is_none());
    }
}
