//! Refused requests must not cost other clients: meanwhile the same process serves good requests.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use comptoir_mesh::error::{ErrorReason, Reason as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{join, time::Instant};

use super::{
    answer::Answer,
    raw,
    world::{PASSWORD, World},
};

/// Longer than any good request takes on a busy machine.
const PROMPT: Duration = Duration::from_secs(15);

/// Runs `attack` while a good client keeps calling; the same process must serve each of its requests.
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
            // The body is not sent. The response arrives nevertheless, and closes the connection.
            let answer = raw::send(&world.shop, head.as_bytes()).await;
            expect(&answer, 413, "PAYLOAD_TOO_LARGE");
            assert_eq!(answer.header("connection"), "close", "{answer:?}");
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
            "/home",
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

/// Every operation of the OpenAPI document, by every kind of caller, with bodies, ids and parameters that fit nothing: each is
/// refused by a code, and causes no defect.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_refuses_nonsense() {
    let world = World::new(&[]).await;
    let document = Answer::of(world.rest(Method::GET, "/openapi.json", None))
        .await
        .body;
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().unwrap().keys() {
            operations.push((
                Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path.clone(),
            ));
        }
    }
    assert!(operations.len() > 40, "{operations:?}");
    let admin = world.admin().await;
    let bodies = [
        json!(null),
        json!([]),
        json!({}),
        json!({ "$where": "1" }),
        json!({ "quantity": -1, "lines": [null], "email": { "$ne": 1 }, "variants": "x", "delta": 1e300 }),
        json!({ "title": "x".repeat(100_000), "variants": [{ "price": "1e9999", "quantity": i64::MIN }] }),
        json!({ "email": "a@b", "password": "\u{202e}".repeat(3000), "token": "' OR 1=1--", "delta": 9_007_199_254_740_993_i64 }),
    ];
    let ids = [
        "0",
        "-1",
        "1e9",
        "cart_",
        "order_01JZ0000000000000000000000",
        "%F0%9F%92%A9",
        "a'b",
        "..;",
        "*",
    ];
    beside(&world, async {
        let mut asked = 0;
        for (method, path) in &operations {
            for (n, id) in ids.iter().enumerate() {
                let segments = path
                    .split('/')
                    .map(|part| if part.starts_with('{') { *id } else { part });
                let mut url = segments.collect::<Vec<_>>().join("/");
                if *method == Method::GET && n > 2 {
                    url += [
                        "?limit=NaN",
                        "?cursor=AAAA",
                        "?sort=-",
                        "?query=%25_%5C",
                        "?priceMin=-1",
                        "?x[$ne]=1",
                    ][n - 3];
                }
                for (token, body) in [
                    (None, &bodies[n % bodies.len()]),
                    (Some(admin.as_str()), &bodies[n % bodies.len()]),
                ] {
                    // Signing out everywhere would end the good client's session too.
                    if path.contains("logout") {
                        continue;
                    }
                    let request = world
                        .rest(method.clone(), &url, token)
                        .header("idempotency-key", "key");
                    let request = request.header("if-match", "\"1-a\"");
                    let request = if *method == Method::GET {
                        request
                    } else {
                        request.json(body)
                    };
                    let answer = Answer::of(request).await;
                    let says = || format!("{method} {url} {body}: {} {}", answer.status, answer.text);
                    assert!(answer.status < 500, "{}", says());
                    if answer.status >= 400 {
                        assert_eq!(
                            answer.header("content-type"),
                            "application/problem+json",
                            "{}",
                            says()
                        );
                        let code = answer.body["code"].as_str().unwrap_or_default();
                        let reason = ErrorReason::from_code(code).unwrap_or_else(|| panic!("{}", says()));
                        answer.clone().problem().check(code, reason.http_status());
                    }
                    asked += 1;
                }
            }
        }
        assert!(asked > 500, "{asked}");
    })
    .await;
}
