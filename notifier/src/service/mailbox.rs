//! The development mailbox.

use comptoir_mesh::config::Profile;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::notifier::v1::{ListMailboxRequest, ListMailboxResponse};

use super::{Handler, page};
use crate::convert;
use crate::domain::message::Recipient;

pub(super) async fn list(
    handler: &Handler,
    request: ListMailboxRequest,
) -> Result<ListMailboxResponse, Error> {
    if handler.env.profile == Profile::Production {
        return Err(Error::new(
            ErrorReason::Forbidden,
            "The mailbox is there in the development profile alone.",
        ));
    }
    let page = page(request.page_size, &request.page_token, 100, 1000)?;
    let to = (!request.to.trim().is_empty()).then(|| Recipient::lookup_key(&request.to));
    let mut found = handler
        .store
        .mailbox(to.as_deref(), page.after, page.size + 1)
        .await?;
    let more = found.len() > page.size as usize;
    found.truncate(page.size as usize);
    let next_page_token = found
        .last()
        .filter(|_| more)
        .map(|posted| posted.position().cursor())
        .unwrap_or_default();
    Ok(ListMailboxResponse {
        messages: found.into_iter().map(convert::posted).collect(),
        next_page_token,
    })
}
