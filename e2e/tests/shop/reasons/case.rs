//! A row of the table: a reason, its status, and what provokes it.

use std::{panic::AssertUnwindSafe, time::Duration};

use comptoir_mesh::error::ErrorReason;
use futures::{FutureExt as _, future::BoxFuture};
use tokio::time::{Instant, sleep};

use super::answer::Refusal;
use super::world::{Watch, World};

/// Longer than a refusal takes to undo its steps.
const SETTLE: Duration = Duration::from_secs(10);

/// What provokes a refusal.
pub(crate) type Run = for<'a> fn(&'a World) -> BoxFuture<'a, Provoked>;

/// A row of the table.
pub(crate) struct Case {
    pub(crate) reason: ErrorReason,
    /// The status in the API's table, repeated here.
    pub(crate) status: u16,
    pub(crate) run: Run,
}

/// A row: reason, status, function.
macro_rules! case {
    ($reason:ident, $status:literal, $function:path) => {
        $crate::reasons::case::Case {
            reason: comptoir_mesh::error::ErrorReason::$reason,
            status: $status,
            run: |world| Box::pin($function(world)),
        }
    };
}
pub(crate) use case;

/// The refusals that a case provoked, and the state that must not have changed.
pub(crate) struct Provoked {
    refusals: Vec<Refusal>,
    watch: Option<Watch>,
}

impl Provoked {
    /// The watched state must not have changed.
    pub(crate) fn without_effect(watch: Watch, refusals: Vec<Refusal>) -> Self {
        Self {
            refusals,
            watch: Some(watch),
        }
    }

    /// There is nothing to compare; `reason` says why, for the reader.
    pub(crate) fn effectless(_reason: &'static str, refusals: Vec<Refusal>) -> Self {
        Self {
            refusals,
            watch: None,
        }
    }

    /// The case itself has compared the state.
    pub(crate) fn compared(refusals: Vec<Refusal>) -> Self {
        Self {
            refusals,
            watch: None,
        }
    }
}

/// The code as clients see it.
pub(crate) fn code(reason: ErrorReason) -> &'static str {
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
}

/// Runs all rows of a group on its shop, one after another, and names all that failed.
pub(crate) async fn walk(world: &World, cases: &[Case]) {
    let pid = world.shop.pid();
    let mut failed = Vec::new();
    for case in cases {
        let code = code(case.reason);
        let outcome = AssertUnwindSafe(async {
            let provoked = (case.run)(world).await;
            assert!(!provoked.refusals.is_empty(), "{code}: nothing was provoked");
            for refusal in &provoked.refusals {
                refusal.check(code, case.status);
            }
            if let Some(watch) = provoked.watch {
                let end = Instant::now() + SETTLE;
                let mut after = watch.again(world).await;
                while after != watch.state && Instant::now() < end {
                    sleep(Duration::from_millis(100)).await;
                    after = watch.again(world).await;
                }
                assert_eq!(after, watch.state, "{code} had an effect");
            }
        });
        if outcome.catch_unwind().await.is_err() {
            failed.push(code);
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} failed: {failed:?}",
        failed.len(),
        cases.len()
    );
    world.serves().await;
    world.lives(pid);
}
