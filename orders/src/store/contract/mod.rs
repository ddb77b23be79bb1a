//! What the ports promise, as tests that every adapter runs: a function for each promise, given a store that is empty.

mod carts;
mod discounts;
mod events;
mod lists;
pub(crate) mod orders;
mod uses;
mod webhooks;
mod whole;

/// Runs each promise on an SQLite file of its own, and on a MongoDB database of its own.
macro_rules! on_every_store {
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
        mod mongo {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    let name = concat!(module_path!(), "::", stringify!($promise));
                    if let Some(database) = crate::testing::mongo::Database::of(name) {
                        let stores = crate::store::contract::on_server(&database).await;
                        super::$promise(stores.$part).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_every_store;

/// The stores in this database.
pub(crate) async fn on_server(database: &crate::testing::mongo::Database) -> crate::store::Stores {
    let test = comptoir_mesh::testing::TestEnv::new();
    let location = test
        .env
        .store("orders", Some(database.url()), comptoir_mesh::env::Server::Mongo);
    crate::store::open(&location.unwrap()).await.unwrap()
}
