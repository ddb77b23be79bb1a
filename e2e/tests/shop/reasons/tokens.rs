//! Refusals of tokens; and, at a fail point of a refresh, a defect and a call that takes too long.

use std::time::Duration;

use comptoir_e2e::{calls, shop::eventually};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use super::{
    answer::Answer,
    case::{Case, Provoked, case},
    world::{Customer, PASSWORD, World},
};

pub(crate) const CASES: &[Case] = &[
    case!(TokenInvalid, 401, token_invalid),
    case!(TokenExpired, 401, token_expired),
    case!(TokenRevoked, 401, token_revoked),
    case!(TokenReused, 401, token_reused),
    case!(DeadlineExceeded, 504, deadline_exceeded),
    case!(Internal, 500, internal),
];

const RENAME: &str =
    "mutation { accountUpdate(firstName: \"Mallory\") { user { id } userErrors { code field message } } }";
const REFRESH: &str = "mutation($token: String!) { tokenRefresh(refreshToken: $token) {
    accessToken userErrors { code field message } } }";

/// How many sessions a customer has.
pub(crate) async fn sessions(world: &World, customer: &Customer) -> usize {
    let data = world
        .shop
        .graphql(Some(&customer.access), "{ me { sessions { id } } }", json!({}))
        .await;
    data["me"]["sessions"].as_array().unwrap().len()
}

/// Refreshes, by GraphQL and by REST.
async fn refresh(world: &World, token: &str) -> (Answer, Answer) {
    let graphql = world.graphql(None, REFRESH, json!({ "token": token })).await;
    let body = json!({ "refreshToken": token });
    (
        graphql,
        world.send(Method::POST, "/auth/token/refresh", None, &body).await,
    )
}

/// Renames the caller, by GraphQL and by REST.
pub(crate) async fn rename(world: &World, token: Option<&str>) -> (Answer, Answer) {
    let graphql = world.graphql(token, RENAME, json!({})).await;
    (
        graphql,
        world
            .send(
                Method::PATCH,
                "/auth/me",
                token,
                &json!({ "firstName": "Mallory" }),
            )
            .await,
    )
}

async fn token_invalid(world: &World) -> Provoked {
    let customer = world.customer("invalid").await;
    let watch = world.watch(&[]).await;
    let parts: Vec<&str> = customer.access.split('.').collect();
    // {"alg":"none","typ":"JWT"}
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    let forged = format!("{}.{}x.{}", parts[0], parts[1], parts[2]);
    let mut refusals = Vec::new();
    for token in [
        "nonsense",
        &none,
        &forged,
        &format!("{}=", customer.access),
        &customer.refresh,
    ] {
        let (graphql, rest) = rename(world, Some(token)).await;
        refusals.extend([graphql.request(), rest.problem()]);
    }
    let basic = world
        .rest(Method::PATCH, "/auth/me", None)
        .header("authorization", "Basic QTpC");
    refusals.push(
        Answer::of(basic.json(&json!({ "firstName": "Mallory" })))
            .await
            .problem(),
    );
    let (graphql, rest) = refresh(world, "nonsense").await;
    refusals.extend([graphql.user_error("tokenRefresh"), rest.problem()]);
    let query = "mutation { accountConfirm(token: \"guessed\") { userErrors { code field message } } }";
    refusals.push(
        world
            .graphql(None, query, json!({}))
            .await
            .user_error("accountConfirm"),
    );
    let body = json!({ "token": "guessed", "newPassword": "another lamp for the desk" });
    refusals.push(
        world
            .send(Method::POST, "/auth/password-reset/confirm", None, &body)
            .await
            .problem(),
    );
    Provoked::without_effect(watch, refusals)
}

/// No test waits for a month: while the shop is closed, the sessions in its store become older.
async fn token_expired(_: &World) -> Provoked {
    let mut world = World::new(&[]).await;
    let customer = world.customer("expired").await;
    world.shop.stop().await;
    let file = world.shop.folder().path().join("data").join("auth.db");
    let mut store = SqliteConnectOptions::new()
        .filename(file)
        .connect()
        .await
        .unwrap();
    let older = "UPDATE sessions SET document = json_set(document, '$.last_used_at', 0)";
    let aged = sqlx::query(older)
        .execute(&mut store)
        .await
        .unwrap()
        .rows_affected();
    store.close().await.unwrap();
    assert!(aged > 0, "no session was there");
    world.shop.restart(&[]).await;
    let watch = world.watch(&[]).await;
    let (graphql, rest) = refresh(&world, &customer.refresh).await;
    assert!(
        graphql.body["data"]["tokenRefresh"]["accessToken"].is_null(),
        "{graphql:?}"
    );
    assert_eq!(watch.again(&world).await, watch.state, "it had an effect");
    Provoked::compared(vec![graphql.user_error("tokenRefresh"), rest.problem()])
}

