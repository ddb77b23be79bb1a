//! What auth refuses about roles, passwords and attempts.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::{
    answer::Answer,
    case::{Case, Provoked, case},
    tokens::{rename, sessions},
    world::{PASSWORD, World},
};

pub(crate) const CASES: &[Case] = &[
    case!(Unauthenticated, 401, unauthenticated),
    case!(InvalidCredentials, 401, invalid_credentials),
    case!(Forbidden, 403, forbidden),
    case!(ReauthRequired, 403, reauth_required),
    case!(WeakPassword, 422, weak_password),
    case!(InvalidText, 422, invalid_text),
    case!(TooManyAttempts, 429, too_many_attempts),
    case!(Overloaded, 503, overloaded),
];

/// Signs in, by GraphQL and by REST.
async fn sign_in(world: &World, email: &str, password: &str) -> (Answer, Answer) {
    let query =
        "mutation($email: String!, $password: String!) { tokenCreate(email: $email, password: $password) {
        accessToken userErrors { code field message } } }";
    let body = json!({ "email": email, "password": password });
    let graphql = world.graphql(None, query, body.clone()).await;
    (
        graphql,
        world.send(Method::POST, "/auth/token", None, &body).await,
    )
}

async fn unauthenticated(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let (graphql, rest) = rename(world, None).await;
    let list = world.graphql(None, "{ orders { totalCount } }", json!({})).await;
    let admin = world
        .send(Method::POST, "/admin/products", None, &json!({}))
        .await;
    Provoked::without_effect(
        watch,
        vec![
            graphql.field("accountUpdate"),
            rest.problem(),
            list.field("orders"),
            admin.problem(),
        ],
    )
}

async fn invalid_credentials(world: &World) -> Provoked {
    let customer = world.customer("wrong").await;
    let (watch, before) = (world.watch(&[]).await, sessions(world, &customer).await);
    let (graphql, rest) = sign_in(world, &customer.email, "not the password").await;
    let (unknown, unknown_rest) = sign_in(world, "unknown@buyer.example", PASSWORD).await;
    assert_eq!(
        graphql.body["data"], unknown.body["data"],
        "the same for an account that is not there"
    );
    assert_eq!(rest.body["detail"], unknown_rest.body["detail"]);
    assert_eq!(sessions(world, &customer).await, before);
    let refusals = vec![
        graphql.user_error("tokenCreate"),
        rest.problem(),
        unknown.user_error("tokenCreate"),
        unknown_rest.problem(),
    ];
    Provoked::without_effect(watch, refusals)
}

async fn forbidden(world: &World) -> Provoked {
    let customer = world.customer("curious").await;
    let watch = world.watch(&[]).await;
    let token = Some(customer.access.as_str());
    let query = "mutation($input: ProductInput!) { productCreate(input: $input) { product { id } userErrors { code } } }";
    let input = json!({ "title": "Mine", "variants": [{ "price": "0.01", "quantity": 5 }] });
    let mut refusals = vec![
        world
            .graphql(token, query, json!({ "input": input }))
            .await
            .field("productCreate"),
    ];
    let query =
        "mutation($id: ID!) { userRoleUpdate(id: $id, role: ADMIN) { user { id } userErrors { code } } }";
    refusals.push(
        world
            .graphql(token, query, json!({ "id": "user_1" }))
            .await
            .field("userRoleUpdate"),
    );
    refusals.push(
        world
            .graphql(token, "{ adminUsers { totalCount } }", json!({}))
            .await
            .field("adminUsers"),
    );
    refusals.push(
        world
            .send(Method::POST, "/admin/products", token, &input)
            .await
            .problem(),
    );
    let adjust = world.rest(
        Method::POST,
        &format!("/admin/inventory/{}/adjust", world.lamp),
        token,
    );
    let adjust = adjust
        .header("idempotency-key", "key")
        .json(&json!({ "delta": 5, "reason": "mine" }));
    refusals.push(Answer::of(adjust).await.problem());
    refusals.push(
        Answer::of(world.rest(Method::GET, "/admin/orders", token))
            .await
            .problem(),
    );
    // A page of another site, with a signed-in user.
    let foreign = world
        .rest(Method::PATCH, "/auth/me", token)
        .header("origin", "https://evil.example");
    refusals.push(
        Answer::of(foreign.json(&json!({ "firstName": "Mallory" })))
            .await
            .problem(),
    );
    Provoked::without_effect(watch, refusals)
}

