//! Streams that many readers share: one feed for each key, which runs while it has a reader.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use comptoir_mesh::context;
use futures::{Stream, StreamExt as _};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How many items a slow reader may be behind. It then skips to the newest ones.
const BUFFER: usize = 8;

type ByKey<K, T, E> = Arc<Mutex<HashMap<K, Weak<Feed<T, E>>>>>;

/// The running feeds.
pub(crate) struct Feeds<K, T, E> {
    by_key: ByKey<K, T, E>,
}

/// What a feed sends to its readers.
#[derive(Clone)]
pub(crate) enum Update<T, E> {
    Next(T),
    /// No more items will come.
    End(E),
}

struct Feed<T, E> {
    state: Mutex<State<T, E>>,
    /// Stops the source when the last reader is dropped.
    _stop: DropGuard,
}

struct State<T, E> {
    latest: Option<T>,
    /// `None` after the feed has ended.
    sender: Option<broadcast::Sender<Update<T, E>>>,
}

/// A reader of a feed.
pub(crate) struct Reader<T, E> {
    /// The item that was current when this reader joined.
    latest: Option<T>,
    update: broadcast::Receiver<Update<T, E>>,
    _feed: Arc<Feed<T, E>>,
}

impl<K, T, E> Default for Feeds<K, T, E> {
    fn default() -> Self {
        Self {
            by_key: Arc::default(),
        }
    }
}

impl<K, T, E> Feeds<K, T, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + 'static,
    E: Clone + Send + 'static,
{
    /// Joins the feed of a key at its current item. `None` if there is no such feed.
    pub(crate) fn join(&self, key: &K) -> Option<Reader<T, E>> {
        join(&self.lock(), key)
    }

    /// Joins the feed of a key at its current item, or starts one from `source`, in the context of this call.
    pub(crate) fn join_or_start<S>(&self, key: K, source: S) -> Reader<T, E>
    where
        S: Stream<Item = Update<T, E>> + Send + 'static,
    {
        let mut by_key = self.lock();
        if let Some(reader) = join(&by_key, &key) {
            return reader;
        }
        let (sender, update) = broadcast::channel(BUFFER);
        let stop = CancellationToken::new();
        let feed = Arc::new(Feed {
            state: Mutex::new(State {
                latest: None,
                sender: Some(sender),
            }),
            _stop: stop.clone().drop_guard(),
        });
        by_key.insert(key.clone(), Arc::downgrade(&feed));
        let task = FeedTask {
            key,
            feed: Arc::downgrade(&feed),
            by_key: self.by_key.clone(),
        };
        context::spawn(task.run(source, stop));
        Reader {
            latest: None,
            update,
            _feed: feed,
        }
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Weak<Feed<T, E>>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn join<K: Eq + Hash, T: Clone, E>(by_key: &HashMap<K, Weak<Feed<T, E>>>, key: &K) -> Option<Reader<T, E>> {
    let feed = by_key.get(key)?.upgrade()?;
    let (latest, update) = {
        let state = feed.state();
        (state.latest.clone(), state.sender.as_ref()?.subscribe())
    };
    Some(Reader {
        latest,
        update,
        _feed: feed,
    })
}

impl<T, E> Feed<T, E> {
    fn state(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task of a feed.
struct FeedTask<K: Eq + Hash, T, E> {
    key: K,
    feed: Weak<Feed<T, E>>,
    by_key: ByKey<K, T, E>,
}

impl<K: Eq + Hash, T: Clone, E: Clone> FeedTask<K, T, E> {
    async fn run(self, source: impl Stream<Item = Update<T, E>>, stop: CancellationToken) {
        let mut source = std::pin::pin!(source.take_until(stop.cancelled_owned()));
        while let Some(update) = source.next().await {
            let Some(feed) = self.feed.upgrade() else { return };
            // A reader that joins now gets an item either as the current one or as the next, never twice.
            let mut state = feed.state();
            let is_end = match &update {
                Update::Next(item) => {
                    state.latest = Some(item.clone());
                    false
                }
                Update::End(_) => true,
            };
            if let Some(sender) = &state.sender {
                let _ = sender.send(update);
            }
            if is_end {
                state.sender = None;
                return;
            }
        }
    }
}

impl<K: Eq + Hash, T, E> Drop for FeedTask<K, T, E> {
    /// Removes the feed, also if the source panicked.
    fn drop(&mut self) {
        if let Some(feed) = self.feed.upgrade() {
            feed.state().sender = None;
        }
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        if by_key
            .get(&self.key)
            .is_some_and(|running| running.ptr_eq(&self.feed))
        {
            by_key.remove(&self.key);
        }
    }
}

impl<T: Clone, E: Clone> Reader<T, E> {
    /// Returns the next update. `None` if the source stopped without an end.
    pub(crate) async fn next(&mut self) -> Option<Update<T, E>> {
        if let Some(latest) = self.latest.take() {
            return Some(Update::Next(latest));
        }
        loop {
            match self.update.recv().await {
                Ok(update) => return Some(update),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use tokio::sync::mpsc;
    use tokio_stream::wrappers::UnboundedReceiverStream;

    use super::*;

    type Numbers = Feeds<&'static str, u32, &'static str>;

    async fn numbers(mut reader: Reader<u32, &'static str>) -> (Vec<u32>, Option<&'static str>) {
        let mut all = Vec::new();
        loop {
            match reader.next().await {
                Some(Update::Next(number)) => all.push(number),
                Some(Update::End(end)) => return (all, Some(end)),
                None => return (all, None),
            }
        }
    }

    #[tokio::test]
    async fn one_source_serves_all_readers_of_a_key() {
        let feeds = Numbers::default();
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut first = feeds.join_or_start("a", UnboundedReceiverStream::new(receiver));
        sender.send(Update::Next(1)).expect("it is read");
        assert!(matches!(first.next().await, Some(Update::Next(1))));
        let second = feeds.join_or_start("a", stream::pending());
        let third = feeds.join(&"a").expect("it runs");
        assert!(feeds.join(&"b").is_none());
        sender.send(Update::Next(2)).expect("it is read");
        sender.send(Update::End("over")).expect("it is read");
        assert_eq!(numbers(first).await, (vec![2], Some("over")));
        assert_eq!(numbers(second).await, (vec![1, 2], Some("over")));
        assert_eq!(numbers(third).await, (vec![1, 2], Some("over")));
        sender.closed().await;
        assert!(feeds.join(&"a").is_none(), "what has ended takes no reader");
    }

    #[tokio::test]
    async fn a_source_stops_with_its_last_reader() {
        let feeds = Numbers::default();
        let (sender, receiver) = mpsc::unbounded_channel();
        let first = feeds.join_or_start("a", UnboundedReceiverStream::new(receiver));
        let second = feeds.join(&"a");
        drop(first);
        assert!(!sender.is_closed());
        drop(second);
        tokio::time::timeout(comptoir_mesh::testing::PATIENCE, sender.closed())
            .await
            .expect("the source goes on without a reader");
        tokio::time::timeout(comptoir_mesh::testing::PATIENCE, async {
            while feeds.count() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("a feed that is over is forgotten");
    }

    #[tokio::test]
    async fn a_source_that_panics_leaves_nobody_waiting() {
        let feeds = Numbers::default();
        let source = stream::once(async { panic!("a defect") });
        let reader = feeds.join_or_start("a", source);
        assert_eq!(numbers(reader).await, (vec![], None));
        assert!(feeds.join(&"a").is_none());
    }
}
