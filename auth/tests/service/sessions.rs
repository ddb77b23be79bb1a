//! The list of signed-in devices.

use comptoir_mesh::error::ErrorReason;
use comptoir_proto::auth::v1::*;

use crate::support::{PASSWORD, World, reason};

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn sessions_are_listed_the_last_used_first() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    for _ in 0..3 {
        world.advance(60).await;
        world.login(&ada.email, PASSWORD).await.unwrap();
    }
    world.advance(60).await;
    world.refresh(&ada.tokens.refresh_token, None).await.unwrap();
    let mut gateway = world.gateway.clone();
    let all = ada
        .call(gateway.list_sessions(ListSessionsRequest::default()))
        .await
        .unwrap();
    assert_eq!((all.sessions.len(), all.next_page_token.as_str()), (4, ""));
    assert_eq!(
        all.sessions.iter().map(|one| one.current).collect::<Vec<_>>(),
        [true, false, false, false]
    );
    assert_eq!(
        all.sessions[0].user_agent.as_deref(),
        Some("testbrowser"),
        "what could forge a line is gone"
    );

    let mut paged = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListSessionsRequest {
            page_size: 3,
            page_token,
            ..Default::default()
        };
        let page = ada.call(gateway.list_sessions(request)).await.unwrap();
        paged.extend(page.sessions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all.sessions);
    let request = ListSessionsRequest {
        page_token: "nonsense".into(),
        ..Default::default()
    };
    assert_eq!(
        reason(ada.call(gateway.list_sessions(request)).await),
        Some(ErrorReason::ValidationFailed)
    );
    let request = ListSessionsRequest {
        page_size: 101,
        ..Default::default()
    };
    assert_eq!(
        reason(ada.call(gateway.list_sessions(request)).await),
        Some(ErrorReason::LimitOutOfRange)
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_session_is_revoked_by_its_owner_alone() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let other = world.login(&ada.email, PASSWORD).await.unwrap();
    let bob = world.person("bob@example.org").await;
    let mut gateway = world.gateway.clone();
    let sessions = ada
        .call(gateway.list_sessions(ListSessionsRequest::default()))
        .await
        .unwrap()
        .sessions;
    let id = sessions.into_iter().find(|one| !one.current).unwrap().id;
    let request = RevokeSessionRequest {
        session_id: id.clone(),
    };
    assert_eq!(
        reason(bob.call(gateway.revoke_session(request.clone())).await),
        Some(ErrorReason::NotFound)
    );
    let request_of_ada = ListSessionsRequest {
        user_id: ada.user.id.clone(),
        ..Default::default()
    };
    assert_eq!(
        reason(bob.call(gateway.list_sessions(request_of_ada)).await),
        Some(ErrorReason::NotFound)
    );
    world
        .refresh(&other.tokens.refresh_token, Some("r"))
        .await
        .unwrap();

    let user = ada
        .call(gateway.revoke_session(request.clone()))
        .await
        .unwrap()
        .user
        .unwrap();
    assert_eq!(user.id, ada.user.id);
    world.until_revoked(&ada, &other.tokens.access_token).await;
    assert_eq!(
        reason(world.refresh(&other.tokens.refresh_token, Some("r")).await),
        Some(ErrorReason::TokenRevoked)
    );
    assert_eq!(
        reason(ada.call(gateway.revoke_session(request)).await),
        Some(ErrorReason::NotFound)
    );
    let sessions = ada
        .call(gateway.list_sessions(ListSessionsRequest::default()))
        .await
        .unwrap()
        .sessions;
    assert_eq!(sessions.len(), 1);
    let request = RevokeSessionRequest {
        session_id: "' OR 1=1--".into(),
    };
    assert_eq!(
        reason(ada.call(gateway.revoke_session(request)).await),
        Some(ErrorReason::InvalidId)
    );
}
