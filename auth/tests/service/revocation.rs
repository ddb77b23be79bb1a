//! How tokens end before they expire.

use comptoir_mesh::error::ErrorReason;
use comptoir_proto::auth::v1::*;

use crate::support::{PASSWORD, World, reason};

const REVOKED: Option<ErrorReason> = Some(ErrorReason::TokenRevoked);

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn signing_out_everywhere_ends_every_session() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let other = world.login(&ada.email, PASSWORD).await.unwrap();
    let bob = world.person("bob@example.org").await;
    ada.call(world.gateway.clone().logout_all(LogoutAllRequest {}))
        .await
        .unwrap();
    for person in [&ada, &other] {
        world.until_revoked(person, &person.tokens.access_token).await;
        assert_eq!(
            reason(world.refresh(&person.tokens.refresh_token, None).await),
            REVOKED
        );
    }
    // In the same millisecond, as the clock stands still: the new token does not count as older.
    let again = world.login(&ada.email, PASSWORD).await.unwrap();
    world.me(&again, &again.tokens.access_token).await.unwrap();
    world.me(&bob, &bob.tokens.access_token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn another_password_ends_the_other_sessions() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let other = world.login(&ada.email, PASSWORD).await.unwrap();
    let change = |current: &str, new: &str| {
        let request = ChangePasswordRequest {
            current_password: current.into(),
            new_password: new.into(),
            client_address: Some("192.0.2.1".into()),
        };
        let (mut gateway, ada) = (world.gateway.clone(), ada.clone());
        async move { ada.call(gateway.change_password(request)).await }
    };
    assert_eq!(
        reason(change("wrong password", "another password").await),
        Some(ErrorReason::ReauthRequired)
    );
    assert_eq!(
        reason(change(PASSWORD, "short").await),
        Some(ErrorReason::WeakPassword)
    );
    world
        .refresh(&other.tokens.refresh_token, Some("r"))
        .await
        .expect("a refusal changed nothing");
    change(PASSWORD, "another password").await.unwrap();

    world.until_revoked(&ada, &other.tokens.access_token).await;
    world.until_revoked(&ada, &ada.tokens.access_token).await;
    assert_eq!(
        reason(world.refresh(&other.tokens.refresh_token, Some("r")).await),
        REVOKED
    );
    let kept = world
        .refresh(&ada.tokens.refresh_token, None)
        .await
        .expect("the session it was changed in goes on");
    world.me(&ada, &kept.access_token).await.unwrap();
    assert_eq!(
        reason(world.login(&ada.email, PASSWORD).await),
        Some(ErrorReason::InvalidCredentials)
    );
    world.login(&ada.email, "another password").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn revocations_are_listed_while_tokens_live() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let bob = world.person("bob@example.org").await;
    let list = || {
        let mut orders = world.orders.clone();
        async move {
            orders
                .list_revocations(ListRevocationsRequest {})
                .await
                .unwrap()
                .into_inner()
                .revocations
        }
    };
    assert_eq!(list().await, []);
    ada.call(world.gateway.clone().logout_all(LogoutAllRequest {}))
        .await
        .unwrap();
    let request = LogoutRequest {
        refresh_token: bob.tokens.refresh_token.clone(),
    };
    world.gateway.clone().logout(request).await.unwrap();
    let subjects: Vec<_> = list().await.into_iter().map(|one| one.subject.unwrap()).collect();
    assert!(matches!(&subjects[0], revocation::Subject::SessionId(id) if id.starts_with("ses_")));
    assert_eq!(subjects[1], revocation::Subject::UserId(ada.user.id.clone()));
    world.advance(305).await;
    assert_eq!(
        list().await.len(),
        2,
        "a token may be taken five seconds after its end"
    );
    world.advance(60).await;
    assert_eq!(list().await, []);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn services_may_do_what_is_granted_to_them() {
    let world = World::new().await;
    let refused = world
        .orders
        .clone()
        .login(LoginRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let request = IssueMailTokenRequest {
        mail_id: "mail_01ARZ3NDEKTSV4RRFFQ69G5FAV".into(),
    };
    for client in [&world.orders, &world.gateway] {
        let refused = client
            .clone()
            .issue_mail_token(request.clone())
            .await
            .unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    }
    let refused = world
        .gateway
        .clone()
        .logout_all(LogoutAllRequest {})
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
}
