//! Sockets: slow, silent and broken peers, and HTTP/2 without TLS.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::served::{Shop, send};
use comptoir_mesh::testing::PATIENCE;

async fn connect(shop: &Shop) -> TcpStream {
    TcpStream::connect(shop.address).await.expect("a connection")
}

/// Everything until the peer closes.
async fn rest(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut bytes))
        .await
        .expect("it closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn who_sends_no_head_is_closed() {
    let shop = Shop::open(&["--limit-header-read", "3"]).await;
    let began = Instant::now();
    let (mut silent, mut slow, mut second) =
        (connect(&shop).await, connect(&shop).await, connect(&shop).await);
    slow.write_all(b"PRI * HT").await.expect("sent");
    second
        .write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("sent");
    let mut buffer = [0; 2048];
    let length = second.read(&mut buffer).await.expect("an answer");
    assert!(buffer[..length].starts_with(b"HTTP/1.1 200 OK"));
    second.write_all(b"GET /livez HTT").await.expect("sent");
    rest(&mut silent).await;
    rest(&mut slow).await;
    rest(&mut second).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(send(shop.get("/livez")).await.status, 200);
}

#[tokio::test]
async fn who_still_sends_a_refused_body_reads_why() {
    let shop = Shop::open(&[]).await;
    for _ in 0..10 {
        let mut socket = connect(&shop).await;
        let head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                    content-length: 10485760\r\n\r\n";
        socket.write_all(head.as_bytes()).await.expect("sent");
        socket
            .write_all(&vec![b' '; 10 * 1024 * 1024])
            .await
            .expect("sent to its end");
        let answer = rest(&mut socket).await;
        assert!(
            answer.starts_with("HTTP/1.1 413 ") && answer.contains("PAYLOAD_TOO_LARGE"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_connection_may_rest_for_longer_than_a_head_takes() {
    let shop = Shop::open(&["--limit-header-read", "2", "--limit-idle", "60"]).await;
    let mut socket = connect(&shop).await;
    for idle in [Duration::ZERO, Duration::from_millis(3200)] {
        tokio::time::sleep(idle).await;
        socket
            .write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .expect("sent");
        let mut buffer = [0; 2048];
        let length = socket.read(&mut buffer).await.expect("an answer");
        assert!(buffer[..length].starts_with(b"HTTP/1.1 200 OK"));
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let shop = Shop::open(&["--limit-idle", "2"]).await;
    let mut socket = connect(&shop).await;
    socket
        .write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("sent");
    let began = Instant::now();
    assert!(rest(&mut socket).await.contains("200 OK"));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_a_request_timeout() {
    let shop = Shop::open(&["--limit-request", "1"]).await;
    let mut socket = connect(&shop).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"qu";
    socket.write_all(head.as_bytes()).await.expect("sent");
    let answer = rest(&mut socket).await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("REQUEST_TIMEOUT"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_honest_length_over_the_limit_is_refused_before_the_body() {
    let shop = Shop::open(&[]).await;
    let mut socket = connect(&shop).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 10000000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.expect("sent");
    let mut buffer = vec![0; 4096];
    let read = tokio::time::timeout(PATIENCE, socket.read(&mut buffer)).await;
    let length = read.expect("at once").expect("an answer");
    assert!(buffer[..length].starts_with(b"HTTP/1.1 413"));
}

#[tokio::test]
async fn who_does_not_read_is_closed() {
    let shop = Shop::open(&["--limit-write", "2", "--limit-requests-address", "0"]).await;
    // A small window, so that the answers are not taken by the machine itself.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut socket = socket.connect(shop.address).await.expect("a connection");
    // Answers that are not taken fill the socket's buffers, and then requests are not read any more either.
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100);
    let began = Instant::now();
    loop {
        let sent = tokio::time::timeout(PATIENCE, socket.write_all(&request)).await;
        if sent.expect("it is closed").is_err() {
            break;
        }
        assert!(
            began.elapsed() < 4 * PATIENCE,
            "still open after {:?}",
            began.elapsed()
        );
    }
    assert_eq!(send(shop.get("/livez")).await.status, 200);
}

#[tokio::test]
async fn what_is_no_http_is_400() {
    let shop = Shop::open(&[]).await;
    for head in [
        "GET /a\0b HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n",
    ] {
        let mut socket = connect(&shop).await;
        socket.write_all(head.as_bytes()).await.expect("sent");
        assert!(rest(&mut socket).await.starts_with("HTTP/1.1 400"));
    }
    let mut socket = connect(&shop).await;
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        "x".repeat(64 * 1024)
    );
    socket.write_all(long.as_bytes()).await.expect("sent");
    assert!(rest(&mut socket).await.starts_with("HTTP/1.1 414"));
}

#[tokio::test]
async fn http_2_is_spoken_without_tls() {
    let shop = Shop::open(&[]).await;
    let mut socket = connect(&shop).await;
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // Empty SETTINGS, then HEADERS of stream 1: GET, path /, scheme http, authority a, by the static table.
    sent.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    sent.extend([0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86, 0x41, 1, b'a']);
    socket.write_all(&sent).await.expect("sent");
    // Frames until that stream's HEADERS, which begin with the status: 200 is entry 8.
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await.expect("a frame");
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        socket.read_exact(&mut payload).await.expect("a whole frame");
        if head[3] == 1 {
            assert_eq!(payload[0], 0x80 | 8);
            return;
        }
    }
}

#[tokio::test]
async fn a_tunnel_is_refused_with_what_is_taken() {
    let shop = Shop::open(&[]).await;
    let mut socket = connect(&shop).await;
    let head = "CONNECT shop.example:443 HTTP/1.1\r\nhost: shop.example:443\r\nconnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).await.expect("sent");
    let answer = rest(&mut socket).await;
    assert!(
        answer.starts_with("HTTP/1.1 405 ")
            && answer.contains("allow: GET, ")
            && answer.contains("METHOD_NOT_ALLOWED"),
        "{answer}"
    );
}

/// A proxy in front may see one request where the gateway sees two; the second answer would go to another client.
#[tokio::test]
async fn nothing_is_answered_after_a_request_of_two_lengths() {
    let shop = Shop::open(&[]).await;
    let body = "{\"query\":\"{ __typename }\"}";
    let length = format!("content-length: {}\r\n", body.len() + 15);
    let chunked = "transfer-encoding: chunked\r\n".to_owned();
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (framing, status) in [
        (format!("{length}{chunked}"), "400"),
        (format!("{chunked}{length}"), "400"),
        ("transfer-encoding: gzip, chunked\r\n".to_owned(), "400"),
        ("transfer-encoding: chunked, chunked\r\n".to_owned(), "400"),
        (format!("{chunked}{chunked}"), "400"),
        ("transfer-encoding: gzip\r\n".to_owned(), "400"),
        ("transfer-encoding: xchunked\r\n".to_owned(), "400"),
        (chunked.clone(), "200"),
    ] {
        let mut socket = connect(&shop).await;
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{framing}\r\n{chunks}\
             GET /livez HTTP/1.1\r\nhost: a\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.expect("sent");
        let answer = rest(&mut socket).await;
        assert_eq!(&answer[9..12], status, "{framing}{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{framing}{answer}");
    }
    // Behind another request its head is not looked at again, and nothing follows it all the same.
    let mut socket = connect(&shop).await;
    let request = format!(
        "GET /livez HTTP/1.1\r\nhost: a\r\n\r\nPOST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         {length}{chunked}\r\n{chunks}GET /livez HTTP/1.1\r\nhost: a\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let answer = rest(&mut socket).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
}
