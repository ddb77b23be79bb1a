//! Nothing tells whether an address has an account.

use comptoir_mesh::error::Error;
use comptoir_proto::auth::v1::*;

use crate::support::{PASSWORD, World};

/// All a caller sees of a refusal.
fn seen(error: &Error) -> String {
    format!(
        "{error:?} {:?} {:?}",
        error.field_violations(),
        error.retry_after()
    )
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn known_and_unknown_addresses_get_the_same_answers() {
    let world = World::with(&["--limit-mails-address", "2"]).await;
    world.person("known@example.org").await;
    world.register("pending@example.org", PASSWORD).await.unwrap();
    let mut gateway = world.gateway.clone();
    // Past the limit of mails, too.
    for _ in 0..4 {
        let mut answers = Vec::new();
        for email in ["known@example.org", "unknown@example.org", "pending@example.org"] {
            let register = RegisterRequest {
                email: email.into(),
                password: PASSWORD.into(),
                ..Default::default()
            };
            let registered = gateway.register(register).await.unwrap().into_inner();
            let resend = ResendConfirmationRequest { email: email.into() };
            let resent = gateway.resend_confirmation(resend).await.unwrap().into_inner();
            let reset = RequestPasswordResetRequest { email: email.into() };
            let reset = gateway.request_password_reset(reset).await.unwrap().into_inner();
            answers.push((registered, resent, reset));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn every_failed_log_in_looks_the_same() {
    let world = World::new().await;
    world.person("known@example.org").await;
    world.register("pending@example.org", PASSWORD).await.unwrap();
    let too_long = "x".repeat(100_000);
    let mut refusals = Vec::new();
    for (email, password) in [
        ("known@example.org", "wrong password"),
        ("known@example.org", ""),
        ("known@example.org", too_long.as_str()),
        ("unknown@example.org", PASSWORD),
        ("pending@example.org", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
        ("' OR 1=1--", PASSWORD),
    ] {
        refusals.push(seen(&world.login(email, password).await.unwrap_err()));
    }
    assert!(
        refusals.iter().all(|refusal| *refusal == refusals[0]),
        "{refusals:#?}"
    );
}

/// The work is the same: a password is hashed and one write is made, whoever is asked for. Medians of interleaved calls, with
/// room for a busy machine; what is missing when a step is left out is the tens of milliseconds of a hash or a commit.
#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn known_and_unknown_addresses_cost_the_same() {
    let world = World::with(&["--limit-login-account", "0", "--limit-mails-address", "0"]).await;
    world.person("known@example.org").await;
    let mut login = [Vec::new(), Vec::new()];
    let mut register = [Vec::new(), Vec::new()];
    for _ in 0..15 {
        for (n, email) in ["known@example.org", "unknown@example.org"]
            .into_iter()
            .enumerate()
        {
            let started = std::time::Instant::now();
            world.login(email, "wrong password").await.unwrap_err();
            login[n].push(started.elapsed());
            let started = std::time::Instant::now();
            world.register(email, PASSWORD).await.unwrap();
            register[n].push(started.elapsed());
        }
    }
    for [mut known, mut unknown] in [login, register] {
        known.sort();
        unknown.sort();
        let (known, unknown) = (known[7], unknown[7]);
        assert!(
            known < 2 * unknown && unknown < 2 * known,
            "{known:?} and {unknown:?}"
        );
    }
}
