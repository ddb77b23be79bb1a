//! What every store promises, stated so that each adapter can be held to it: a function for each promise, which takes a
//! store of its own, empty.

pub(super) mod categories;
pub(super) mod events;
pub(super) mod products;
pub(super) mod reservations;
pub(super) mod stock;

use std::time::Duration;

use comptoir_mesh::{Error, error::ErrorReason};

use super::Store;
use crate::domain::{
    Content, Movement, Product, ProductDraft, Reservation, SlugChoice, Status, Stock, VariantDraft,
};

/// Runs every promise as a test of its own, each on a fresh store of `$adapter`: a function that gives
/// `(guard, Arc<dyn Store>)`.
macro_rules! contract {
    ($adapter:path: $($module:ident { $($promise:ident),+ $(,)? })+) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let (_guard, store) = $adapter().await;
                $crate::store::contract::$module::$promise(&*store).await;
            })+
        })+
    };
}
pub(super) use contract;

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

fn hold(id: &str, lines: &[(&str, i32)], ttl: Duration) -> Reservation {
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
