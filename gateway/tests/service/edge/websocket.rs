//! graphql-transport-ws.

use std::time::Duration;

use comptoir_mesh::testing::token_with;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::served::{Shop, send};
use crate::support::until;

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

async fn connect(shop: &Shop, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{}/graphql", shop.address)
        .into_client_request()
        .expect("a request");
    request.headers_mut().insert(
        "sec-websocket-protocol",
        "graphql-transport-ws".parse().expect("a value"),
    );
    for (name, value) in headers {
        request
            .headers_mut()
            .insert(*name, value.parse().expect("a value"));
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(Socket(socket)),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("no WebSocket: {error}"),
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Socket")
    }
}

impl Socket {
    async fn say(&mut self, message: Value) {
        self.0
            .send(Message::Text(message.to_string().into()))
            .await
            .expect("sent");
    }

    /// The next message, or the code that the socket was closed with.
    async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(15), self.0.next())
                .await
                .expect("a message in time");
            match next.expect("a message").expect("a whole message") {
                Message::Text(text) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Message::Close(frame) => return Err(frame.expect("a code").code.into()),
                _ => {}
            }
        }
    }

    async fn begin(&mut self, payload: Value) {
        self.say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(self.hear().await, Ok(json!({ "type": "connection_ack" })));
    }

    async fn subscribe(&mut self, id: &str, document: &str) {
        self.say(json!({ "id": id, "type": "subscribe", "payload": { "query": document } }))
            .await;
    }
}

#[tokio::test]
async fn a_subscription_runs_to_its_end() {
    let shop = Shop::open(&[]).await;
    let mut socket = connect(&shop, &[]).await.expect("a socket");
    socket.begin(Value::Null).await;
    socket
        .subscribe(
            "1",
            "subscription { orderUpdated(accessToken: \"let-me-in\") { version } }",
        )
        .await;
    for version in [1, 2] {
        let message = socket.hear().await.expect("a message");
        assert_eq!(
            message["payload"]["data"]["orderUpdated"]["version"], version,
            "{message}"
        );
    }
    assert_eq!(socket.hear().await, Ok(json!({ "id": "1", "type": "complete" })));
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await, Ok(json!({ "type": "pong" })));
}

