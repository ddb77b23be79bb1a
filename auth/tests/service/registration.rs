//! Opening an account.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::auth::v1::*;

use crate::support::{PASSWORD, World, mail_of, reason, refused};

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_confirmed_account_signs_in() {
    let world = World::new().await;
    world.register("Ada@Example.org", PASSWORD).await.unwrap();
    let mail = world.mailbox.wait("Ada@Example.org", 1).await.pop().unwrap();
    assert_eq!(
        (mail.kind(), mail.locale.as_str()),
        (MailKind::ConfirmEmail, "fr")
    );
    assert_eq!(
        reason(world.login("ada@example.org", PASSWORD).await),
        Some(ErrorReason::InvalidCredentials)
    );

    let token = world.link(&mail).await;
    let user = world.confirm(&token).await.unwrap();
    assert!(user.email_verified && user.active && user.role() == Role::Customer);
    assert_eq!(
        reason(world.confirm(&token).await),
        Some(ErrorReason::TokenInvalid),
        "used up"
    );

    let person = world.login(" ADA@example.org ", PASSWORD).await.unwrap();
    assert_eq!(person.user.email, "Ada@Example.org");
    assert_eq!(
        world.me(&person, &person.tokens.access_token).await.unwrap(),
        user
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn no_one_confirms_an_attackers_password() {
    let world = World::new().await;
    world
        .register("ada@example.org", "the attackers password")
        .await
        .unwrap();
    world.register("ada@example.org", PASSWORD).await.unwrap();
    let mails = world.mailbox.wait("ada@example.org", 2).await;
    // Nothing tells which registration is the owner's, so neither mail is sent again.
    let request = ResendConfirmationRequest {
        email: "ada@example.org".into(),
    };
    world.gateway.clone().resend_confirmation(request).await.unwrap();

    let (stranger, own) = (world.link(&mails[0]).await, world.link(&mails[1]).await);
    world.confirm(&own).await.unwrap();
    assert_eq!(
        reason(world.confirm(&stranger).await),
        Some(ErrorReason::TokenInvalid)
    );
    world.login("ada@example.org", PASSWORD).await.unwrap();
    let refused = world.login("ada@example.org", "the attackers password").await;
    assert_eq!(reason(refused), Some(ErrorReason::InvalidCredentials));
    assert_eq!(world.mailbox.mails().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn the_confirmation_is_mailed_once_more() {
    let world = World::new().await;
    let resend = || {
        let mut gateway = world.gateway.clone();
        let request = ResendConfirmationRequest {
            email: "ADA@example.org".into(),
        };
        async move { gateway.resend_confirmation(request).await.unwrap() }
    };
    resend().await;
    world.register("ada@example.org", PASSWORD).await.unwrap();
    resend().await;
    let first = world.mailbox.wait("ada@example.org", 1).await.remove(0);
    let second = world.mailbox.wait("ADA@example.org", 1).await.remove(0);
    assert_ne!(first.mail_id, second.mail_id);
    let token = world.link(&second).await;
    world.confirm(&token).await.unwrap();
    world.login("ada@example.org", PASSWORD).await.unwrap();
    resend().await;
    assert_eq!(world.mailbox.mails().len(), 2, "nothing is left to confirm");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn an_owner_is_told_of_a_registration() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    world
        .register("ADA@example.org", "another password")
        .await
        .unwrap();
    let mail = world.mailbox.wait("ada@example.org", 2).await.pop().unwrap();
    assert_eq!(mail.kind(), MailKind::AlreadyRegistered);
    assert_eq!(mail.first_name.as_deref(), Some("Ada"));
    let request = IssueMailTokenRequest {
        mail_id: mail.mail_id,
    };
    let none = refused(world.notifier.clone().issue_mail_token(request).await);
    assert_eq!(reason(none), Some(ErrorReason::NotFound), "its mail has no link");
    world.login(&ada.email, PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn what_cannot_be_is_refused_with_its_field() {
    let world = World::new().await;
    let good = RegisterRequest {
        email: "ada@example.org".into(),
        password: PASSWORD.into(),
        ..Default::default()
    };
    let with = |change: fn(&mut RegisterRequest)| {
        let mut request = good.clone();
        change(&mut request);
        let mut gateway = world.gateway.clone();
        async move { refused(gateway.register(request).await).expect_err("it is refused") }
    };
    let first = |error: Error| {
        let violation = &error.field_violations()[0];
        (violation.field.clone(), violation.reason)
    };
    let cases = [
        (
            with(|r| r.email = "ada".into()).await,
            "email",
            ErrorReason::ValidationFailed,
        ),
        (
            with(|r| r.email = "a\u{200b}da@example.org".into()).await,
            "email",
            ErrorReason::InvalidText,
        ),
        (
            with(|r| r.email = "ada@example.org\r\nBcc: x@y.fr".into()).await,
            "email",
            ErrorReason::InvalidText,
        ),
        (
            with(|r| r.password = "short".into()).await,
            "password",
            ErrorReason::WeakPassword,
        ),
        (
            with(|r| r.password = "password123".into()).await,
            "password",
            ErrorReason::WeakPassword,
        ),
        (
            with(|r| r.password = "x1".repeat(513)).await,
            "password",
            ErrorReason::ValidationFailed,
        ),
        (
            with(|r| r.first_name = Some("Ada\u{2028}".into())).await,
            "first_name",
            ErrorReason::InvalidText,
        ),
        (
            with(|r| r.phone = Some("+0033 6 12 34 56 78".into())).await,
            "phone",
            ErrorReason::ValidationFailed,
        ),
        (
            with(|r| r.first_name = Some("a\u{202e}b".into())).await,
            "first_name",
            ErrorReason::InvalidText,
        ),
        (
            with(|r| r.last_name = Some("x".repeat(1_000_000))).await,
            "last_name",
            ErrorReason::InvalidText,
        ),
        (
            with(|r| r.phone = Some("<script>".into())).await,
            "phone",
            ErrorReason::ValidationFailed,
        ),
        (
            with(|r| r.locale = Some("tlh".into())).await,
            "locale",
            ErrorReason::ValidationFailed,
        ),
    ];
    for (error, field, reason) in cases {
        assert_eq!(first(error), (field.to_owned(), reason));
    }
    let both = with(|r| {
        r.email = String::new();
        r.password = String::new();
    });
    assert_eq!(both.await.field_violations().len(), 2, "all at once");
    assert!(world.mailbox.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_race_opens_one_account() {
    let world = World::with(&["--limit-mails-address", "0"]).await;
    let spellings = ["race@example.org", "RACE@example.org", "Race@Example.ORG"];
    let registering = (0..15).map(|n| world.register(spellings[n % 3], PASSWORD));
    for registered in futures::future::join_all(registering).await {
        registered.unwrap();
    }
    let mut tokens = Vec::new();
    for spelling in spellings {
        for mail in world.mailbox.wait(spelling, 5).await {
            tokens.push(world.link(&mail).await);
        }
    }
    let confirmed = futures::future::join_all(tokens.iter().map(|token| world.confirm(token))).await;
    assert_eq!(confirmed.iter().filter(|one| one.is_ok()).count(), 1);
    assert!(
        confirmed
            .into_iter()
            .filter_map(reason)
            .all(|one| one == ErrorReason::TokenInvalid)
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn three_mails_an_hour_reach_an_address() {
    let world = World::new().await;
    for _ in 0..5 {
        world.register("bombed@example.org", PASSWORD).await.unwrap();
        let request = ResendConfirmationRequest {
            email: "bombed@example.org".into(),
        };
        world.gateway.clone().resend_confirmation(request).await.unwrap();
        let request = RequestPasswordResetRequest {
            email: "bombed@example.org".into(),
        };
        world
            .gateway
            .clone()
            .request_password_reset(request)
            .await
            .unwrap();
    }
    world.register("other@example.org", PASSWORD).await.unwrap();
    world.mailbox.wait("other@example.org", 1).await;
    assert_eq!(world.mailbox.wait("bombed@example.org", 3).await.len(), 3);
    world.advance(3601).await;
    world.register("bombed@example.org", PASSWORD).await.unwrap();
    assert_eq!(world.mailbox.wait("bombed@example.org", 4).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn an_event_holds_no_secret_and_counts_from_one() {
    let world = World::new().await;
    world.register("ada@example.org", PASSWORD).await.unwrap();
    let mail = world.mailbox.wait("ada@example.org", 1).await.pop().unwrap();
    let token = world.link(&mail).await;
    let record = world.mailbox.records().pop().unwrap();
    let (event, _) = mail_of(&record).unwrap();
    assert_eq!(
        (record.topic, record.key.as_str()),
        ("comptoir.auth.v1", mail.mail_id.as_str())
    );
    assert_eq!(
        (event.aggregate_id.as_str(), event.sequence),
        (mail.mail_id.as_str(), 1)
    );
    assert!(event.id.starts_with("evt_") && event.id == record.id && event.schema_version == 1);
    let payload = String::from_utf8_lossy(&record.payload).into_owned();
    assert!(!payload.contains(&token) && !payload.contains(PASSWORD) && !payload.contains("argon2"));
    assert_eq!(
        mail.first_name, None,
        "an unconfirmed stranger chooses no word of the mail"
    );
}
