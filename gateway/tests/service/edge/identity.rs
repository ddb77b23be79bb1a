//! Tokens, addresses and how often they may ask.

use comptoir_mesh::identity::Role;
use comptoir_mesh::testing::{PATIENCE, token_with};
use comptoir_proto::auth::v1::{Revocation, revocation};

use crate::support::served::{Shop, send};

const QUERY: &str = r#"{"query":"{ __typename }"}"#;

#[tokio::test]
async fn a_bad_token_refuses_the_whole_request() {
    let shop = Shop::open(&[]).await;
    let with = |authorization: String| send(shop.post(QUERY).header("authorization", authorization));
    for bad in [
        "Bearer x",
        "Bearer ",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "",
        "Bearer a.b.c",
    ] {
        let answer = with(bad.to_owned()).await;
        assert_eq!(answer.code(), "401 TOKEN_INVALID", "{bad:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let user = shop.test.env.ids.new_id("user_");
    assert_eq!(
        with(format!("Bearer {}", shop.test.token(&user, Role::Customer)))
            .await
            .status,
        200
    );
    let expired = token_with(&shop.test.env, |claims| claims.exp = claims.iat - 6);
    assert_eq!(
        with(format!("Bearer {expired}")).await.code(),
        "401 TOKEN_EXPIRED"
    );
    let answer = send(shop.get("/.well-known/jwks.json").bearer_auth("bad")).await;
    assert_eq!(answer.code(), "401 TOKEN_INVALID");
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_revoked_session_is_out() {
    let shop = Shop::open(&[]).await;
    let mut session = String::new();
    let token = token_with(&shop.test.env, |claims| session.clone_from(&claims.sid));
    assert_eq!(send(shop.post(QUERY).bearer_auth(&token)).await.status, 200);
    let subject = Some(revocation::Subject::SessionId(session));
    shop.test.env.verifier.set_revocations(&[Revocation {
        subject,
        revoked_at: None,
    }]);
    assert_eq!(
        send(shop.post(QUERY).bearer_auth(&token)).await.code(),
        "401 TOKEN_REVOKED"
    );
}

#[tokio::test]
async fn the_request_after_the_last_allowed_one_is_refused() {
    let shop = Shop::open(&["--limit-requests-address", "3", "--limit-requests-user", "2"]).await;
    for left in ["2", "1", "0"] {
        let answer = send(shop.post(QUERY)).await;
        assert_eq!(
            (
                answer.header("x-ratelimit-limit"),
                answer.header("x-ratelimit-remaining")
            ),
            ("3", left)
        );
    }
    let answer = send(shop.post(QUERY)).await;
    assert_eq!(answer.code(), "429 RATE_LIMITED");
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait));
    assert_eq!(send(shop.get("/livez")).await.status, 200);
    // A forged address makes no other client of it.
    let forged = send(
        shop.post(QUERY)
            .header("x-forwarded-for", "1.2.3.4")
            .header("x-real-ip", "1.2.3.4"),
    )
    .await;
    assert_eq!(forged.code(), "429 RATE_LIMITED");
    // A user counts for itself.
    let token = token_with(&shop.test.env, |_| {});
    for expected in [200, 200, 429] {
        assert_eq!(send(shop.post(QUERY).bearer_auth(&token)).await.status, expected);
    }
    // A bad token is no way around the address's limit.
    assert_eq!(
        send(shop.post(QUERY).bearer_auth("bad")).await.code(),
        "429 RATE_LIMITED"
    );
}

#[tokio::test]
async fn a_trusted_proxy_names_its_clients() {
    let shop = Shop::open(&[
        "--limit-requests-address",
        "1",
        "--trusted-proxies",
        "127.0.0.0/8",
    ])
    .await;
    let from = |client: &'static str| send(shop.post(QUERY).header("x-forwarded-for", client));
    assert_eq!(from("192.0.2.1").await.status, 200);
    assert_eq!(from("192.0.2.2").await.status, 200);
    assert_eq!(from("6.6.6.6, 192.0.2.2").await.code(), "429 RATE_LIMITED");
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted() {
    let shop = Shop::open(&["--limit-requests-address", "0"]).await;
    let answer = tokio::time::timeout(PATIENCE, send(shop.post(QUERY)))
        .await
        .expect("an answer");
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-ratelimit-limit")),
        (200, "")
    );
}
