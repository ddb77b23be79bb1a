//! Refuses a connection that is over a limit.

use std::time::Duration;

use comptoir_mesh::Error;
use comptoir_mesh::context::Context;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::problem::Problem;

/// The time limit of each read and write.
const STEP: Duration = Duration::from_secs(1);
/// HTTP/2: empty SETTINGS, then GOAWAY with ENHANCE_YOUR_CALM before any stream, so that the client may retry each request.
const GOAWAY: [u8; 26] = [
    0, 0, 0, 4, 0, 0, 0, 0, 0, // SETTINGS
    0, 0, 8, 7, 0, 0, 0, 0, 0, // GOAWAY of 8 bytes
    0, 0, 0, 0, 0, 0, 0, 11,
];

/// Answers the first request of a connection with `error`, and closes.
pub(super) async fn refuse(mut socket: TcpStream, error: Error) {
    // Clients treat an answer that comes before their request as a protocol error.
    let mut first = [0; 1024];
    let Ok(Ok(length)) = timeout(STEP, socket.read(&mut first)).await else {
        return;
    };
    let answer = if first[..length].starts_with(b"PRI") {
        GOAWAY.to_vec()
    } else {
        http_1(&error.into()).await
    };
    let sent = async {
        socket.write_all(&answer).await?;
        socket.shutdown().await
    };
    if !matches!(timeout(STEP, sent).await, Ok(Ok(()))) {
        return;
    }
    // Closing with bytes unread would reset the connection, and the answer could be lost.
    let _ = timeout(STEP, async {
        while matches!(socket.read(&mut first).await, Ok(1..)) {}
    })
    .await;
}

async fn http_1(problem: &Problem) -> Vec<u8> {
    let request_id = Context::background("connection").request_id;
    let (parts, body) = problem.answer(&request_id, None).into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let mut answer = format!(
        "HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\nx-request-id: {request_id}\r\n",
        parts.status,
        body.len()
    )
    .into_bytes();
    for (name, value) in &parts.headers {
        answer.extend_from_slice(name.as_str().as_bytes());
        answer.extend_from_slice(b": ");
        answer.extend_from_slice(value.as_bytes());
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(&body);
    answer
}