#[tokio::test]
async fn operations_pass_the_same_checks() {
    let shop = Shop::open(&[]).await;
    let mut socket = connect(&shop, &[]).await.expect("a socket");
    socket.begin(json!({})).await;
    socket
        .subscribe("1", "{ product(slug: \"lamp\") { title } }")
        .await;
    assert_eq!(
        socket.hear().await.expect("an answer")["payload"]["data"]["product"]["title"],
        "Lamp"
    );
    assert_eq!(socket.hear().await.expect("the end")["type"], "complete");
    let costly = format!("{{ {} }}", "products(first: 100) { nodes { id } } ".repeat(60));
    for (document, code) in [
        (costly.as_str(), "QUERY_TOO_COMPLEX"),
        ("{ nothing }", "VALIDATION_FAILED"),
        (
            "subscription { orderUpdated(accessToken: \"wrong\") { version } }",
            "NOT_FOUND",
        ),
    ] {
        socket.subscribe("2", document).await;
        let answer = socket.hear().await.expect("an answer");
        let code_of = answer
            .pointer("/payload/0/extensions/code")
            .or(answer.pointer("/payload/errors/0/extensions/code"));
        assert_eq!(code_of, Some(&json!(code)), "{answer}");
        if answer["type"] == "next" {
            assert_eq!(socket.hear().await.expect("the end")["type"], "complete");
        }
    }
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_its_code() {
    let shop = Shop::open(&[]).await;
    for (messages, code) in [
        (
            vec![json!({ "id": "1", "type": "subscribe", "payload": { "query": "{ __typename }" } })],
            4401,
        ),
        (
            vec![
                json!({ "type": "connection_init" }),
                json!({ "type": "connection_init" }),
            ],
            4429,
        ),
        (vec![json!({ "type": "nonsense" })], 4400),
        (vec![json!([])], 4400),
        (
            vec![json!({ "type": "connection_init", "payload": { "authorization": "Bearer bad" } })],
            4403,
        ),
        (
            vec![json!({ "type": "connection_init", "payload": { "authorization": 1 } })],
            4403,
        ),
    ] {
        let mut socket = connect(&shop, &[]).await.expect("a socket");
        for message in &messages {
            socket.say(message.clone()).await;
        }
        let closed = loop {
            if let Err(code) = socket.hear().await {
                break code;
            }
        };
        assert_eq!(closed, code, "{messages:?}");
    }
}

#[tokio::test]
async fn an_upgrade_is_refused_by_origin_token_and_protocol() {
    let shop = Shop::open(&["--cors-origins", "https://shop.example"]).await;
    assert!(
        connect(&shop, &[("origin", "https://shop.example")])
            .await
            .is_ok()
    );
    assert_eq!(
        connect(&shop, &[("origin", "https://evil.example")]).await.err(),
        Some(403)
    );
    assert_eq!(
        connect(&shop, &[("authorization", "Bearer bad")]).await.err(),
        Some(401)
    );
    assert_eq!(
        connect(&shop, &[("sec-websocket-protocol", "graphql-ws")])
            .await
            .err(),
        Some(400)
    );
}

#[tokio::test]
async fn an_expired_token_closes_the_socket() {
    let shop = Shop::open(&[]).await;
    let token = token_with(&shop.test.env, |claims| claims.exp = claims.iat + 1);
    let mut socket = connect(&shop, &[]).await.expect("a socket");
    socket
        .begin(json!({ "authorization": format!("Bearer {token}") }))
        .await;
    assert_eq!(socket.hear().await, Err(4403));
}

#[tokio::test]
async fn who_does_not_begin_is_closed() {
    let shop = Shop::open(&[]).await;
    let mut socket = connect(&shop, &[]).await.expect("a socket");
    assert_eq!(socket.hear().await, Err(4408));
}

#[tokio::test]
async fn an_address_has_so_many_sockets() {
    let shop = Shop::open(&["--limit-streams-address", "2"]).await;
    let first = connect(&shop, &[]).await.expect("a socket");
    let _second = connect(&shop, &[]).await.expect("a socket");
    assert_eq!(connect(&shop, &[]).await.err(), Some(429));
    drop(first);
    until("the place is free again", async || {
        connect(&shop, &[]).await.is_ok()
    })
    .await;
}

const FOLLOWING: &str = "subscription { orderUpdated(accessToken: \"open-end\") { version } }";

fn version(message: &Value) -> &Value {
    &message["payload"]["data"]["orderUpdated"]["version"]
}

#[tokio::test]
async fn an_id_used_again_at_once_belongs_to_the_newer_operation() {
    let shop = Shop::open(&["--limit-requests-address", "0", "--limit-streams-address", "0"]).await;
    // What is ended has put its last message into the queue in some of the rounds alone.
    for round in 0..100 {
        let mut socket = connect(&shop, &[]).await.expect("a socket");
        socket.begin(Value::Null).await;
        socket.subscribe("1", "{ __typename }").await;
        socket.say(json!({ "id": "1", "type": "complete" })).await;
        socket.subscribe("1", FOLLOWING).await;
        // The first answer of the newer one; the older one may have been answered before it was ended.
        loop {
            let message = socket.hear().await.expect("a message");
            if *version(&message) == json!(1) {
                break;
            }
        }
        socket.subscribe("1", FOLLOWING).await;
        assert_eq!(
            socket.hear().await,
            Err(4409),
            "round {round}: it is not on the list"
        );
    }
}

#[tokio::test]
async fn what_many_follow_is_executed_and_read_once() {
    let shop = Shop::open(&[]).await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        let mut socket = connect(&shop, &[]).await.expect("a socket");
        socket.begin(Value::Null).await;
        for id in ["1", "2", "3"] {
            socket.subscribe(id, FOLLOWING).await;
            assert_eq!(version(&socket.hear().await.expect("a message")), 1);
        }
        sockets.push(socket);
    }
    assert_eq!(
        shop.fakes.count("watch_order"),
        1,
        "one stream for all that ask for the same"
    );
    shop.lamp.change_order(2);
    for socket in &mut sockets {
        let mut ids = Vec::new();
        for _ in 0..3 {
            let message = socket.hear().await.expect("a message");
            assert_eq!(version(&message), 2);
            ids.push(message["id"].as_str().expect("an id").to_owned());
        }
        ids.sort();
        assert_eq!(ids, ["1", "2", "3"]);
    }
    // Another right, another answer.
    let mut stranger = connect(&shop, &[]).await.expect("a socket");
    stranger.begin(Value::Null).await;
    stranger
        .subscribe("1", &FOLLOWING.replace("open-end", "wrong"))
        .await;
    let refused = stranger.hear().await.expect("a refusal");
    assert_eq!(
        refused.pointer("/payload/errors/0/extensions/code"),
        Some(&json!("NOT_FOUND")),
        "{refused}"
    );
    // The last one to leave ends what is shared.
    drop(sockets);
    until("the stream is ended", async || !shop.lamp.is_followed()).await;
}

