//! What the edge refuses before anything runs.

use reqwest::Method;
use serde_json::json;

use super::{
    answer::Answer,
    case::{Case, Provoked, case},
    raw,
    world::{PASSWORD, World},
};

pub(crate) const CASES: &[Case] = &[
    case!(InvalidJson, 400, invalid_json),
    case!(InvalidKey, 400, invalid_key),
    case!(InvalidEncoding, 400, invalid_encoding),
    case!(DuplicateParameter, 400, duplicate_parameter),
    case!(NotFound, 404, not_found),
    case!(MethodNotAllowed, 405, method_not_allowed),
    case!(NotAcceptable, 406, not_acceptable),
    case!(RequestTimeout, 408, request_timeout),
    case!(PayloadTooLarge, 413, payload_too_large),
    case!(UriTooLong, 414, uri_too_long),
    case!(UnsupportedMediaType, 415, unsupported_media_type),
    case!(UnsupportedEncoding, 415, unsupported_encoding),
    case!(RateLimited, 429, rate_limited),
    case!(HeadersTooLarge, 431, headers_too_large),
];

/// A registration that must not happen, as a GraphQL body without its closing brace.
fn registration() -> String {
    format!(
        r#"{{"query":"mutation {{ {} }}""#,
        super::graphql::REGISTER.replace('"', r#"\""#)
    )
}

async fn register(world: &World, body: impl Into<reqwest::Body>) -> Answer {
    let request = world
        .rest(Method::POST, "/auth/register", None)
        .header("content-type", "application/json");
    Answer::of(request.body(body)).await
}

async fn graphql(world: &World, body: impl Into<reqwest::Body>) -> Answer {
    let request = world
        .rest(Method::POST, "/graphql", None)
        .header("content-type", "application/json");
    Answer::of(request.body(body)).await
}

fn ghost() -> serde_json::Value {
    json!({ "email": "ghost@buyer.example", "password": PASSWORD })
}

pub(crate) async fn invalid_json(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let document = registration();
    let mut refusals = Vec::new();
    for end in ["", ",}", "} {}", r#","query":"{ shop { name } }"}"#] {
        refusals.push(graphql(world, format!("{document}{end}")).await.request());
    }
    for body in [
        String::new(),
        "{".into(),
        "[".repeat(10_000),
        r#"{"email":"a","email":"b"}"#.into(),
    ] {
        refusals.push(register(world, body).await.problem());
    }
    Provoked::without_effect(watch, refusals)
}

async fn invalid_key(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let mut refusals = vec![
        graphql(world, format!(r#"{},"$where":"1"}}"#, registration()))
            .await
            .request(),
    ];
    for key in ["$where", "a.b"] {
        let mut body = ghost();
        body[key] = json!(1);
        refusals.push(
            world
                .send(Method::POST, "/auth/register", None, &body)
                .await
                .problem(),
        );
    }
    Provoked::without_effect(watch, refusals)
}

async fn invalid_encoding(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let bodies: [&[u8]; 4] = [
        b"{\"email\":\"gh\xffost@buyer.example\",\"password\":\"a lamp for every desk\"}",
        b"\xef\xbb\xbf{\"email\":\"ghost@buyer.example\",\"password\":\"a lamp for every desk\"}",
        b"{\"email\":\"ghost@buyer.example\",\"password\":\"a lamp \\ud800 for every desk\"}",
        b"{\"email\":\"ghost@buyer.example\",\"password\":\"a lamp \\u0000 for every desk\"}",
    ];
    let mut refusals = Vec::new();
    for body in bodies {
        refusals.push(register(world, body).await.problem());
    }
    let body = [registration().as_bytes(), b",\"operationName\":\"\xff\"}"].concat();
    refusals.push(graphql(world, body).await.request());
    Provoked::without_effect(watch, refusals)
}

async fn duplicate_parameter(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let rest = world
        .send(Method::POST, "/auth/register?id=1&id=2", None, &ghost())
        .await;
    let list = Answer::of(world.rest(Method::GET, "/store/products?limit=1&limit=2", None)).await;
    let body = json!({ "query": format!("mutation {{ {} }}", super::graphql::REGISTER) });
    let graphql = world.send(Method::POST, "/graphql?a=1&a=1", None, &body).await;
    Provoked::without_effect(watch, vec![rest.problem(), list.problem(), graphql.request()])
}

async fn not_found(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let mut refusals = Vec::new();
    for path in [
        "/nowhere",
        "/auth/registers",
        "/..%2f..%2fetc/passwd",
        "/store/%252e%252e/shop",
    ] {
        refusals.push(world.send(Method::POST, path, None, &ghost()).await.problem());
    }
    // Of the right form, without an owner.
    let cart = "cart_01JZ0000000000000000000000";
    let line = json!({ "variantId": world.lamp, "quantity": 1 });
    let path = format!("/store/carts/{cart}/line-items");
    refusals.push(world.send(Method::POST, &path, None, &line).await.problem());
    let query =
        "mutation($cart: ID!, $lines: [CartLineInput!]!) { cartLinesAdd(cartId: $cart, lines: $lines) {
        cart { id } userErrors { code field message } } }";
    let answer = world
        .graphql(None, query, json!({ "cart": cart, "lines": [line] }))
        .await;
    refusals.push(answer.user_error("cartLinesAdd"));
    Provoked::without_effect(watch, refusals)
}

async fn method_not_allowed(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let rest = world.send(Method::PUT, "/auth/register", None, &ghost()).await;
    let delete = Answer::of(world.rest(Method::DELETE, "/store/products", None)).await;
    // A query in an address would end in logs and caches; a mutation there could be a link.
    let path = format!(
        "/graphql?query=mutation+%7B{}%7D",
        super::graphql::REGISTER.replace(' ', "+").replace('"', "%22")
    );
    let get = Answer::of(world.rest(Method::GET, &path, None)).await;
    Provoked::without_effect(watch, vec![rest.problem(), delete.problem(), get.request()])
}

async fn not_acceptable(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let xml = |request: reqwest::RequestBuilder| request.header("accept", "application/xml");
    let rest = Answer::of(xml(world.rest(Method::POST, "/auth/register", None)).json(&ghost())).await;
    let body = json!({ "query": format!("mutation {{ {} }}", super::graphql::REGISTER) });
    // GraphQL's media type is not acceptable either: a problem says so.
    let graphql = Answer::of(xml(world.rest(Method::POST, "/graphql", None)).json(&body)).await;
    Provoked::without_effect(watch, vec![rest.problem(), graphql.problem()])
}

async fn request_timeout(_: &World) -> Provoked {
    let world = World::new(&[("COMPTOIR_LIMIT_REQUEST", "3")]).await;
    let watch = world.watch(&[]).await;
    let body = ghost().to_string();
    let head = format!(
        "POST /auth/register HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // Everything but the last byte.
    let answer = raw::send(
        &world.shop,
        format!("{head}{}", &body[..body.len() - 1]).as_bytes(),
    )
    .await;
    assert_eq!(watch.again(&world).await, watch.state, "it had an effect");
    Provoked::compared(vec![answer.problem()])
}

async fn payload_too_large(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let padding = " ".repeat(10 * 1024 * 1024);
    let head = "POST /auth/register HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n";
    // Declared, it is refused before any of it is sent; undeclared, while it arrives.
    let declared = raw::send(
        &world.shop,
        format!("{head}content-length: 10485760\r\n\r\n").as_bytes(),
    )
    .await;
    let chunk = format!(
        "{head}transfer-encoding: chunked\r\n\r\n80000\r\n{}",
        " ".repeat(0x80000)
    );
    let chunked = raw::send(&world.shop, chunk.as_bytes()).await;
    let graphql = graphql(world, format!("{}{}}}", registration(), &padding[..300 * 1024])).await;
    Provoked::without_effect(
        watch,
        vec![declared.problem(), chunked.problem(), graphql.request()],
    )
}

async fn uri_too_long(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let long = "a".repeat(16 * 1024);
    let rest = world
        .send(Method::POST, &format!("/auth/register?q={long}"), None, &ghost())
        .await;
    let list = Answer::of(world.rest(Method::GET, &format!("/store/products/{long}"), None)).await;
    Provoked::without_effect(watch, vec![rest.problem(), list.problem()])
}

async fn unsupported_media_type(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let mut refusals = Vec::new();
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let request = |path| {
            world
                .rest(Method::POST, path, None)
                .header("content-type", media_type)
        };
        refusals.push(
            Answer::of(request("/auth/register").body(ghost().to_string()))
                .await
                .problem(),
        );
        refusals.push(
            Answer::of(request("/graphql").body(format!("{}}}", registration())))
                .await
                .request(),
        );
    }
    refusals.push(
        Answer::of(
            world
                .rest(Method::POST, "/auth/register", None)
                .body(ghost().to_string()),
        )
        .await
        .problem(),
    );
    Provoked::without_effect(watch, refusals)
}

async fn unsupported_encoding(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let mut refusals = Vec::new();
    for encoding in ["gzip", "br", "gzip,gzip,br", "nonsense"] {
        let request = |path| {
            world
                .rest(Method::POST, path, None)
                .header("content-encoding", encoding)
        };
        refusals.push(
            Answer::of(request("/auth/register").json(&ghost()))
                .await
                .problem(),
        );
        let body = json!({ "query": format!("mutation {{ {} }}", super::graphql::REGISTER) });
        refusals.push(Answer::of(request("/graphql").json(&body)).await.request());
    }
    Provoked::without_effect(watch, refusals)
}

async fn rate_limited(_: &World) -> Provoked {
    let world = World::new(&[("COMPTOIR_LIMIT_REQUESTS_ADDRESS", "8")]).await;
    // Staff are counted by user, and not limited here. The sandbox's mailbox is, so it is not read.
    let query = "{ adminUsers(first: 100) { totalCount } }";
    let admin = world.admin().await;
    let before = world.shop.graphql(Some(&admin), query, json!({})).await;
    let mut last = 200;
    for _ in 0..8 {
        last = Answer::of(world.rest(Method::GET, "/store/shop", None))
            .await
            .status;
    }
    assert_eq!(last, 429);
    let rest = world.send(Method::POST, "/auth/register", None, &ghost()).await;
    let body = json!({ "query": format!("mutation {{ {} }}", super::graphql::REGISTER) });
    let graphql = world.post_graphql(None, &body).await;
    // The address in a client's header is ignored.
    let request = world
        .rest(Method::POST, "/auth/register", None)
        .header("x-forwarded-for", "192.0.2.7");
    let forged = Answer::of(request.json(&ghost())).await;
    assert_eq!(rest.header("x-ratelimit-limit"), "8");
    assert_eq!(rest.header("x-ratelimit-remaining"), "0");
    assert_eq!(
        world.shop.graphql(Some(&admin), query, json!({})).await,
        before,
        "it had an effect"
    );
    Provoked::compared(vec![rest.problem(), graphql.request(), forged.problem()])
}

async fn headers_too_large(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let body = ghost().to_string();
    let head = format!(
        "POST /auth/register HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx: {}\r\n\r\n",
        body.len(),
        "a".repeat(40 * 1024)
    );
    let answer = raw::send(&world.shop, format!("{head}{body}").as_bytes()).await;
    Provoked::without_effect(watch, vec![answer.problem()])
}
