//! How many connections there may be.

use comptoir_mesh::testing::PATIENCE;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::served::Shop;
use crate::support::until;

/// A connection from this address.
async fn connect(shop: &Shop, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = format!("{from}:0").parse().expect("an address");
    socket.bind(from).expect("an address of this machine");
    socket.connect(shop.address).await.expect("a connection")
}

/// What a connection hears that says this.
async fn says(mut socket: TcpStream, said: &[u8]) -> Vec<u8> {
    // It may be closed already.
    let _ = socket.write_all(said).await;
    let mut heard = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut heard)).await;
    let _ = read.expect("an answer and the end");
    heard
}

async fn asks(shop: &Shop, from: &str) -> String {
    let request = b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let heard = says(connect(shop, from).await, request).await;
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn an_address_with_too_many_is_refused_and_others_are_not() {
    let shop = Shop::open(&["--limit-connections-address", "20"]).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(connect(&shop, "127.0.0.1").await);
    }
    let refused = asks(&shop, "127.0.0.1").await;
    assert!(
        refused.starts_with("HTTP/1.1 429 Too Many Requests\r\n")
            && refused.contains("retry-after: 5\r\n")
            && refused.contains("\"code\":\"RATE_LIMITED\""),
        "{refused}"
    );
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let refused = says(connect(&shop, "127.0.0.1").await, preface).await;
    assert_eq!(refused.get(12), Some(&7), "GOAWAY after SETTINGS: {refused:?}");
    let other = asks(&shop, "127.0.0.2").await;
    assert!(other.starts_with("HTTP/1.1 200 OK"), "{other}");
    // The places of those that go are free.
    idle.truncate(10);
    until("there is room", async || {
        asks(&shop, "127.0.0.1").await.starts_with("HTTP/1.1 200 OK")
    })
    .await;
}

#[tokio::test]
async fn a_trusted_proxy_has_as_many_as_it_needs() {
    let shop = Shop::open(&[
        "--limit-connections-address",
        "5",
        "--trusted-proxies",
        "127.0.0.1",
    ])
    .await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(connect(&shop, "127.0.0.1").await);
    }
    let answer = asks(&shop, "127.0.0.1").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn more_than_all_places_are_refused_and_do_not_wait() {
    let shop = Shop::open(&["--limit-connections", "5"]).await;
    let mut idle = Vec::new();
    for number in 1..=5 {
        idle.push(connect(&shop, &format!("127.0.0.{number}")).await);
    }
    let refused = asks(&shop, "127.0.0.9").await;
    assert!(
        refused.starts_with("HTTP/1.1 503 ")
            && refused.contains("retry-after: 5\r\n")
            && refused.contains("\"code\":\"OVERLOADED\""),
        "{refused}"
    );
}

#[tokio::test]
async fn a_web_socket_keeps_its_place() {
    let shop = Shop::open(&["--limit-connections-address", "2"]).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut request = format!("ws://{}/graphql", shop.address)
            .into_client_request()
            .expect("a request");
        let protocol = "graphql-transport-ws".parse().expect("a value");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        sockets.push(connect_async(request).await.expect("a socket"));
    }
    let refused = asks(&shop, "127.0.0.1").await;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    drop(sockets);
    until("their places are free", async || {
        asks(&shop, "127.0.0.1").await.starts_with("HTTP/1.1 200 OK")
    })
    .await;
}
