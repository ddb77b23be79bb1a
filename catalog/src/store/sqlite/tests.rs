//! The promises, on SQLite; and what is this adapter's own.

use std::sync::Arc;

use comptoir_mesh::{clock::TestClock, events::Outbox as _, ids::Ids};
use tempfile::TempDir;

use super::SqliteStore;
use crate::store::{Store, contract::contract};

async fn open(folder: &TempDir, clock: &Arc<TestClock>) -> SqliteStore {
    let path = folder.path().join("catalog.db");
    SqliteStore::open(path.to_str().unwrap(), clock.clone(), Ids::new(clock.clone()))
        .await
        .unwrap()
}

async fn fresh() -> (TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &Arc::default()).await;
    (folder, Arc::new(store))
}

contract! {
    super::fresh:
    products {
        what_was_written_is_read,
        slugs_are_unique,
        one_of_two_editors_wins,
        an_update_without_a_change_writes_nothing,
        variants_come_stay_and_go,
        what_was_deleted_is_gone,
        lists_are_sorted_and_paged_without_gaps,
        lists_are_filtered,
        an_import_is_created_then_unchanged,
        what_an_import_does_not_name_stays,
        an_import_that_is_no_product_is_refused,
        changes_are_told_before_the_answer,
    }
    categories {
        a_tree_has_no_circles,
        slugs_of_categories_are_unique,
        what_stood_in_a_deleted_category_moves_up,
    }
    stock {
        an_adjustment_happens_once,
        what_is_held_cannot_be_taken,
        the_ledger_is_paged_newest_first,
        low_stock_is_listed_fewest_first,
    }
    reservations {
        many_buyers_sell_what_there_is,
        all_lines_are_held_or_none,
        lines_of_one_variant_count_together,
        what_is_not_for_sale_is_refused,
        repeating_changes_nothing,
        the_same_step_at_once_happens_once,
        a_release_that_comes_first_wins,
        an_ended_hold_is_in_nobodys_way,
        a_live_hold_is_not_ended,
        the_sweeper_ends_what_is_over,
        opposite_orders_do_not_meet,
        units_are_conserved_whatever_happens,
        a_hold_survives_its_product,
    }
    events {
        each_change_is_announced,
        sequences_have_no_gaps,
    }
}

/// A service whose clock is wrong frees no live hold, and keeps none that has ended: the database's clock counts.
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
    let hold = |id: &str, ttl| Reservation::new(id.to_owned(), &[(globe.clone(), 1)], ttl).unwrap();
    store
        .reserve(hold("order_live", Duration::from_secs(600)))
        .await
        .unwrap();
    clock.advance(Duration::from_secs(3600));
    assert_eq!(store.expire_reservations(10).await.unwrap(), 0);
    clock.set("2000-01-01T00:00:00Z".parse().unwrap());
    store.reserve(hold("order_over", Duration::ZERO)).await.unwrap();
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
