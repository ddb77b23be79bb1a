//! HTTP/2 of peers that do not read, or make work of frames that carry nothing. A socket and frames by hand: no client does so.

use std::time::{Duration, Instant};

use comptoir_mesh::testing::PATIENCE;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::support::served::{Shop, send};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A GET by the static table: method, path as a literal, scheme, authority.
fn get(stream: u32, path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x04, u8::try_from(path.len()).expect("short")];
    block.extend(path.as_bytes());
    block.extend([0x86, 0x41, 1, b'a']);
    frame(HEADERS, 5, stream, &block)
}

/// A connection whose streams have so much room.
async fn connect(shop: &Shop, window: u32) -> (Frames, OwnedWriteHalf) {
    let socket = TcpStream::connect(shop.address).await.expect("a connection");
    let (read, mut write) = socket.into_split();
    let settings = [&[0, 4][..], &window.to_be_bytes()].concat();
    let begin = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(SETTINGS, 0, 0, &settings),
    ]
    .concat();
    write.write_all(&begin).await.expect("sent");
    (Frames(read), write)
}

struct Frames(OwnedReadHalf);

impl Frames {
    /// Kind, flags, stream and payload of the next one; `None` at the end.
    async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        timeout(PATIENCE, self.0.read_exact(&mut head))
            .await
            .expect("a frame or the end")
            .ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], head[4], stream, payload))
    }

    /// Reads to the end; gives what kinds of frames there were.
    async fn rest(&mut self) -> Vec<u8> {
        let mut kinds = Vec::new();
        while let Some((kind, ..)) = self.next().await {
            kinds.push(kind);
        }
        kinds
    }
}

#[tokio::test]
async fn answers_that_are_never_read_are_given_up() {
    let shop = Shop::open(&["--limit-write", "1"]).await;
    let lengths = [0, 1, 100, 20_000, 65_535].map(|window| {
        let shop = &shop;
        async move {
            let (mut frames, mut write) = connect(shop, window).await;
            let began = Instant::now();
            for stream in [1, 3, 5] {
                let request = get(stream, "/openapi.json");
                write.write_all(&request).await.expect("sent");
            }
            let kinds = frames.rest().await;
            assert!(
                kinds.contains(&RST_STREAM) && kinds.contains(&GOAWAY),
                "with room for {window}: {kinds:?}"
            );
            assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        }
    });
    futures::future::join_all(lengths).await;
    assert_eq!(send(shop.get("/livez")).await.status, 200);
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_comes_whole() {
    let shop = Shop::open(&["--limit-write", "2"]).await;
    let whole = send(shop.get("/openapi.json")).await.text.len();
    let (mut frames, mut write) = connect(&shop, 16_384).await;
    write.write_all(&get(1, "/openapi.json")).await.expect("sent");
    let (mut read, mut next) = (0, 0);
    while let Some((kind, flags, _, payload)) = frames.next().await {
        assert!(![RST_STREAM, GOAWAY].contains(&kind), "after {read} of {whole}");
        if kind != DATA {
            continue;
        }
        read += payload.len();
        if flags & 1 == 1 {
            break;
        }
        if read >= next {
            // Longer than the limit in all, but never without progress for as long.
            next = read + 32 * 1024;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let room = u32::try_from(payload.len()).expect("short").to_be_bytes();
        for stream in [0, 1] {
            let update = frame(WINDOW_UPDATE, 0, stream, &room);
            write.write_all(&update).await.expect("sent");
        }
    }
    assert_eq!(read, whole);
}

#[tokio::test]
async fn a_stream_that_is_left_does_not_end_the_others() {
    let shop = Shop::open(&["--limit-write", "1", "--limit-request", "20"]).await;
    shop.fakes.slow_down(Duration::from_millis(2500));
    let (mut frames, mut write) = connect(&shop, 65_535).await;
    // What stream 1 is answered has no room; stream 3 waits for the catalog, and is small.
    let requests = [get(1, "/openapi.json"), get(3, "/store/products/lamp")];
    write.write_all(&requests.concat()).await.expect("sent");
    let mut seen = Vec::new();
    while let Some((kind, flags, stream, payload)) = frames.next().await {
        match kind {
            RST_STREAM => seen.push(format!("reset {stream}")),
            DATA if stream == 3 && flags & 1 == 1 => {
                seen.push("answered 3".to_owned());
                break;
            }
            DATA if stream == 3 => {}
            // Room on the connection, and none more on the stream.
            DATA => {
                let room = u32::try_from(payload.len()).expect("short").to_be_bytes();
                let update = frame(WINDOW_UPDATE, 0, 0, &room);
                write.write_all(&update).await.expect("sent");
            }
            _ => {}
        }
    }
    assert_eq!(seen, ["reset 1", "answered 3"]);
}

/// Sends until the server says GOAWAY.
async fn flood(shop: &Shop, what: &str, most: u32, make: impl Fn(u32) -> Vec<u8>) {
    let (mut frames, mut write) = connect(shop, 65_535).await;
    let told = tokio::spawn(async move { frames.rest().await });
    let mut sent = 0;
    while sent < most && !told.is_finished() {
        if write.write_all(&make(sent)).await.is_err() {
            break;
        }
        sent += 1;
        if sent % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let kinds = timeout(PATIENCE, told).await.expect("it ends").expect("no panic");
    assert!(
        kinds.contains(&GOAWAY),
        "{what}: {sent} sent, and not told to stop"
    );
    assert!(sent < most, "{what}: it ends after {sent}");
}

#[tokio::test]
async fn floods_are_told_to_stop() {
    let shop = Shop::open(&["--limit-requests-address", "0"]).await;
    let floods = [
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("answers to PING", frame(PING, ACK, 0, &[7; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("unknown frames", frame(200, 0, 0, &[0; 100])),
    ];
    let floods = floods.map(|(what, frame)| {
        let shop = &shop;
        async move { flood(shop, what, 20_000, |_| frame.clone()).await }
    });
    futures::future::join_all(floods).await;
    // A window update for each byte: as many frames for us to send.
    let (mut frames, mut write) = connect(&shop, 1).await;
    write.write_all(&get(1, "/openapi.json")).await.expect("sent");
    let (mut told, mut bytes) = (false, 0);
    while let Some((kind, _, _, payload)) = frames.next().await {
        told |= kind == GOAWAY;
        if kind == DATA && !told {
            bytes += payload.len();
            let update = frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
            let _ = write.write_all(&update).await;
        }
    }
    assert!(told && bytes < 2000, "{bytes} bytes, one by one");
    assert_eq!(send(shop.get("/livez")).await.status, 200);
}

#[tokio::test]
async fn a_paced_rapid_reset_is_told_to_stop() {
    let shop = Shop::open(&["--limit-requests-address", "0"]).await;
    let reset = |number: u32| {
        let stream = 2 * number + 1;
        [get(stream, "/livez"), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    };
    flood(&shop, "resets", 7_335, reset).await;
    assert_eq!(send(shop.get("/livez")).await.status, 200);
}
