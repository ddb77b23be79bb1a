//! Takes up what was left lying: orders whose driver died, captures and refunds to be tried again, bank actions to be looked
//! at, holds that ended. One indexed read a second when there is nothing to do.

use std::time::Duration;

use comptoir_mesh::{Env, Error};
use tokio::sync::watch;

use crate::{
    domain::order::State,
    engine::{Engine, Progress},
};

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(1);
/// Orders taken up at once.
const BATCH: usize = 64;
/// Drives of this process past which it takes up no more.
const DRIVES: usize = 256;
/// Orders taken up each time all the same: under a load of calls that never lets up, what was left lying has its turn too.
const LEAST: usize = 8;
/// How often claims are looked over.
const CLAIMS_PERIOD: u32 = 60;
/// A claim younger than this is somebody's work.
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
            // Not waited for: one that a slow provider holds up must not hold up the others. A full batch is followed by
            // another: after an outage there may be many.
            for _ in 0..DRIVES / BATCH {
                match engine.take_up().await {
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
    /// Begins a drive of every order that is due and that nobody drives here.
    async fn take_up(&self) -> Result<Vec<watch::Receiver<Progress>>, Error> {
        let room = DRIVES.saturating_sub(self.drives()).max(LEAST);
        let due = self.stores.orders.due_orders(self.now(), room.min(BATCH)).await?;
        let idle = due.into_iter().filter(|id| self.running(id).is_none());
        Ok(idle.map(|id| self.begin_advance(&id)).collect())
    }

    /// Takes every order on that is due, and says how many there were once they rest.
    #[cfg(test)]
    pub(crate) async fn sweep(&self) -> Result<usize, Error> {
        let drives = self.take_up().await?;
        let taken = drives.len();
        for drive in drives {
            // What went wrong is logged by the drive, and the order has its next date.
            let _ = crate::engine::ended(drive).await;
        }
        Ok(taken)
    }

    /// Lets claims go whose order ended or never was, and notes those that were placed. The drive does so itself; this is
    /// for what no drive can know of any more.
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
