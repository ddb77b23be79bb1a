//! The links in mails: reset and change of address.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::auth::v1::*;
use futures::future::join_all;

use crate::support::{PASSWORD, Person, World, reason, refused};

const INVALID: Option<ErrorReason> = Some(ErrorReason::TokenInvalid);

async fn ask_reset(world: &World, email: &str) {
    let request = RequestPasswordResetRequest { email: email.into() };
    world
        .gateway
        .clone()
        .request_password_reset(request)
        .await
        .unwrap();
}

async fn reset(world: &World, token: &str, password: &str) -> Result<User, Error> {
    let request = ResetPasswordRequest {
        token: token.into(),
        new_password: password.into(),
    };
    let answer = refused(world.gateway.clone().reset_password(request).await)?;
    Ok(answer.into_inner().user.unwrap())
}

async fn ask_change(world: &World, person: &Person, email: &str) -> Result<(), Error> {
    let request = RequestEmailChangeRequest {
        new_email: email.into(),
        password: PASSWORD.into(),
        client_address: None,
    };
    person
        .call(world.gateway.clone().request_email_change(request))
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_reset_sets_the_password_and_ends_all_sessions() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    ask_reset(&world, "ADA@example.org").await;
    let mail = world.mailbox.wait("ada@example.org", 2).await.pop().unwrap();
    assert_eq!(mail.kind(), MailKind::PasswordReset);
    let token = world.link(&mail).await;
    assert_eq!(token, world.link(&mail).await, "the same for every call");
    assert_eq!(
        reason(world.confirm(&token).await),
        INVALID,
        "a link of another kind"
    );
    assert_eq!(
        reason(reset(&world, &token, "short").await),
        Some(ErrorReason::WeakPassword),
        "it stays open"
    );
    reset(&world, &token, "another password").await.unwrap();
    assert_eq!(
        reason(reset(&world, &token, "a third password").await),
        INVALID,
        "used up"
    );
    assert_eq!(
        reason(world.refresh(&ada.tokens.refresh_token, None).await),
        Some(ErrorReason::TokenRevoked)
    );
    world.until_revoked(&ada, &ada.tokens.access_token).await;
    let again = world.login("ada@example.org", "another password").await.unwrap();
    world
        .me(&again, &again.tokens.access_token)
        .await
        .expect("a token made at once is not revoked");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn fifty_resets_at_once_have_one_success() {
    let world = World::new().await;
    world.person("ada@example.org").await;
    ask_reset(&world, "ada@example.org").await;
    let mail = world.mailbox.wait("ada@example.org", 2).await.pop().unwrap();
    let token = world.link(&mail).await;
    let passwords: Vec<String> = (0..50).map(|n| format!("another password {n}")).collect();
    let answers = join_all(passwords.iter().map(|password| reset(&world, &token, password))).await;
    let won: Vec<usize> = (0..50).filter(|n| answers[*n].is_ok()).collect();
    assert_eq!(won.len(), 1);
    assert!(
        answers
            .into_iter()
            .filter_map(Result::err)
            .all(|error| error.reason() == ErrorReason::TokenInvalid)
    );
    world.login("ada@example.org", &passwords[won[0]]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_link_ends_with_its_time_and_with_the_password() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    ask_reset(&world, "ada@example.org").await;
    ask_change(&world, &ada, "new@example.org").await.unwrap();
    let mail = world.mailbox.wait("ada@example.org", 2).await.pop().unwrap();
    let change = world.mailbox.wait("new@example.org", 1).await.pop().unwrap();
    let (late, change) = (world.link(&mail).await, world.link(&change).await);
    world.advance(3600).await;
    assert_eq!(
        reason(reset(&world, &late, "another password").await),
        INVALID,
        "an hour later"
    );

    ask_reset(&world, "ada@example.org").await;
    let mail = world.mailbox.wait("ada@example.org", 3).await.pop().unwrap();
    let token = world.link(&mail).await;
    reset(&world, &token, "another password").await.unwrap();
    assert_eq!(
        reason(world.confirm(&change).await),
        INVALID,
        "it was asked for under another password"
    );
    for guessed in ["", "x", &"A".repeat(43), &token[1..]] {
        assert_eq!(reason(reset(&world, guessed, "another password").await), INVALID);
        assert_eq!(reason(world.confirm(guessed).await), INVALID);
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn an_address_changes_when_the_new_one_is_confirmed() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    ask_change(&world, &ada, "Ada.New@example.org").await.unwrap();
    let mail = world.mailbox.wait("Ada.New@example.org", 1).await.pop().unwrap();
    assert_eq!(mail.kind(), MailKind::EmailChange);
    world
        .login("ada@example.org", PASSWORD)
        .await
        .expect("until then the old one holds");
    // A reset that was mailed to the old address must not outlive it.
    ask_reset(&world, "ada@example.org").await;
    let old = world.mailbox.wait("ada@example.org", 2).await.pop().unwrap();
    let old = world.link(&old).await;
    let token = world.link(&mail).await;
    let user = world.confirm(&token).await.unwrap();
    assert_eq!(
        (user.id, user.email.as_str()),
        (ada.user.id, "Ada.New@example.org")
    );
    world.login("ada.new@example.org", PASSWORD).await.unwrap();
    assert_eq!(
        reason(world.login("ada@example.org", PASSWORD).await),
        Some(ErrorReason::InvalidCredentials)
    );
    assert_eq!(reason(reset(&world, &old, "another password").await), INVALID);
    assert_eq!(reason(world.confirm(&token).await), INVALID);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_taken_address_stays_its_owners() {
    let world = World::new().await;
    let ada = world.person("ada@example.org").await;
    let bob = world.person("bob@example.org").await;
    ask_change(&world, &ada, "bob@example.org").await.unwrap();
    let told = world.mailbox.wait("bob@example.org", 2).await.pop().unwrap();
    assert_eq!(told.kind(), MailKind::AlreadyRegistered);
    // Two ask for one free address: the first to confirm has it.
    ask_change(&world, &ada, "free@example.org").await.unwrap();
    ask_change(&world, &bob, "free@example.org").await.unwrap();
    let mails = world.mailbox.wait("free@example.org", 2).await;
    let tokens = [world.link(&mails[0]).await, world.link(&mails[1]).await];
    let answers = join_all(tokens.iter().map(|token| world.confirm(token))).await;
    assert_eq!(answers.iter().filter(|one| one.is_ok()).count(), 1);
    assert_eq!(
        answers.into_iter().filter_map(reason).collect::<Vec<_>>(),
        [ErrorReason::TokenInvalid]
    );
}
