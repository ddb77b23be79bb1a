//! Failed log-ins are limited, also when they come at once.

use std::time::Duration;

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::auth::v1::*;
use futures::future::join_all;

use crate::support::{PASSWORD, Person, World, reason};

fn count(answers: &[Option<ErrorReason>], reason: ErrorReason) -> usize {
    answers.iter().filter(|answer| **answer == Some(reason)).count()
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn ten_failures_and_then_a_wait() {
    let world = World::new().await;
    world.person("ada@example.org").await;
    for email in ["ada@example.org", "unknown@example.org"] {
        for _ in 0..10 {
            let wrong = world.login(email, "wrong password").await;
            assert_eq!(reason(wrong), Some(ErrorReason::InvalidCredentials));
        }
        let throttled = world.login(email, PASSWORD).await.unwrap_err();
        assert_eq!(
            throttled.reason(),
            ErrorReason::TooManyAttempts,
            "the right one too"
        );
        assert_eq!(throttled.retry_after(), Some(Duration::from_secs(900)));
    }
    world.advance(899).await;
    assert_eq!(
        reason(world.login("ada@example.org", PASSWORD).await),
        Some(ErrorReason::TooManyAttempts)
    );
    world.advance(1).await;
    world.login("ada@example.org", PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn two_hundred_at_once_get_ten_comparisons() {
    let world = World::new().await;
    world.person("ada@example.org").await;
    for email in ["ada@example.org", "unknown@example.org"] {
        let attempts = join_all((0..200).map(|_| world.login(email, "wrong password"))).await;
        let attempts: Vec<_> = attempts.into_iter().map(reason).collect();
        assert_eq!(count(&attempts, ErrorReason::InvalidCredentials), 10);
        assert_eq!(count(&attempts, ErrorReason::TooManyAttempts), 190);
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn right_passwords_at_once_are_no_failures() {
    let world = World::new().await;
    world.person("ada@example.org").await;
    let people: Vec<Result<Person, Error>> =
        join_all((0..40).map(|_| world.login("ada@example.org", PASSWORD))).await;
    assert!(people.iter().all(Result::is_ok));
    // Nine failures, a success, nine failures: none is the eleventh.
    for _ in 0..2 {
        for _ in 0..9 {
            let wrong = world.login("ada@example.org", "wrong password").await;
            assert_eq!(reason(wrong), Some(ErrorReason::InvalidCredentials));
        }
        world.login("ada@example.org", PASSWORD).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn one_client_address_tries_only_so_many_accounts() {
    let world = World::with(&["--limit-login-address", "5"]).await;
    world.person("ada@example.org").await;
    let from = |n: usize, address: Option<&'static str>| {
        let world = &world;
        async move {
            reason(
                world
                    .login_from(&format!("n{n}@example.org"), "wrong password", address)
                    .await,
            )
        }
    };
    let answers = join_all((0..20).map(|n| from(n, Some("192.0.2.1")))).await;
    assert_eq!(count(&answers, ErrorReason::InvalidCredentials), 5);
    assert_eq!(count(&answers, ErrorReason::TooManyAttempts), 15);
    let same = world
        .login_from("ada@example.org", PASSWORD, Some("::ffff:192.0.2.1"))
        .await;
    assert_eq!(
        reason(same),
        Some(ErrorReason::TooManyAttempts),
        "the same client in another spelling"
    );
    world
        .login_from("ada@example.org", PASSWORD, Some("192.0.2.2"))
        .await
        .unwrap();
    for n in 20..30 {
        assert_eq!(
            from(n, None).await,
            Some(ErrorReason::InvalidCredentials),
            "an unknown address is not counted"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn zero_is_no_limit() {
    let world = World::with(&["--limit-login-account", "0", "--limit-login-address", "0"]).await;
    for _ in 0..15 {
        let wrong = world
            .login_from("ada@example.org", "wrong password", Some("192.0.2.1"))
            .await;
        assert_eq!(reason(wrong), Some(ErrorReason::InvalidCredentials));
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_wrong_current_password_counts() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    for n in 0..10 {
        let mut gateway = world.gateway.clone();
        let refused = if n % 2 == 0 {
            let request = ChangePasswordRequest {
                current_password: String::new(),
                new_password: "another password".into(),
                client_address: None,
            };
            reason(ada.call(gateway.change_password(request)).await)
        } else {
            let request = RequestEmailChangeRequest {
                new_email: "new@example.org".into(),
                password: "wrong password".into(),
                client_address: None,
            };
            reason(ada.call(gateway.request_email_change(request)).await)
        };
        assert_eq!(refused, Some(ErrorReason::ReauthRequired));
    }
    assert_eq!(
        reason(world.login("ada@example.org", PASSWORD).await),
        Some(ErrorReason::TooManyAttempts)
    );
    let request = RequestPasswordResetRequest {
        email: "ada@example.org".into(),
    };
    world
        .gateway
        .clone()
        .request_password_reset(request)
        .await
        .unwrap();
    let mail = world.mailbox.wait("ada@example.org", 2).await.pop().unwrap();
    let request = ResetPasswordRequest {
        token: world.link(&mail).await,
        new_password: "another password".into(),
    };
    world.gateway.clone().reset_password(request).await.unwrap();
    world.login("ada@example.org", "another password").await.unwrap();
}
