//! Decodes pictures, few at once: each may take much memory.

use std::sync::Arc;

use comptoir_mesh::Error;
use tokio::sync::Semaphore;

use super::Refused;
use crate::domain::{Media, MediaType};

/// Cheap to clone; clones share the permits.
#[derive(Clone)]
pub(crate) struct Decoder(Arc<Semaphore>);

impl Decoder {
    /// Decodes so many pictures at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// The picture as it is stored.
    pub(crate) async fn clean(
        &self,
        kind: MediaType,
        file: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Result<Media, Refused>, Error> {
        self.run(move || super::clean(kind, file.as_ref())).await
    }

    /// Waits for a permit and works. The permit is held until the work ends, though the caller may have given up before.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let permit = Arc::clone(&self.0)
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        let running = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        running.await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use comptoir_mesh::testing::PATIENCE;

    use super::*;

    /// What decodings wait for, and how many there are.
    #[derive(Default)]
    struct Gate {
        open: Mutex<bool>,
        opened: Condvar,
        running: AtomicUsize,
        most: AtomicUsize,
    }

    impl Gate {
        fn pass(&self) {
            let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let closed = self.open.lock().unwrap();
            drop(self.opened.wait_while(closed, |open| !*open).unwrap());
            self.running.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn uploads_that_are_given_up_do_not_make_more_decodings_at_once_than_permits() {
        const PERMITS: usize = 2;
        let decoder = Decoder::new(PERMITS);
        let gate = Arc::new(Gate::default());
        for _ in 0..200 {
            // The last byte has come, and the decoding begins if it may. Then the caller goes.
            let gate = Arc::clone(&gate);
            let mut upload = Box::pin(decoder.run(move || gate.pass()));
            assert!(futures::poll!(&mut upload).is_pending());
        }
        // Behind all that were begun.
        tokio::task::spawn_blocking(|| ()).await.expect("it runs");
        *gate.open.lock().unwrap() = true;
        gate.opened.notify_all();
        // The permits come back, and what comes then is decoded.
        let all = async {
            let (one, other) = tokio::join!(decoder.run(|| ()), decoder.run(|| ()));
            one.and(other)
        };
        let next = tokio::time::timeout(PATIENCE, all).await;
        assert!(next.is_ok_and(|next| next.is_ok()), "a permit was lost");
        let most = gate.most.load(Ordering::SeqCst);
        assert!(
            (1..=PERMITS).contains(&most),
            "{most} decodings at once, with {PERMITS} permits"
        );
    }
}
