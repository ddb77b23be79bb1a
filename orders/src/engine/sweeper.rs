//! The sweeper: continues orders whose process died, captures and refunds that are to be retried, bank actions that are
//! due, and expired holds. When there is no work it makes one indexed read a second.

use std::time::Duration;

use comptoir_mesh::{Env, Error};
use tokio::sync::watch;

use crate::{
    domain::order::State,
    engine::{Engine, Progress},
};

/// The interval of sweeps.
const PERIOD: Duration = Duration::from_secs(1);
/// Orders continued at once.
const BATCH: usize = 64;
/// The number of runs in this process above which the sweeper starts no more.
const RUNS: usize = 256;
/// Orders continued in every sweep, so that they progress under constant load too.
const LEAST: usize = 8;
/// Sweeps between two checks of claims.
const CLAIMS_PERIOD: u32 = 60;
/// A younger claim belongs to a running call.
const CLAIM_AGE: Duration = Duration::from_secs(60);

/// Sweeps until the process drains.
pub(crate) fn spawn(engine: Engine, env: &Env) {
    let shutdown = env.shutdown.clone();
    env.tasks.spawn("sweeper", async move {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut round = 0_u32;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = ticks.tick() => {}
            }
            // Does not wait for runs: one with a slow provider must not delay the others. A full batch is followed by
            // another, since there may be many after an outage.
            for _ in 0..RUNS / BATCH {
                match engine.start_due().await {
                    Ok(begun) if begun.len() == BATCH => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(error.cause = ?error, "the sweeper cannot read the store");
                        break;
                    }
                }
            }
            if round.is_multiple_of(CLAIMS_PERIOD)
                && let Err(error) = engine.sweep_claims().await
            {
                tracing::warn!(error.cause = ?error, "the sweeper cannot look over claims");
            }
            round = round.wrapping_add(1);
        }
    });
}

impl Engine {
    /// Starts a run of every due order that has none in this process.
    async fn start_due(&self) -> Result<Vec<watch::Receiver<Progress>>, Error> {
        let room = RUNS.saturating_sub(self.runs()).max(LEAST);
        let due = self.stores.orders.due_orders(self.now(), room.min(BATCH)).await?;
        let idle = due.into_iter().filter(|id| self.running(id).is_none());
        Ok(idle.map(|id| self.begin_advance(&id)).collect())
    }

    /// Runs every due order, and returns their number once they rest.
    #[cfg(test)]
    pub(crate) async fn sweep(&self) -> Result<usize, Error> {
        let drives = self.start_due().await?;
        let taken = drives.len();
        for drive in drives {
            // The run logs its failure, and the order is due again later.
            let _ = crate::engine::ended(drive).await;
        }
        Ok(taken)
    }

    /// Releases claims whose order failed or was never written, and marks carts that were ordered. Runs do this
    /// themselves; this is for orders without a run.
    pub(crate) async fn sweep_claims(&self) -> Result<(), Error> {
        let now = self.now();
        let claimed = self.stores.carts.claimed_carts(now - CLAIM_AGE, BATCH).await?;
        for cart in claimed {
            let Some(claim) = &cart.claim else { continue };
            let order = self.stores.orders.order(&claim.order_id).await?;
            match order.filter(|order| order.cart_id == cart.id) {
                None => {
                    self.stores
                        .carts
                        .release_claim(&cart.id, &claim.order_id, false, now)
                        .await?;
                }
                Some(order) if order.was_placed() => {
                    self.stores.carts.mark_ordered(&cart.id, &order.id, now).await?;
                }
                Some(order) if matches!(order.state, State::Failed | State::Canceled) => {
                    self.stores
                        .carts
                        .release_claim(&cart.id, &order.id, true, now)
                        .await?;
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
