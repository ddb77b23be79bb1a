//! The port for providers' reports, suppressed addresses and quotas. Each method is one atomic step.

use std::time::Duration;

use async_trait::async_trait;
use comptoir_mesh::error::Error;

use crate::domain::feedback::{CountedMail, Quota, Report, Suppression};

/// Providers' reports, suppressed addresses and quotas.
#[async_trait]
pub trait Feedback: Send + Sync + 'static {
    /// Suppresses an address; `false` if it is suppressed already, for the first reason.
    async fn suppress(&self, suppression: Suppression) -> Result<bool, Error>;

    /// Why an address, by its hash, is suppressed.
    async fn suppression(&self, address_hash: &str) -> Result<Option<Suppression>, Error>;

    /// Stores a report about a delivery; `false`, without effect, if the stored one's stage is the same or later.
    async fn report(&self, report: Report) -> Result<bool, Error>;

    /// The reports about these deliveries, in any order.
    async fn reports(&self, delivery_ids: &[String]) -> Result<Vec<Report>, Error>;

    /// Takes one from the daily quota; `false` if it is used up.
    async fn take(&self, quota: &Quota) -> Result<bool, Error>;

    /// Counts a mail for its address; `false` if `limit` others were counted within `window` before it. A counted mail
    /// stays counted.
    async fn count_mail(&self, mail: &CountedMail, limit: u32, window: Duration) -> Result<bool, Error>;

    /// Returns one that was taken and not used.
    async fn give_back(&self, quota: &Quota) -> Result<(), Error>;
}
