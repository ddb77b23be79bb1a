//! What other calls notice of searches.

use std::sync::mpsc;

use comptoir_mesh::testing::PATIENCE;

use super::super::{Index, filters::Filters, query::Sort};
use super::query;

#[tokio::test]
async fn calls_go_on_while_a_search_waits_for_the_index() {
    let index = Index::new(1, 1);
    let (held, is_held) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let writer = std::thread::spawn({
        let index = index.clone();
        move || {
            let state = index.write();
            held.send(()).unwrap();
            let released = released.recv_timeout(PATIENCE);
            drop(state);
            released
        }
    });
    is_held.recv().unwrap();
    let search = tokio::spawn({
        let index = index.clone();
        async move {
            index
                .search(query("", Filters::default(), Sort::Newest, 10))
                .await
        }
    });
    let suggestions = tokio::spawn(async move { index.suggest("a", 10).await });
    // This runtime has one thread: it comes back here only when none of the two keeps it.
    tokio::task::yield_now().await;
    tokio::spawn(async {}).await.unwrap();
    assert!(!search.is_finished() && !suggestions.is_finished());
    release.send(()).ok();
    let released = writer.join().unwrap();
    assert!(released.is_ok(), "a search that waits keeps a serving thread");
    assert_eq!(search.await.unwrap().unwrap().total, 0);
    assert!(suggestions.await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn few_products_are_searched_without_another_thread() {
    let index = Index::new(1, 1);
    let mut search = Box::pin(index.search(query("", Filters::default(), Sort::Newest, 10)));
    assert!(futures::poll!(&mut search).is_ready());
}
