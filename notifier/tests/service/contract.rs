//! SQLite and MongoDB hold the contract of the store's port.

use comptoir_notifier::store::contract;

use crate::stores::{Mongo, Sqlite};

macro_rules! kept {
    ($($promise:ident),* $(,)?; of two: $($promise_of_two:ident),* $(,)?) => {
        mod on_sqlite {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let sqlite = Sqlite::new();
                contract::$promise(&sqlite.open().await).await;
            })*
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise_of_two() {
                let sqlite = Sqlite::new();
                contract::$promise_of_two(&sqlite.open().await, &sqlite.open().await).await;
            })*
        }

        mod on_mongo {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let Some(mongo) = Mongo::new(stringify!($promise)) else { return };
                contract::$promise(&mongo.open().await).await;
                mongo.drop().await;
            })*
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise_of_two() {
                let Some(mongo) = Mongo::new(stringify!($promise_of_two)) else { return };
                contract::$promise_of_two(&mongo.open().await, &mongo.open().await).await;
                mongo.drop().await;
            })*
        }
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
    an_address_is_suppressed_once,
    a_report_moves_forward_only;
    of two:
    replicas_do_not_claim_the_same,
    replicas_record_an_event_once,
    replicas_change_a_version_once,
    replicas_take_no_more_than_there_is,
    replicas_count_mails_together,
);
