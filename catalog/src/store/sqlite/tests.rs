//! The promises, on SQLite; and what is this adapter's own.

use std::sync::Arc;

use comptoir_events::Outbox as _;
use comptoir_mesh::{clock::TestClock, ids::Ids};
use tempfile::TempDir;

use super::SqliteStore;
use crate::store::{ProductStore, StockStore, Store, contract::contract};

async fn open(folder: &TempDir, clock: &Arc<TestClock>) -> SqliteStore {
    let path = folder.path().join("catalog.db");
    SqliteStore::open(path.to_str().unwrap(), clock.clone(), Ids::new(clock.clone()))
        .await
        .unwrap()
}

async fn fresh(_test: &str) -> Option<(TempDir, Arc<dyn Store>)> {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &Arc::default()).await;
    Some((folder, Arc::new(store)))
}

contract!(super::fresh);

/// A service whose clock is wrong frees no live reservation, and keeps none that has ended: the database's clock counts.
#[tokio::test]
async fn holds_end_by_the_clock_of_the_database() {
    use crate::domain::Reservation;
    use std::time::Duration;
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<TestClock> = Arc::default();
    let store = open(&folder, &clock).await;
    let draft = crate::store::contract::draft("Globe", 2);
    let globe = store.create_product(draft, "user_staff").await.unwrap().variants[0]
        .id
        .clone();
    let reservation = |id: &str, ttl| Reservation::new(id.to_owned(), &[(globe.clone(), 1)], ttl).unwrap();
    store
        .reserve_stock(reservation("order_live", Duration::from_secs(600)))
        .await
        .unwrap();
    clock.advance(Duration::from_secs(3600));
    assert_eq!(store.expire_reservations(10).await.unwrap(), 0);
    clock.set("2000-01-01T00:00:00Z".parse().unwrap());
    store
        .reserve_stock(reservation("order_over", Duration::ZERO))
        .await
        .unwrap();
    assert_eq!(store.expire_reservations(10).await.unwrap(), 1);
}

/// What was acknowledged is there after the process was killed: nothing is closed here before it is opened again.
#[tokio::test]
async fn what_was_acknowledged_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<TestClock> = Arc::default();
    let store = open(&folder, &clock).await;
    let product = store
        .create_product(crate::store::contract::draft("Sofa", 2), "user_staff")
        .await
        .unwrap();
    let again = open(&folder, &clock).await;
    assert_eq!(
        again.products(std::slice::from_ref(&product.id)).await.unwrap(),
        [product]
    );
    assert_eq!(again.pending(10).await.unwrap().len(), 1);
}
