//! Deliveries: listed, read and retried.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::ids::is_id;
use comptoir_proto::notifier::v1::{
    GetDeliveryResponse, ListDeliveriesRequest, ListDeliveriesResponse, RetryDeliveryResponse,
};

use super::{Handler, page};
use crate::convert;
use crate::domain::delivery::{Delivery, Status};

/// Attempts at a compare-and-set.
const TRIES: u32 = 5;

pub(super) async fn list(
    handler: &Handler,
    request: ListDeliveriesRequest,
) -> Result<ListDeliveriesResponse, Error> {
    let page = page(request.page_size, &request.page_token, 50, handler.env.limit_list)?;
    let status = match request.status.as_str() {
        "" => None,
        name => Some(Status::from_name(name).ok_or_else(|| {
            let names = Status::ALL.map(Status::as_str).join(", ");
            Error::field(
                "status",
                ErrorReason::ValidationFailed,
                format!("A status is one of {names}."),
            )
        })?),
    };
    // One more than requested tells whether there is a next page.
    let mut found = handler
        .store
        .deliveries(status, page.after, page.size + 1)
        .await?;
    let more = found.len() > page.size as usize;
    found.truncate(page.size as usize);
    let cursors: Vec<String> = found
        .iter()
        .map(|delivery| delivery.position().cursor())
        .collect();
    let ids: Vec<String> = found.iter().map(|delivery| delivery.id.clone()).collect();
    let reports = handler.store.reports(&ids).await?;
    Ok(ListDeliveriesResponse {
        next_page_token: cursors.last().filter(|_| more).cloned().unwrap_or_default(),
        cursors,
        total_count: handler.store.count(status).await?,
        deliveries: found
            .iter()
            .map(|delivery| convert::delivery(delivery, &reports))
            .collect(),
    })
}

pub(super) async fn get(handler: &Handler, id: &str) -> Result<GetDeliveryResponse, Error> {
    let delivery = find(handler, id).await?;
    let reports = handler.store.reports(std::slice::from_ref(&delivery.id)).await?;
    Ok(GetDeliveryResponse {
        delivery: Some(convert::delivery(&delivery, &reports)),
    })
}

pub(super) async fn retry(handler: &Handler, id: &str) -> Result<RetryDeliveryResponse, Error> {
    for _ in 0..TRIES {
        let now = handler.env.clock.now();
        let retried = find(handler, id).await?.retried(now).map_err(|status| {
            let status = status.as_str();
            let message = format!(
                "The delivery is {status}; only one that is failed, dead or suppressed can be sent again."
            );
            Error::new(ErrorReason::InvalidState, message)
        })?;
        if handler.store.save(retried.clone()).await? {
            handler.wake.notify_one();
            return Ok(RetryDeliveryResponse {
                delivery: Some(convert::delivery(&retried, &[])),
            });
        }
    }
    Err(Error::new(
        ErrorReason::VersionConflict,
        "The delivery is being changed. Read it again.",
    ))
}

async fn find(handler: &Handler, id: &str) -> Result<Delivery, Error> {
    if !is_id(id, "dlv_") {
        return Err(Error::field(
            "delivery_id",
            ErrorReason::InvalidId,
            "A delivery's id begins with dlv_.",
        ));
    }
    let found = handler.store.delivery(id).await?;
    found.ok_or_else(|| Error::new(ErrorReason::NotFound, "There is no such delivery."))
}
