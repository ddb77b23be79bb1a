//! The other half of the port: what providers told, and what was used up. Each method is one atomic step here too.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::error::Error;

use crate::domain::feedback::{CountedMail, Quota, Report, Suppression};

/// What providers told, and what was used up.
#[async_trait]
pub trait Feedback: Send + Sync + 'static {
    /// Puts an address on the suppression list; `false` when it is there already, whose reason stays.
    async fn suppress(&self, suppression: Suppression) -> Result<bool, Error>;

    /// Why an address, by its hash, is not written to.
    async fn suppression(&self, address_hash: &str) -> Result<Option<Suppression>, Error>;

    /// Keeps a report of a delivery; `false`, and nothing, when one is there that is as far or further.
    async fn report(&self, report: Report) -> Result<bool, Error>;

    /// What was told of these deliveries, in no order.
    async fn reports(&self, delivery_ids: &[String]) -> Result<Vec<Report>, Error>;

    /// Takes one of what the day has; `false` when nothing is left.
    async fn take(&self, quota: &Quota) -> Result<bool, Error>;

    /// Counts a mail for its address, unless `limit` others were within `window` before it: then `false`. One that is counted
    /// stays so.
    async fn count_mail(&self, mail: &CountedMail, limit: u32, window: Duration) -> Result<bool, Error>;

    /// Gives back one that was taken and not used.
    async fn give_back(&self, quota: &Quota) -> Result<(), Error>;
}