async fn token_revoked(world: &World) -> Provoked {
    let customer = world.customer("revoked").await;
    let query = "mutation { tokensRevokeAll { accepted } }";
    world.shop.graphql(Some(&customer.access), query, json!({})).await;
    let watch = world.watch(&[]).await;
    // The refresh token ends at once, the access token within a minute.
    let (graphql, rest) = refresh(world, &customer.refresh).await;
    let mut refusals = vec![graphql.user_error("tokenRefresh"), rest.problem()];
    eventually("the access token ends", Duration::from_secs(60), || async {
        let answer = world
            .graphql(Some(&customer.access), "{ me { id } }", json!({}))
            .await;
        (answer.status == 401).then_some(())
    })
    .await;
    let (graphql, rest) = rename(world, Some(&customer.access)).await;
    refusals.extend([graphql.request(), rest.problem()]);
    Provoked::without_effect(watch, refusals)
}

async fn token_reused(world: &World) -> Provoked {
    let first = world.customer("reused").await;
    let other = world.sign_in(&first.email).await;
    let data = world
        .shop
        .graphql(None, REFRESH, json!({ "token": first.refresh }))
        .await;
    assert_eq!(data["tokenRefresh"]["userErrors"], json!([]), "{data}");
    let watch = world.watch(&[]).await;
    let (graphql, rest) = refresh(world, &first.refresh).await;
    // Its session ends, and no other.
    assert_eq!(sessions(world, &other).await, 1);
    Provoked::without_effect(watch, vec![graphql.user_error("tokenRefresh"), rest.problem()])
}

/// Longer than the request may take, at a fail point of a refresh.
async fn deadline_exceeded(_: &World) -> Provoked {
    let points = "auth.session.rotate.before=1*sleep(7000)->off";
    let world = World::new(&[("COMPTOIR_LIMIT_REQUEST", "3"), ("FAILPOINTS", points)]).await;
    let customer = world.customer("slow").await;
    let body = json!({ "refreshToken": customer.refresh, "requestId": "the-request" });
    let late = world.send(Method::POST, "/auth/token/refresh", None, &body).await;
    // The outcome is unknown; the same call again returns it.
    let again = world.send(Method::POST, "/auth/token/refresh", None, &body).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(sessions(&world, &customer).await, 1);
    world.serves().await;
    Provoked::compared(vec![late.problem()])
}

/// A defect, at a fail point of a refresh.
async fn internal(_: &World) -> Provoked {
    let world = World::new(&[("FAILPOINTS", "auth.session.rotate.before=2*panic->off")]).await;
    let customer = world.customer("defect").await;
    let pid = world.shop.pid();
    let watch = world.watch(&[]).await;
    let (graphql, rest) = refresh(&world, &customer.refresh).await;
    assert_eq!(
        rest.body["detail"], "Something went wrong on our side.",
        "it says nothing"
    );
    assert_eq!(watch.again(&world).await, watch.state, "it had an effect");
    // The token was not used up.
    let (graphql_after, _) = refresh(&world, &customer.refresh).await;
    assert!(
        graphql_after.body["data"]["tokenRefresh"]["accessToken"].is_string(),
        "{graphql_after:?}"
    );
    assert_eq!(world.shop.pid(), pid);
    let log = std::fs::read_to_string(world.shop.folder().path().join("log")).unwrap();
    let id = rest.header("x-request-id");
    assert!(log.contains(id), "the request id finds it in the log");
    for secret in [
        calls::ADMIN_PASSWORD,
        PASSWORD,
        customer.refresh.as_str(),
        customer.access.as_str(),
    ] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    let error: &Value = &graphql.body["errors"][0]["extensions"];
    assert!(error["requestId"].is_string(), "{error}");
    Provoked::compared(vec![graphql.field("tokenRefresh"), rest.problem()])
}
