//! What the ports promise, as tests that every adapter runs: a function for each promise, given a store that is empty.

pub(crate) mod carts;
pub(crate) mod discounts;
pub(crate) mod orders;

/// Runs each promise on an SQLite file of its own.
macro_rules! on_sqlite {
    ($part:ident: $($promise:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    let folder = tempfile::tempdir().unwrap();
                    let path = folder.path().join("orders.db");
                    let stores = crate::store::sqlite::open(path.to_str().unwrap()).await.unwrap();
                    super::$promise(stores.$part).await;
                }
            )+
        }
    };
}
pub(crate) use on_sqlite;
