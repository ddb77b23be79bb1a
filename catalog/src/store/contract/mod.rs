//! What every store promises, stated so that each adapter can be held to it: a function for each promise, which takes a
//! store of its own, empty.

pub(super) mod categories;
pub(super) mod events;
pub(super) mod products;
pub(super) mod races;
pub(super) mod reservations;
pub(super) mod stock;

use std::time::Duration;

use comptoir_mesh::{Error, error::ErrorReason};

use super::Store;
use crate::domain::{
    Content, Movement, Product, ProductDraft, Reservation, SlugChoice, Status, Stock, VariantDraft,
};

/// Runs every promise as a test of its own, each on a fresh store of `$adapter`: a function that is given the test's name
/// and gives `(guard, Arc<dyn Store>)`, or None where the adapter's server is not there.
macro_rules! contract {
    ($adapter:path) => {
        $crate::store::contract::tests! { $adapter:
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
                all_lines_are_held_or_none,
                lines_of_one_variant_count_together,
                what_is_not_for_sale_is_refused,
                repeating_changes_nothing,
                a_release_that_comes_first_wins,
                an_ended_hold_is_in_nobodys_way,
                a_live_hold_is_not_ended,
                the_sweeper_ends_what_is_over,
                a_hold_survives_its_product,
            }
            races {
                one_of_several_takes_a_slug,
                imports_at_once_make_one_product,
                moves_at_once_make_no_circle,
                what_comes_into_a_category_that_goes_is_refused_or_moves,
                adjusting_takes_nothing_that_is_held_meanwhile,
                many_buyers_sell_what_there_is,
                the_same_step_at_once_happens_once,
                a_release_at_once_with_its_hold_leaves_nothing,
                ended_holds_make_room_for_all_who_come,
                opposite_orders_do_not_meet,
                orders_of_many_lines_do_not_meet,
                units_are_conserved_whatever_happens,
                units_are_conserved_while_products_go,
            }
            events {
                each_change_is_announced,
                sequences_have_no_gaps,
            }
        }
    };
}
pub(super) use contract;

macro_rules! tests {
    ($adapter:path: $($module:ident { $($promise:ident),+ $(,)? })+) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let test = concat!(module_path!(), "::", stringify!($promise));
                if let Some((_guard, store)) = $adapter(test).await {
                    $crate::store::contract::$module::$promise(&*store).await;
                }
            })+
        })+
    };
}
pub(super) use tests;

/// Long enough for no test to see it end.
const LONG: Duration = Duration::from_secs(600);
/// Over when the next step runs.
const SHORT: Duration = Duration::ZERO;
const STAFF: &str = "user_staff";

/// A product without options and so many units.
pub(super) fn draft(title: &str, quantity: i32) -> ProductDraft {
    ProductDraft {
        slug: SlugChoice::Derived(crate::domain::text::slug_of(title, "product")),
        content: Content {
            title: title.to_owned(),
            ..Content::default()
        },
        currency: "EUR".to_owned(),
        status: None,
        variants: vec![variant(&[], 1990, quantity)],
    }
}

fn variant(values: &[&str], price: i64, quantity: i32) -> VariantDraft {
    VariantDraft {
        id: None,
        sku: None,
        option_values: values.iter().map(|value| (*value).to_owned()).collect(),
        price,
        compare_at_price: None,
        quantity: Some(quantity),
        weight_grams: None,
        image: None,
    }
}

/// What is stored, as a draft that changes nothing.
fn same(product: &Product) -> ProductDraft {
    ProductDraft {
        slug: SlugChoice::Exact(product.slug.clone()),
        content: product.content.clone(),
        currency: product.currency.clone(),
        status: None,
        variants: product.variants.iter().map(VariantDraft::from).collect(),
    }
}

async fn create(store: &dyn Store, title: &str, quantity: i32) -> Product {
    store.create_product(draft(title, quantity), STAFF).await.unwrap()
}

async fn create_hidden(store: &dyn Store, title: &str) -> Product {
    store
        .create_product(
            ProductDraft {
                status: Some(Status::Draft),
                ..draft(title, 5)
            },
            STAFF,
        )
        .await
        .unwrap()
}

async fn read(store: &dyn Store, id: &str) -> Option<Product> {
    store.products(&[id.to_owned()]).await.unwrap().pop()
}

fn reservation(id: &str, lines: &[(&str, i32)], ttl: Duration) -> Reservation {
    let lines: Vec<_> = lines
        .iter()
        .map(|(variant, quantity)| ((*variant).to_owned(), *quantity))
        .collect();
    Reservation::new(id.to_owned(), &lines, ttl).unwrap()
}

async fn stock(store: &dyn Store, variant_id: &str) -> Stock {
    store
        .stock(&[variant_id.to_owned()])
        .await
        .unwrap()
        .pop()
        .unwrap()
}

/// (on hand, reserved)
async fn units(store: &dyn Store, variant_id: &str) -> (i32, i32) {
    let stock = stock(store, variant_id).await;
    (stock.on_hand, stock.reserved)
}

/// The ledger, newest first.
async fn ledger(store: &dyn Store, variant_id: &str) -> Vec<Movement> {
    store.movements(variant_id, None, 1000).await.unwrap().items
}

async fn ledger_sum(store: &dyn Store, variant_id: &str) -> i32 {
    ledger(store, variant_id)
        .await
        .iter()
        .map(|movement| movement.delta)
        .sum()
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, Error>) -> ErrorReason {
    outcome.unwrap_err().reason()
}

fn field<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    outcome.unwrap_err().field_violations()[0].field.clone()
}
