//! What is refused must not cost others: while it goes on, good requests are served by the same process.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{join, time::Instant};

use crate::{
    answer::Answer,
    raw,
    world::{PASSWORD, World},
};

/// Longer than any good request takes on a busy machine.
const PROMPT: Duration = Duration::from_secs(5);

/// Runs `attack` while a good client goes on asking; every request of it is served, by the same process.
async fn beside(world: &World, attack: impl Future<Output = ()>) {
    let (pid, over) = (world.shop.pid(), AtomicBool::new(false));
    let watch = world.watch(&[]).await;
    let good = async {
        let mut served = 0;
        while !over.load(Ordering::Relaxed) || served == 0 {
            let asked = Instant::now();
            world.serves().await;
            assert!(
                asked.elapsed() < PROMPT,
                "a good request took {:?}",
                asked.elapsed()
            );
            served += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    join!(good, async {
        attack.await;
        over.store(true, Ordering::Relaxed);
    });
    world.lives(pid);
    let log = std::fs::read_to_string(world.shop.folder().path().join("log")).unwrap();
    assert!(!log.contains("panicked"), "something panicked");
    assert_eq!(watch.again(world).await, watch.state, "something changed");
}

fn expect(answer: &Answer, status: u16, code: &str) {
    let found = [
        &answer.body["code"],
        &answer.body["errors"][0]["extensions"]["code"],
    ];
    assert!(
        answer.status == status && found.contains(&&json!(code)),
        "{status} {code}, not {} {}",
        answer.status,
        answer.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_and_wrong_types_are_refused_by_their_code() {
    let world = World::new(&[]).await;
    beside(&world, async {
        let good = json!({ "email": "ghost@buyer.example", "password": PASSWORD });
        for (name, value) in [
            ("role", json!("ADMIN")),
            ("isAdmin", json!(true)),
            ("id", json!("user_1")),
        ] {
            let mut body = good.clone();
            body[name] = value;
            let answer = world.send(Method::POST, "/auth/register", None, &body).await;
            expect(&answer, 400, "UNKNOWN_FIELD");
            assert_eq!(answer.body["errors"][0]["field"], name, "{answer:?}");
            let query =
                "mutation($input: AccountRegisterInput!) { accountRegister(input: $input) { accepted } }";
            let input = json!({ "query": query, "variables": { "input": body } });
            expect(&world.post_graphql(None, &input).await, 400, "UNKNOWN_FIELD");
        }
        let types = [
            json!(1),
            json!(true),
            json!(null),
            json!([]),
            json!({ "$gt": "" }),
            json!({ "a": 1 }),
        ];
        for value in types {
            for name in ["email", "password"] {
                let mut body = good.clone();
                body[name] = value.clone();
                for path in ["/auth/register", "/auth/token"] {
                    let answer = world.send(Method::POST, path, None, &body).await;
                    expect(&answer, 400, "VALIDATION_FAILED");
                }
            }
        }
        for body in [json!([]), json!("text"), json!(1), Value::Null] {
            expect(
                &world.send(Method::POST, "/auth/register", None, &body).await,
                400,
                "VALIDATION_FAILED",
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_mebibytes_are_refused_before_they_are_read() {
    let world = World::new(&[]).await;
    beside(&world, async {
        for path in ["/graphql", "/auth/register", "/store/carts"] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 10485760\r\n\r\n"
            );
            // Nothing of the body is sent: the answer is there all the same.
            expect(&raw::send(&world.shop, head.as_bytes()).await, 413, "PAYLOAD_TOO_LARGE");
        }
        let body = json!({ "query": "{ shop { name } }", "variables": { "a": "a".repeat(200 * 1024) } });
        let answer = world.post_graphql(None, &body).await;
        assert_eq!(answer.status, 200, "200 KB are within the limit: {}", answer.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_of_depth_and_aliases_are_refused() {
    let world = World::new(&[]).await;
    beside(&world, async {
        for (depth, code) in [
            (13, "QUERY_TOO_DEEP"),
            (60, "QUERY_TOO_DEEP"),
            (600, "QUERY_TOO_DEEP"),
            (900, "DOCUMENT_TOO_LARGE"),
            (10_000, "DOCUMENT_TOO_LARGE"),
        ] {
            let query = format!(
                "{{ categories {{ {} id {} }} }}",
                "parent { ".repeat(depth),
                "} ".repeat(depth)
            );
            expect(&world.graphql(None, &query, json!({})).await, 400, code);
        }
        let query = format!(
            "{{ shop {{ name }} a: search(query: {}1{}) {{ totalCount }} }}",
            "[".repeat(900),
            "]".repeat(900)
        );
        expect(
            &world.graphql(None, &query, json!({})).await,
            400,
            "QUERY_TOO_DEEP",
        );
        let fields: String = (0..100).map(|n| format!("a{n}: shop {{ name }} ")).collect();
        expect(
            &world.graphql(None, &format!("{{ {fields} }}"), json!({})).await,
            400,
            "TOO_MANY_ALIASES",
        );
        // Fragments within fragments: a short document of two to the twentieth fields.
        let mut query = "{ products(first: 100) { nodes { ...f0 } } } ".to_owned();
        for n in 0..20 {
            query += &format!("fragment f{n} on Product {{ ...f{} ...f{} }} ", n + 1, n + 1);
        }
        query += "fragment f20 on Product { variants { id } }";
        expect(
            &world.graphql(None, &query, json!({})).await,
            400,
            "QUERY_TOO_COMPLEX",
        );
        let fields = "products(first: 100) { nodes { title } } ".repeat(60);
        expect(
            &world.graphql(None, &format!("{{ {fields} }}"), json!({})).await,
            400,
            "QUERY_TOO_COMPLEX",
        );
        let mut deep = "[".repeat(10_000) + &"]".repeat(10_000);
        deep = format!(r#"{{"query":"{{ shop {{ name }} }}","variables":{{"a":{deep}}}}}"#);
        let request = world
            .rest(Method::POST, "/graphql", None)
            .header("content-type", "application/json");
        expect(&Answer::of(request.body(deep)).await, 400, "INVALID_JSON");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_are_not_found_whatever_is_sent() {
    let world = World::new(&[]).await;
    beside(&world, async {
        for path in [
            "/",
            "/admin",
            "/graphql/",
            "/.env",
            "/store/shop/../../etc",
            "/mailbox/x",
            "/store//shop",
            "/%00",
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let answer = world.send(method, path, None, &json!({ "a": 1 })).await;
                expect(&answer, 404, "NOT_FOUND");
            }
        }
        for head in [
            "GET /a\0b HTTP/1.1\r\nhost: shop\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: shop\r\nx: a\0b\r\n\r\n",
        ] {
            let answer = raw::send(&world.shop, head.as_bytes()).await;
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    })
    .await;
}
