//! Every token, and what a restart remembers.

use super::*;
use crate::payment::PaymentProvider as _;
use comptoir_mesh::clock::TestClock;

fn open(folder: &Path) -> Arc<Sandbox> {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::default());
    Sandbox::open_in(folder, clock.clone(), Ids::new(clock)).unwrap()
}

fn charge(token: &str) -> Charge {
    Charge {
        order_id: format!("order_{token}"),
        token: token.to_owned(),
        amount: 4990,
        currency: "EUR".into(),
        return_url: None,
        payment_id: None,
    }
}

#[tokio::test]
async fn an_authorisation_is_made_once_and_remembered_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).authorize(&charge("tok_visa")).await.unwrap();
    let sandbox = open(folder.path());
    assert_eq!(sandbox.authorize(&charge("tok_visa")).await.unwrap(), first);
    let payment = sandbox.payment_of("order_tok_visa").await.unwrap();
    let outcomes: Vec<_> = payment
        .entries
        .iter()
        .map(|entry| entry.outcome.as_str())
        .collect();
    assert_eq!(outcomes, ["ok", "replayed"]);
}

#[tokio::test]
async fn every_token_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path());
    for token in ["tok_declined", "tok_insufficient_funds", "tok_of_nobody"] {
        let answer = sandbox.authorize(&charge(token)).await.unwrap();
        assert!(
            matches!(answer, Authorization::Declined { .. }),
            "{token}: {answer:?}"
        );
    }
    assert!(matches!(
        sandbox.authorize(&charge("tok_timeout")).await,
        Err(Failure::Unknown(_))
    ));
    let again = sandbox.authorize(&charge("tok_timeout")).await.unwrap();
    assert!(matches!(again, Authorization::Authorized { .. }));
    for _ in 0..3 {
        let answer = sandbox.authorize(&charge("tok_unavailable")).await;
        assert!(matches!(answer, Err(Failure::Unavailable(_))));
    }
    sandbox.authorize(&charge("tok_capture_fails")).await.unwrap();
    let failing = charge("tok_capture_fails");
    let capture = || sandbox.capture(&failing, "cap_1", 4990);
    assert!(matches!(capture().await.unwrap(), Outcome::Failed(_)));
    assert_eq!(capture().await.unwrap(), Outcome::Done);
    assert_eq!(capture().await.unwrap(), Outcome::Done);
    assert_eq!(
        sandbox
            .payment_of("order_tok_capture_fails")
            .await
            .unwrap()
            .captured,
        4990
    );
}

#[tokio::test]
async fn refunds_never_exceed_what_was_captured() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path());
    sandbox.authorize(&charge("tok_visa")).await.unwrap();
    let id = &charge("tok_visa");
    assert!(matches!(
        sandbox.refund(id, "r0", 1).await.unwrap(),
        Outcome::Refused(_)
    ));
    sandbox.capture(id, "cap_1", 4990).await.unwrap();
    assert!(matches!(
        sandbox.capture(id, "cap_2", 4990).await.unwrap(),
        Outcome::Refused(_)
    ));
    assert!(matches!(sandbox.void(id).await.unwrap(), Outcome::Refused(_)));
    for _ in 0..2 {
        assert_eq!(sandbox.refund(id, "r1", 4000).await.unwrap(), Outcome::Done);
    }
    assert!(matches!(
        sandbox.refund(id, "r2", 991).await.unwrap(),
        Outcome::Refused(_)
    ));
    assert_eq!(sandbox.payment_of(&id.order_id).await.unwrap().refunded, 4000);
}

#[tokio::test]
async fn an_authorisation_after_its_void_finds_it_voided() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path());
    assert_eq!(sandbox.void(&charge("tok_visa")).await.unwrap(), Outcome::Done);
    let late = sandbox.authorize(&charge("tok_visa")).await.unwrap();
    assert!(matches!(late, Authorization::Voided { .. }));
}

#[tokio::test]
async fn the_buyer_decides_once() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path());
    let answer = sandbox.authorize(&charge("tok_requires_action")).await.unwrap();
    let Authorization::RequiresAction {
        payment_id,
        redirect_url,
        ..
    } = answer
    else {
        panic!("an action is wanted: {answer:?}");
    };
    assert_eq!(redirect_url, format!("/sandbox/payments/{payment_id}"));
    assert_eq!(
        sandbox.resolve(&payment_id, true).await.unwrap().status,
        Status::Authorized
    );
    assert_eq!(
        sandbox.resolve(&payment_id, true).await.unwrap().entries.len(),
        2,
        "repeated in vain"
    );
    let error = sandbox.resolve(&payment_id, false).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::InvalidState);
}

/// Begins a call, and hangs up before it has an answer.
async fn give_up<T>(call: impl Future<Output = T>) {
    assert!(futures::poll!(std::pin::pin!(call)).is_pending());
}

#[tokio::test]
async fn what_its_caller_gave_up_on_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path());
    let (charge, id) = (charge("tok_visa"), "order_tok_visa");
    // Each call is made again, as after a time-out.
    give_up(sandbox.authorize(&charge)).await;
    sandbox.authorize(&charge).await.unwrap();
    give_up(sandbox.capture(&charge, "cap_1", 4990)).await;
    assert_eq!(
        sandbox.capture(&charge, "cap_1", 4990).await.unwrap(),
        Outcome::Done
    );
    give_up(sandbox.refund(&charge, "r1", 1000)).await;
    assert_eq!(sandbox.refund(&charge, "r1", 1000).await.unwrap(), Outcome::Done);
    let before = sandbox.payment_of(id).await.unwrap();
    let after = open(folder.path()).payment_of(id).await.unwrap();
    assert_eq!((after.captured, after.refunded), (4990, 1000));
    assert_eq!(after.id, before.id);
    let outcomes: Vec<_> = after.entries.iter().map(|entry| entry.outcome.as_str()).collect();
    assert_eq!(outcomes, ["ok", "replayed", "ok", "replayed", "ok", "replayed"]);
}
