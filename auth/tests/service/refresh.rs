//! Refresh tokens: one use each.

use comptoir_mesh::error::ErrorReason;
use comptoir_proto::auth::v1::*;
use futures::future::join_all;

use crate::support::{PASSWORD, World, reason};

const REUSED: Option<ErrorReason> = Some(ErrorReason::TokenReused);

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_used_token_ends_its_session() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let other = world.login(&ada.email, PASSWORD).await.unwrap();
    let second = world.refresh(&ada.tokens.refresh_token, None).await.unwrap();
    assert_ne!(second.refresh_token, ada.tokens.refresh_token);
    assert_eq!(second.expires_in, 300);
    world.me(&ada, &second.access_token).await.unwrap();

    assert_eq!(
        reason(world.refresh(&ada.tokens.refresh_token, None).await),
        REUSED
    );
    assert_eq!(
        reason(world.refresh(&second.refresh_token, None).await),
        REUSED,
        "both parties are out"
    );
    world.until_revoked(&ada, &second.access_token).await;
    world.until_revoked(&ada, &ada.tokens.access_token).await;
    world
        .refresh(&other.tokens.refresh_token, None)
        .await
        .expect("another session goes on");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn fifty_at_once_have_at_most_one_success() {
    let world = World::new().await;
    for round in 0..5 {
        let ada = world.person(&format!("ada{round}@example.org")).await;
        let token = &ada.tokens.refresh_token;
        let answers = join_all((0..50).map(|_| world.refresh(token, None))).await;
        let (ok, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert!(ok.len() <= 1, "{} successes", ok.len());
        assert!(refused.into_iter().all(|one| reason(one) == REUSED));
        for tokens in ok.into_iter().flatten() {
            assert_eq!(reason(world.refresh(&tokens.refresh_token, None).await), REUSED);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_repeated_call_gets_the_same_tokens() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let token = &ada.tokens.refresh_token;
    let answers = join_all((0..50).map(|_| world.refresh(token, Some("request-1")))).await;
    let answers: Vec<TokenPair> = answers.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|tokens| *tokens == answers[0]));
    world.advance(10).await;
    assert_eq!(world.refresh(token, Some("request-1")).await.unwrap(), answers[0]);
    world
        .refresh(&answers[0].refresh_token, Some("request-2"))
        .await
        .unwrap();
    assert_eq!(
        reason(world.refresh(token, Some("request-1")).await),
        REUSED,
        "it was followed by another use"
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_repetition_is_one_by_its_id_and_time() {
    let world = World::new().await;
    for (request_id, wait) in [
        (Some("request-2"), 0),
        (None, 0),
        (Some("request-1"), 11),
        (Some(""), 0),
    ] {
        let ada = world
            .person(&format!(
                "ada{}{wait}@example.org",
                request_id.unwrap_or("x").len()
            ))
            .await;
        world
            .refresh(&ada.tokens.refresh_token, Some("request-1"))
            .await
            .unwrap();
        world.advance(wait).await;
        assert_eq!(
            reason(world.refresh(&ada.tokens.refresh_token, request_id).await),
            REUSED,
            "{request_id:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_forged_token_changes_nothing() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let token = &ada.tokens.refresh_token;
    let mut changed = token.clone();
    changed.replace_range(..1, if token.starts_with('A') { "B" } else { "A" });
    for forged in [
        changed.as_str(),
        "",
        "x",
        &ada.tokens.access_token,
        &"A".repeat(100_000),
    ] {
        assert_eq!(
            reason(world.refresh(forged, None).await),
            Some(ErrorReason::TokenInvalid)
        );
        world
            .gateway
            .clone()
            .logout(LogoutRequest {
                refresh_token: forged.into(),
            })
            .await
            .unwrap();
    }
    assert_eq!(
        reason(world.me(&ada, token).await),
        Some(ErrorReason::TokenInvalid),
        "no access token"
    );
    world.refresh(token, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_session_that_is_not_used_ends() {
    let world = World::with(&["--auth-session-days", "2"]).await;
    let ada = world.person("ada@example.org").await;
    world.advance(2 * 86_400).await;
    let next = world.refresh(&ada.tokens.refresh_token, None).await.unwrap();
    world.advance(2 * 86_400 + 1).await;
    assert_eq!(
        reason(world.refresh(&next.refresh_token, None).await),
        Some(ErrorReason::TokenExpired)
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_token_that_was_signed_out_is_used_up() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let request = LogoutRequest {
        refresh_token: ada.tokens.refresh_token.clone(),
    };
    world.gateway.clone().logout(request.clone()).await.unwrap();
    world.gateway.clone().logout(request).await.unwrap();
    assert_eq!(
        reason(world.refresh(&ada.tokens.refresh_token, None).await),
        REUSED
    );
    world.until_revoked(&ada, &ada.tokens.access_token).await;
}
