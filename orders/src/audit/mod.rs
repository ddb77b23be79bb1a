//! Reads the orders' store for an audit, and checks each order's document. Nothing is written or created: a missing
//! store is an error.

mod order;

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use comptoir_mesh::{
    audit::{Breach, Invariant},
    env::Store,
};
use futures::stream::BoxStream;
use mongodb::Database;
use sqlx::SqlitePool;

use crate::{
    domain::order::{Order, State},
    store::{mongo, sqlite},
};

pub use crate::store::Book;

/// The store, open for reading.
pub enum Books {
    /// A file.
    Sqlite(SqlitePool),
    /// A database of a server.
    Mongo(Database),
}

/// The state that an order's units must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Sold to it.
    Sold,
    /// Neither reserved for it nor sold to it.
    Free,
    /// In transition: either is correct.
    Moving,
}

/// Opens the store in the settings.
pub async fn open(location: &Store) -> anyhow::Result<Books> {
    Ok(match location {
        Store::Sqlite(file) => Books::Sqlite(comptoir_stores::sqlite::open_to_read(file).await?),
        Store::Server(server) => Books::Mongo(comptoir_stores::mongo::open(server).await?),
    })
}

impl Books {
    /// Every order, sorted by id.
    pub fn orders(&self) -> BoxStream<'_, anyhow::Result<Book>> {
        match self {
            Self::Sqlite(pool) => sqlite::books(pool),
            Self::Mongo(database) => mongo::books(database),
        }
    }
}

impl Book {
    /// Every breach within the order.
    pub fn breaches(&self) -> Vec<Breach> {
        order::breaches(self)
    }

    /// The state that its units must have.
    pub fn units(&self) -> Units {
        let order = &self.order;
        match order.state {
            State::Failed | State::Canceled => Units::Free,
            State::PendingPayment => Units::Moving,
            // A cancellation or a refund releases units before it is recorded.
            _ if order.work().is_some() && !order.payment.capture_is_open() => Units::Moving,
            _ if order.restocked => Units::Free,
            _ => Units::Sold,
        }
    }

    /// The units bought of each variant.
    pub fn bought(&self) -> BTreeMap<&str, i32> {
        let mut bought = BTreeMap::new();
        for line in self.order.contents.iter().flat_map(|contents| &contents.lines) {
            *bought.entry(line.variant_id.as_str()).or_default() += line.quantity;
        }
        bought
    }
}

/// Values that no two orders may share, collected order by order.
#[derive(Default)]
pub struct Shared {
    payments: HashMap<String, String>,
    carts: HashMap<String, String>,
    numbers: HashMap<String, String>,
}

impl Shared {
    /// Every breach between the order and the orders before it.
    pub fn breaches(&mut self, order: &Order) -> Vec<Breach> {
        let mut breaches = Vec::new();
        let mut claim = |taken: &mut HashMap<String, String>, what: &str, value: &str| match taken
            .entry(value.to_owned())
        {
            Entry::Vacant(free) => {
                free.insert(order.id.clone());
            }
            Entry::Occupied(other) => breaches.push(Breach::new(
                Invariant::OneCharge,
                format!(
                    "order {} and order {} have the same {what}, {value}",
                    other.get(),
                    order.id
                ),
            )),
        };
        if let Some(payment) = &order.payment.payment_id {
            claim(&mut self.payments, "payment", payment);
        }
        if let Some(number) = &order.number {
            claim(&mut self.numbers, "number", number);
        }
        // An order that failed releases its cart for the next one.
        if order.was_placed() {
            claim(&mut self.carts, "cart", &order.cart_id);
        }
        breaches
    }
}
