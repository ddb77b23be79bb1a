//! Streams a body to a service in messages, as fast as the service accepts it, without holding the whole body in memory.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use bytes::Bytes;
use comptoir_mesh::Error;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::calls::CallResult as _;
use crate::json::body_error;
use crate::problem::Problem;

/// The bytes of one message.
const CHUNK: usize = 64 * 1024;

/// How many messages may wait to be sent.
const QUEUE: usize = 2;

/// Calls a client-streaming method with `first` and then the body in messages. `received` counts bytes.
pub(crate) async fn send<M, R>(
    body: Body,
    first: M,
    message: impl Fn(Bytes) -> M + Send,
    received: &AtomicU64,
    call: impl FnOnce(ReceiverStream<M>) -> BoxFuture<'static, Result<Response<R>, Status>> + Send,
) -> Result<R, Problem>
where
    M: Send + 'static,
{
    let (sender, messages) = mpsc::channel(QUEUE);
    let mut answer = call(ReceiverStream::new(messages));
    let fed = tokio::select! {
        biased;
        answer = &mut answer => return answer.or_problem(),
        fed = feed(body, first, message, received, &sender) => fed,
    };
    if let Err(error) = fed {
        // A client's stream cannot carry an error, and ending it would mean that the body is complete. So it stays open
        // until the call, which is dropped here, is cancelled.
        tokio::spawn(async move { sender.closed().await });
        return Err(error.into());
    }
    drop(sender);
    answer.await.or_problem()
}

/// Sends the body in messages of at most [`CHUNK`] bytes, until it ends or the receiver is gone.
async fn feed<M>(
    body: Body,
    first: M,
    message: impl Fn(Bytes) -> M + Send,
    received: &AtomicU64,
    sender: &Sender<M>,
) -> Result<(), Error> {
    let mut is_wanted = sender.send(first).await.is_ok();
    let mut body = body.into_data_stream();
    while is_wanted && let Some(bytes) = body.next().await {
        let mut rest: Bytes = bytes.map_err(|error| body_error(&*error.into_inner()))?;
        while is_wanted && !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(CHUNK));
            received.fetch_add(piece.len() as u64, Ordering::Relaxed);
            is_wanted = sender.send(message(piece)).await.is_ok();
        }
    }
    Ok(())
}
