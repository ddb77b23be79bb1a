//! SQLite keeps what the store's port promises.

use comptoir_notifier::store::{SqliteStore, contract};

macro_rules! kept {
    ($($promise:ident),* $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(folder.path().join("notifier.db").to_str().unwrap()).await.unwrap();
            contract::$promise(&store).await;
        })*
    };
}

kept!(
    an_event_is_recorded_once,
    an_event_without_deliveries_is_recorded,
    what_is_due_is_claimed_once,
    parallel_claims_do_not_overlap,
    an_ended_lease_is_taken_over,
    a_change_names_its_version,
    a_failure_is_due_after_its_pause,
    deliveries_are_paged,
    a_dead_letter_is_kept_once,
    the_mailbox_takes_a_message_once,
);
