//! The file as it arrives, for a reader that waits in a thread of its own.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1::ImportProductsRequest;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc::{Receiver, Sender};
use tonic::Status;

/// Messages that may wait to be read. Each is at most what the mesh lets through; senders send much smaller ones.
pub(super) const WAITING: usize = 4;

/// Reads what is sent until the sender is gone.
#[derive(Debug)]
pub(super) struct Body {
    chunks: Receiver<Bytes>,
    current: Bytes,
}

impl Body {
    pub(super) fn new(chunks: Receiver<Bytes>) -> Self {
        Self {
            chunks,
            current: Bytes::new(),
        }
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let len = into.len().min(self.current.len());
        self.current.copy_to_slice(&mut into[..len]);
        Ok(len)
    }
}

/// Sends the file's bytes on, as fast as they are taken. PAYLOAD_TOO_LARGE over `limit` bytes, 0 being none.
pub(super) async fn feed(
    first: Bytes,
    mut messages: impl Stream<Item = Result<ImportProductsRequest, Status>> + Unpin,
    chunks: Sender<Bytes>,
    limit: usize,
) -> Result<(), Error> {
    let mut size = 0;
    let mut next = Some(first);
    while let Some(chunk) = next {
        size += chunk.len();
        if limit > 0 && size > limit {
            let message = format!("A file has at most {limit} bytes. What came before was taken in.");
            return Err(Error::new(ErrorReason::PayloadTooLarge, message));
        }
        if !chunk.is_empty() && chunks.send(chunk).await.is_err() {
            // The reader has stopped, and reports why.
            return Ok(());
        }
        next = match messages.next().await {
            Some(Ok(message)) => Some(message.chunk),
            Some(Err(status)) => return Err(Error::from_status(&status)),
            None => None,
        };
    }
    Ok(())
}
