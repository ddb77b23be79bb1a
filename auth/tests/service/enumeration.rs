//! No answer reveals whether an address has an account.

use std::time::Duration;

use comptoir_mesh::error::{Error, ErrorReason};
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
    let mut refusals = Vec::new();
    for (email, password) in [
        ("known@example.org", "wrong password"),
        ("known@example.org", ""),
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

/// The work is the same for every address: one hash and one write. Compares medians of interleaved calls, with a
/// tolerance for a busy machine; a step that is left out would show as the tens of milliseconds of a hash or a commit.
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

/// A password that no account can have is refused before any account is read.
#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn a_password_over_the_limit_says_nothing_of_the_address() {
    let world = World::new().await;
    world.person("known@example.org").await;
    let long = "x1".repeat(513);
    let known = world.login("known@example.org", &long).await.unwrap_err();
    let unknown = world.login("unknown@example.org", &long).await.unwrap_err();
    assert_eq!(seen(&known), seen(&unknown));
    assert_eq!(known.reason(), ErrorReason::ValidationFailed);
    assert_eq!(known.field_violations()[0].field, "password");
}

/// Samples of each address: enough to detect a third of the spread among calls.
const SAMPLES: usize = 300;

/// Requests for mails reveal known addresses neither by their answer nor by their time: the two samples could be of one
/// distribution. Calls are interleaved in changing order, so that other load affects both alike and only a repeated
/// difference counts.
#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn known_and_unknown_addresses_take_the_same_time() {
    let world = World::new().await;
    world.person("known@example.org").await;
    world.register("pending@example.org", PASSWORD).await.unwrap();
    for (kind, known) in [("reset", "known@example.org"), ("resend", "pending@example.org")] {
        let mut chance = 0.0;
        for _ in 0..3 {
            chance = same_distribution(&sample(&world, kind, known).await);
            if chance > 1e-6 {
                break;
            }
        }
        assert!(chance > 1e-6, "{kind} tells {known} by its time: p = {chance:e}");
    }
}

/// The times of calls for a known and an unknown address.
async fn sample(world: &World, kind: &str, known: &str) -> [Vec<Duration>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    let mut gateway = world.gateway.clone();
    for n in 0..2 * SAMPLES {
        // known, unknown, unknown, known …
        let which = usize::from(matches!(n % 4, 1 | 2));
        let email = if which == 0 {
            known.to_owned()
        } else {
            format!("{kind}{n}@example.org")
        };
        let started = std::time::Instant::now();
        if kind == "reset" {
            let request = RequestPasswordResetRequest { email };
            gateway.request_password_reset(request).await.unwrap();
        } else {
            let request = ResendConfirmationRequest { email };
            gateway.resend_confirmation(request).await.unwrap();
        }
        times[which].push(started.elapsed());
    }
    times
}

/// The probability of two samples this different if they are of one distribution (the Kolmogorov–Smirnov test).
fn same_distribution([one, other]: &[Vec<Duration>; 2]) -> f64 {
    let mut all: Vec<(Duration, bool)> = one.iter().map(|&time| (time, true)).collect();
    all.extend(other.iter().map(|&time| (time, false)));
    all.sort_unstable();
    let (mut apart, mut furthest) = (0_i64, 0_i64);
    for (_, is_one) in all {
        apart += if is_one { 1 } else { -1 };
        furthest = furthest.max(apart.abs());
    }
    let size = one.len() as f64;
    let distance = furthest as f64 / size;
    let root = (size / 2.0).sqrt();
    let scaled = (root + 0.12 + 0.11 / root) * distance;
    // The series converges within a few terms, and to 1 for small distances.
    let series: f64 = (1..=100)
        .map(|k: i32| {
            let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
            sign * (-2.0 * f64::from(k).powi(2) * scaled.powi(2)).exp()
        })
        .sum();
    if scaled < 0.2 { 1.0 } else { series.clamp(0.0, 1.0) }
}

#[test]
fn a_small_difference_of_every_call_is_found() {
    let times = |base: u64| {
        let spread = (0..SAMPLES as u64).map(|n| Duration::from_micros(base + (n * 7919) % 1000));
        spread.collect::<Vec<_>>()
    };
    assert!(same_distribution(&[times(1000), times(1000)]) > 0.9);
    assert!(same_distribution(&[times(1000), times(1030)]) > 0.01);
    assert!(same_distribution(&[times(1000), times(1300)]) < 1e-6);
}
