//! Where searches run: beside the threads that serve calls, a bounded number at once. A search of a million products takes tens
//! of milliseconds, in which a serving thread would answer hundreds of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use comptoir_mesh::{Error, error::ErrorReason};
use tokio::sync::Semaphore;

/// Turns to search. A caller that gives up leaves the queue; a search that has begun keeps its turn until it ends.
#[derive(Debug)]
pub(crate) struct Pool {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// How many may wait; 0 is no limit.
    queue: usize,
}

impl Pool {
    /// `at_once` run, `queue` wait.
    pub(crate) fn new(at_once: usize, queue: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(at_once)),
            waiting: AtomicUsize::new(0),
            queue,
        }
    }

    /// What `work` gives. OVERLOADED when too many wait already.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turns = Arc::clone(&self.turns);
        let turn = match Arc::clone(&turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => {
                let _waiting = Waiting::enter(&self.waiting, self.queue)?;
                turns.acquire_owned().await.map_err(Error::internal)?
            }
        };
        let running = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        running.await.map_err(Error::internal)
    }
}

/// Counts who waits, also when the wait is given up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize, limit: usize) -> Result<Self, Error> {
        let entered = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= limit && limit > 0 {
            drop(entered);
            let message = "Too many are searching. Try again shortly.";
            return Err(Error::new(ErrorReason::Overloaded, message).with_retry_after(Duration::from_secs(1)));
        }
        Ok(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_beside_the_threads_that_serve() {
        let pool = Pool::new(1, 1);
        let thread = pool.run(|| std::thread::current().id()).await.unwrap();
        assert_ne!(thread, std::thread::current().id());
    }

    #[tokio::test]
    async fn past_the_queue_it_is_overloaded_and_who_gives_up_leaves_the_queue() {
        let pool = Pool::new(1, 1);
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let mut running = Box::pin(pool.run(move || ended.recv()));
        assert!(futures::poll!(&mut running).is_pending());
        let mut second = Box::pin(pool.run(|| ()));
        assert!(futures::poll!(&mut second).is_pending());
        let refused = pool.run(|| ()).await.unwrap_err();
        assert_eq!(refused.reason(), ErrorReason::Overloaded);
        drop(second);
        let mut third = Box::pin(pool.run(|| 3));
        assert!(futures::poll!(&mut third).is_pending(), "there is room again");
        // The search that runs keeps its turn although its caller has given up.
        drop(running);
        assert!(futures::poll!(&mut third).is_pending());
        end.send(()).unwrap();
        assert_eq!(third.await.unwrap(), 3);
    }
}
