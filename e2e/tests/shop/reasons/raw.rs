//! Requests that no client library would send.

use std::time::Duration;

use comptoir_e2e::Shop;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::answer::Answer;

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends these bytes and reads until the response is whole. This side keeps the connection open.
pub(crate) async fn send(shop: &Shop, bytes: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(("127.0.0.1", shop.ports().http))
        .await
        .unwrap();
    // The server may respond and close before it has read everything.
    let _ = socket.write_all(bytes).await;
    let mut read = Vec::new();
    loop {
        if let Some(answer) = parse(&read) {
            return answer;
        }
        let count = timeout(PATIENCE, socket.read_buf(&mut read))
            .await
            .expect("an answer in time")
            .unwrap();
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&read));
    }
}

/// An answer with a Content-Length, once it is whole.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.trim().parse().ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    let length: usize = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    (body.len() >= length).then(|| Answer::new(status, headers, body.to_owned()))
}
