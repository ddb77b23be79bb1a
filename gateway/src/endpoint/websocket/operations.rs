//! The running operations of a socket.

use std::collections::HashMap;

use futures::future::AbortHandle;

/// Operations by the client's id. A client may reuse an id as soon as its operation ended, while messages of that operation
/// are still queued, so each operation also has a number.
#[derive(Default)]
pub(super) struct Operations {
    running: HashMap<String, (u64, AbortHandle)>,
    last: u64,
}

impl Operations {
    /// Returns the number of the next operation.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn begin(&mut self, id: String, number: u64, operation: AbortHandle) {
        self.running.insert(id, (number, operation));
    }

    pub(super) fn is_running(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// Whether the operation with this id has this number.
    pub(super) fn is(&self, id: &str, number: u64) -> bool {
        self.running
            .get(id)
            .is_some_and(|(running, _)| *running == number)
    }

    pub(super) fn count(&self) -> usize {
        self.running.len()
    }

    /// Removes an operation and aborts it.
    pub(super) fn end(&mut self, id: &str) {
        if let Some((_, operation)) = self.running.remove(id) {
            operation.abort();
        }
    }
}

impl Drop for Operations {
    fn drop(&mut self) {
        for (_, operation) in self.running.values() {
            operation.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_used_again_belongs_to_the_newer_operation() {
        let mut operations = Operations::default();
        let (first, _) = AbortHandle::new_pair();
        let (second, _) = AbortHandle::new_pair();
        let old = operations.number();
        operations.begin("1".to_owned(), old, first.clone());
        operations.end("1");
        assert!(first.is_aborted() && !operations.is("1", old));
        let new = operations.number();
        operations.begin("1".to_owned(), new, second.clone());
        // A message of the old operation in the queue does not end the new one.
        assert!(operations.is("1", new) && !operations.is("1", old));
        assert_eq!(operations.count(), 1);
        operations.end("1");
        assert!(second.is_aborted() && !operations.is_running("1"));
    }
}
