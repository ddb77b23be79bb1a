//! Step 5: reserved units become sold. An expired reservation is made again, or the order fails. Undone by the release
//! of step 3, which returns sold units too.

use comptoir_proto::catalog::v1::ConfirmReservationRequest;

use crate::{
    engine::{Halt, run::Run},
    fail_points,
};

impl Run {
    /// Sells the units to the order.
    pub(super) async fn confirm(&mut self) -> Result<(), Halt> {
        let request = ConfirmReservationRequest {
            reservation_id: self.order.id.clone(),
        };
        let confirmed = self
            .inventory(fail_points::CONFIRM, |mut client| {
                let request = request.clone();
                async move { client.confirm_reservation(request).await }
            })
            .await?;
        match confirmed {
            Ok(_) => Ok(()),
            Err(error) => self.refused_by_stock(&error).await,
        }
    }
}
