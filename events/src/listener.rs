//! What every replica hears.

use tokio::sync::broadcast::{self, error::RecvError};

use super::Record;

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The next record.
    Record(Record),
    /// Records may have been missed since the last one: what was made from the store before is to be read anew.
    Missed,
}

/// The records of one topic from a moment on.
pub struct Listener {
    pub(super) topic: &'static str,
    pub(super) heard: broadcast::Receiver<Heard>,
}

impl Listener {
    /// Waits for what comes next; `None` once nothing comes any more. Safe to cancel.
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