#[tokio::test]
async fn what_fails_for_one_is_asked_again_by_the_right_of_the_others() {
    let shop = Shop::open(&[]).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut socket = connect(&shop, &[]).await.expect("a socket");
        socket.begin(Value::Null).await;
        socket.subscribe("1", FOLLOWING).await;
        assert_eq!(version(&socket.hear().await.expect("a message")), 1);
        sockets.push(socket);
    }
    assert_eq!(shop.fakes.count("watch_order"), 1);
    shop.lamp.change_order(crate::support::lamp::REFUSED);
    for socket in &mut sockets {
        let message = socket.hear().await.expect("a message");
        assert_eq!(
            message.pointer("/payload/errors/0/extensions/code"),
            Some(&json!("NOT_FOUND")),
            "{message}"
        );
        assert_eq!(socket.hear().await.expect("the end")["type"], "complete");
    }
    assert_eq!(shop.fakes.count("watch_order"), 2, "the second made its own call");
}

#[tokio::test]
async fn beyond_the_streams_of_a_gateway_who_follows_is_refused_and_nobody_else() {
    let shop = Shop::open(&["--limit-streams", "3"]).await;
    let mut socket = connect(&shop, &[]).await.expect("a socket");
    socket.begin(Value::Null).await;
    for id in ["1", "2", "3"] {
        socket.subscribe(id, FOLLOWING).await;
        assert_eq!(version(&socket.hear().await.expect("a message")), 1);
    }
    socket.subscribe("4", FOLLOWING).await;
    let refused = socket.hear().await.expect("a refusal");
    assert_eq!(
        refused.pointer("/payload/0/extensions/code"),
        Some(&json!("OVERLOADED")),
        "{refused}"
    );
    let events = "/store/orders/order_01J000000000000000000000RD/events?accessToken=open-end";
    assert_eq!(send(shop.get(events)).await.code(), "503 OVERLOADED");
    let lamp = shop.query("{ product(slug: \"lamp\") { title } }").await;
    assert_eq!(lamp.status, 200);
    socket.say(json!({ "id": "1", "type": "complete" })).await;
    let mut second = connect(&shop, &[]).await.expect("a socket");
    second.begin(Value::Null).await;
    until("the place is free again", async || {
        second.subscribe("1", FOLLOWING).await;
        second.hear().await.expect("an answer")["type"] == "next"
    })
    .await;
}