async fn reauth_required(world: &World) -> Provoked {
    let customer = world.customer("reauth").await;
    let watch = world.watch(&[]).await;
    let token = Some(customer.access.as_str());
    let query =
        "mutation { passwordChange(currentPassword: \"not it\", newPassword: \"another lamp for the desk\") {
        user { id } userErrors { code field message } } }";
    let graphql = world.graphql(token, query, json!({})).await;
    let body = json!({ "currentPassword": "", "newPassword": "another lamp for the desk" });
    let rest = world.send(Method::POST, "/auth/password", token, &body).await;
    let query = "mutation { accountEmailChange(newEmail: \"mallory@buyer.example\", password: \"not it\") {
        accepted userErrors { code field message } } }";
    let email = world.graphql(token, query, json!({})).await;
    // The password did not change.
    world.sign_in(&customer.email).await;
    Provoked::without_effect(
        watch,
        vec![
            graphql.user_error("passwordChange"),
            rest.problem(),
            email.user_error("accountEmailChange"),
        ],
    )
}

async fn weak_password(world: &World) -> Provoked {
    let watch = world.watch(&[]).await;
    let query = "mutation($input: AccountRegisterInput!) { accountRegister(input: $input) {
        accepted userErrors { code field message } } }";
    let mut refusals = Vec::new();
    for password in ["short", "password", "zzzzzzzzzz"] {
        let input = json!({ "email": "ghost@buyer.example", "password": password });
        refusals.push(
            world
                .send(Method::POST, "/auth/register", None, &input)
                .await
                .problem(),
        );
        let answer = world.graphql(None, query, json!({ "input": input })).await;
        refusals.push(answer.user_error("accountRegister"));
    }
    Provoked::without_effect(watch, refusals)
}

async fn invalid_text(world: &World) -> Provoked {
    let customer = world.customer("text").await;
    let watch = world.watch(&[]).await;
    let token = Some(customer.access.as_str());
    let query = "mutation($name: String) { accountUpdate(firstName: $name) {
        user { id } userErrors { code field message } } }";
    let mut refusals = Vec::new();
    for name in [
        "Ada\u{202e}",
        "A\u{200b}da",
        "Ada\u{2028}",
        "Ada\r\nBcc: x@y.example",
        &"A".repeat(10_000),
    ] {
        refusals.push(
            world
                .graphql(token, query, json!({ "name": name }))
                .await
                .user_error("accountUpdate"),
        );
        refusals.push(
            world
                .send(Method::PATCH, "/auth/me", token, &json!({ "firstName": name }))
                .await
                .problem(),
        );
    }
    Provoked::without_effect(watch, refusals)
}

async fn too_many_attempts(_: &World) -> Provoked {
    let world = World::new(&[("COMPTOIR_LIMIT_LOGIN_ACCOUNT", "2")]).await;
    let customer = world.customer("guessed").await;
    let (watch, before) = (world.watch(&[]).await, sessions(&world, &customer).await);
    let (first, second) = sign_in(&world, &customer.email, "a guess").await;
    assert_eq!(
        first.body["data"]["tokenCreate"]["userErrors"][0]["code"],
        "INVALID_CREDENTIALS"
    );
    assert_eq!(second.body["code"], "INVALID_CREDENTIALS");
    // Now not even the right one.
    let (graphql, rest) = sign_in(&world, &customer.email, PASSWORD).await;
    assert_eq!(sessions(&world, &customer).await, before);
    assert_eq!(watch.again(&world).await, watch.state, "it had an effect");
    Provoked::compared(vec![graphql.field("tokenCreate"), rest.problem()])
}

async fn overloaded(_: &World) -> Provoked {
    let world = World::new(&[("COMPTOIR_AUTH_HASHES", "1"), ("COMPTOIR_LIMIT_HASH_QUEUE", "1")]).await;
    let customer = world.customer("crowd").await;
    let body = json!({ "email": customer.email, "password": PASSWORD });
    let before = sessions(&world, &customer).await;
    let answers = join_all((0..12).map(|_| world.send(Method::POST, "/auth/token", None, &body))).await;
    let (through, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(
        !through.is_empty() && !refused.is_empty(),
        "{} came through",
        through.len()
    );
    assert_eq!(
        sessions(&world, &customer).await,
        before + through.len(),
        "one session for each that came through"
    );
    // These refusals do not count as failed log-ins.
    world.sign_in(&customer.email).await;
    Provoked::compared(refused.into_iter().map(Answer::problem).collect())
}
