//! Listeners, which see every record in every replica.

use tokio::sync::broadcast::{self, error::RecvError};

use super::Record;

/// What a listener receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The next record.
    Record(Record),
    /// Records may have been missed since the last one: whatever was derived from the store has to be read again.
    Missed,
}

/// The records of one topic, from its creation on.
pub struct Listener {
    pub(super) topic: &'static str,
    pub(super) heard: broadcast::Receiver<Heard>,
}

impl Listener {
    /// Waits for the next record; `None` at the end. Safe to cancel.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            match self.heard.recv().await {
                Ok(Heard::Record(record)) if record.topic != self.topic => {}
                Ok(heard) => return Some(heard),
                Err(RecvError::Lagged(_)) => return Some(Heard::Missed),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
