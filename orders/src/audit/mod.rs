//! What an audit reads of the orders' store, and what an order's document has to say of itself. Nothing is written, and nothing
//! made: a store that is not there is an error.

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

/// The store, open for reading.
pub enum Books {
    /// A file.
    Sqlite(SqlitePool),
    /// A database of a server.
    Mongo(Database),
}

/// An order with what stands beside its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// The document.
    pub order: Order,
    /// What it brought in, as reports add it up: minor units.
    pub revenue: i64,
    /// The sequences of its events that wait to be published, in their order.
    pub waiting: Vec<i64>,
}

/// Where an order's units have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Sold to it.
    Sold,
    /// Neither held for it nor sold to it.
    Free,
    /// On the way from one to the other.
    Moving,
}

/// Opens the store where the settings say.
pub async fn open(location: &Store) -> anyhow::Result<Books> {
    Ok(match location {
        Store::Sqlite(file) => Books::Sqlite(comptoir_stores::sqlite::open_to_read(file).await?),
        Store::Server(server) => Books::Mongo(comptoir_stores::mongo::open(server).await?),
    })
}

impl Books {
    /// Every order, in the order of their ids.
    pub fn orders(&self) -> BoxStream<'_, anyhow::Result<Book>> {
        match self {
            Self::Sqlite(pool) => sqlite::books(pool),
            Self::Mongo(database) => mongo::books(database),
        }
    }
}

impl Book {
    /// Every breach that the order shows by itself.
    pub fn breaches(&self) -> Vec<Breach> {
        order::breaches(self)
    }

    /// Where its units have to be.
    pub fn units(&self) -> Units {
        let order = &self.order;
        match order.state {
            State::Failed | State::Canceled => Units::Free,
            State::PendingPayment => Units::Moving,
            // A cancellation or a refund may give them back before it is noted.
            _ if order.work().is_some() && !order.payment.capture_is_open() => Units::Moving,
            _ if order.restocked => Units::Free,
            _ => Units::Sold,
        }
    }

    /// How many units of each variant were bought.
    pub fn bought(&self) -> BTreeMap<&str, i32> {
        let mut bought = BTreeMap::new();
        for line in self.order.contents.iter().flat_map(|contents| &contents.lines) {
            *bought.entry(line.variant_id.as_str()).or_default() += line.quantity;
        }
        bought
    }
}

/// What no two orders may share; told each of them once.
#[derive(Default)]
pub struct Shared {
    payments: HashMap<String, String>,
    carts: HashMap<String, String>,
    numbers: HashMap<String, String>,
}

impl Shared {
    /// Every breach that the order shows beside those that were told before.
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
        // One that failed before leaves the cart to the next.
        if order.was_placed() {
            claim(&mut self.carts, "cart", &order.cart_id);
        }
        breaches
    }
}
