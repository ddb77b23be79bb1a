//! Access tokens and the keys that sign them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::auth::v1::*;

use crate::support::{PASSWORD, World, reason};

fn part(token: &str, n: usize) -> serde_json::Value {
    let part = token.split('.').nth(n).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn kids(world: &World) -> Vec<String> {
    let answer = world.orders.clone().get_jwks(GetJwksRequest {}).await.unwrap();
    answer.into_inner().keys.into_iter().map(|key| key.kid).collect()
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_token_says_who_and_until_when() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let token = &ada.tokens.access_token;
    let (header, claims) = (part(token, 0), part(token, 1));
    assert_eq!(
        (header["alg"].as_str(), header["typ"].as_str()),
        (Some("EdDSA"), Some("at+jwt"))
    );
    assert_eq!(header["kid"].as_str(), Some(kids(&world).await[0].as_str()));
    assert_eq!(claims["sub"].as_str(), Some(ada.user.id.as_str()));
    assert_eq!(
        (claims["iss"].as_str(), claims["aud"].as_str()),
        (Some("comptoir"), Some("comptoir"))
    );
    assert_eq!(claims["role"].as_str(), Some("CUSTOMER"));
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        300
    );
    assert!(
        claims["sid"].as_str().unwrap().starts_with("ses_")
            && claims["jti"].is_string()
            && claims["nbf"].is_i64()
    );

    let second = world.login(&ada.email, PASSWORD).await.unwrap();
    assert_ne!(part(&second.tokens.access_token, 1)["jti"], claims["jti"]);
    world.advance(304).await;
    world.me(&ada, token).await.expect("clocks differ");
    world.advance(2).await;
    assert_eq!(
        reason(world.me(&ada, token).await),
        Some(ErrorReason::TokenExpired)
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn keys_rotate_and_no_token_is_refused_for_it() {
    let world = World::with(&["--auth-key-rotation-hours", "1"]).await;
    let ada = world.person("ada@example.org").await;
    let first = kids(&world).await;
    assert_eq!(first.len(), 1);
    let mut refresh = ada.tokens.refresh_token.clone();
    let mut signed_by = std::collections::BTreeSet::new();
    // Two hours in steps of 30 s.
    for _ in 0..240 {
        world.advance(30).await;
        let tokens = world.refresh(&refresh, None).await.unwrap();
        refresh = tokens.refresh_token;
        let kid = part(&tokens.access_token, 0)["kid"].as_str().unwrap().to_owned();
        let published = kids(&world).await;
        assert!(published.contains(&kid) && published.len() <= 2);
        signed_by.insert(kid);
    }
    assert!(signed_by.len() >= 2, "{signed_by:?}");
    assert!(!kids(&world).await.contains(&first[0]), "the first is gone");
    let again = world.login(&ada.email, PASSWORD).await.unwrap();
    let old = part(&ada.tokens.access_token, 0)["kid"].clone();
    assert_ne!(part(&again.tokens.access_token, 0)["kid"], old);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn keys_and_sessions_survive_a_restart() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let restarted = comptoir_auth::start(world.config(&[]), world.test.env.clone(), None)
        .await
        .unwrap();
    let slot = comptoir_mesh::channel::in_process();
    slot.bind(&restarted.service());
    let world = World {
        gateway: auth_service_client::AuthServiceClient::new(slot.channel("gateway")),
        ..world
    };
    world.me(&ada, &ada.tokens.access_token).await.unwrap();
    world.refresh(&ada.tokens.refresh_token, None).await.unwrap();
}
