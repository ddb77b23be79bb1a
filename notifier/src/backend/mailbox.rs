//! The mailbox in the notifier's store.

use jiff::Timestamp;

use super::Failure;
use crate::domain::message::Message;
use crate::store::Store;

pub(super) async fn send(store: &dyn Store, message: Message, now: Timestamp) -> Result<(), Failure> {
    match store.post(message, now).await {
        Ok(_new) => Ok(()),
        Err(error) => {
            tracing::warn!(error.cause = ?error, "the mailbox did not take a message");
            Err(Failure::Again("mailbox: not reachable".to_owned()))
        }
    }
}
