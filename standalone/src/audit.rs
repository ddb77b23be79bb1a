//! `comptoir audit`: whether the stores keep their invariants. It reads the stores only, whether the shop runs or not, and
//! changes nothing.

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use clap::Args;
use comptoir_catalog::audit::{self as stock, ReservedLine};
use comptoir_mesh::{
    Env,
    audit::{Breach, Invariant},
    config::Common,
    env::Server,
    process,
};
use comptoir_orders::audit::{self as orders, Book, Shared, Units};
use futures::{Stream, TryStreamExt as _};
use tokio::time::Instant;

/// Between two reads.
const PAUSE: Duration = Duration::from_secs(1);
/// Breaches of an invariant that are shown.
const SHOWN: usize = 20;

/// What `comptoir audit` takes.
#[derive(Args, Debug)]
#[command(after_help = "\
Exits with 0 when every invariant holds, 1 when one does not, 78 when a store cannot be opened or read.
The stores are read one after the other, so a change between the reads may look like a breach. A breach is read again, and \
reported if it remains.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The catalog's store, as for `comptoir up`
    #[arg(
        long,
        env = "COMPTOIR_CATALOG_STORE",
        value_name = "URL",
        hide_env_values = true
    )]
    catalog_store: Option<String>,
    /// The orders' store, as for `comptoir up`
    #[arg(
        long,
        env = "COMPTOIR_ORDERS_STORE",
        value_name = "URL",
        hide_env_values = true
    )]
    orders_store: Option<String>,
    /// Seconds for which a breach is read again before it is reported
    #[arg(long, env = "COMPTOIR_AUDIT_WAIT", default_value = "10", value_parser = comptoir_mesh::config::seconds, value_name = "S")]
    wait: Duration,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(audit(arguments)));
    match outcome {
        Ok(found) => report(&found),
        Err(error) => {
            eprintln!("comptoir audit: {error:#}");
            ExitCode::from(process::CONFIGURATION)
        }
    }
}

/// How much was read, and the breaches in it.
#[derive(Default)]
struct Found {
    variants: i64,
    orders: usize,
    reservations: usize,
    breaches: BTreeSet<Breach>,
}

async fn audit(arguments: &Arguments) -> anyhow::Result<Found> {
    let env = Env::new(&arguments.common)?;
    let location = env.store("catalog", arguments.catalog_store.as_deref(), Server::Postgres)?;
    let stock = stock::open(&location).await?;
    let location = env.store("orders", arguments.orders_store.as_deref(), Server::Mongo)?;
    let orders = orders::open(&location).await?;
    let end = Instant::now() + arguments.wait;
    let mut found = read(&stock, &orders).await?;
    while !found.breaches.is_empty() && Instant::now() < end {
        tokio::time::sleep(PAUSE).await;
        let mut again = read(&stock, &orders).await?;
        again.breaches.retain(|breach| found.breaches.contains(breach));
        found = again;
    }
    Ok(found)
}

/// Reads everything once. Both stores return their rows in the order of the orders' ids, so neither is kept in memory.
async fn read(stock: &stock::Books, orders: &orders::Books) -> anyhow::Result<Found> {
    let mut found = Found {
        variants: stock.variants().await?,
        breaches: stock.breaches().await?.into_iter().collect(),
        ..Found::default()
    };
    let (mut books, mut lines) = (orders.orders(), stock.reservations());
    let mut shared = Shared::default();
    let mut book = books.try_next().await?;
    let mut reservation = Reservation::next(&mut lines, None).await?;
    loop {
        let (here, held) = match (&book, &reservation) {
            (None, None) => break,
            (Some(book), Some((held, _))) => (book.order.id <= held.id, held.id <= book.order.id),
            (book, held) => (book.is_some(), held.is_some()),
        };
        let order = book.as_ref().filter(|_| here);
        let units = reservation.as_ref().filter(|_| held).map(|(held, _)| held);
        if let Some(book) = order {
            found.orders += 1;
            found.breaches.extend(book.breaches());
            found.breaches.extend(shared.breaches(&book.order));
        }
        found.reservations += usize::from(units.is_some());
        found.breaches.extend(compare(order, units));
        if here {
            book = books.try_next().await?;
        }
        if held && let Some((_, following)) = reservation {
            reservation = Reservation::next(&mut lines, following).await?;
        }
    }
    Ok(found)
}

/// A reservation with its lines.
struct Reservation {
    id: String,
    state: String,
    units: Vec<(String, i32)>,
}

impl Reservation {
    /// The next one, and the first line of the one after it. `first` is the line that was read already.
    async fn next(
        lines: &mut (impl Stream<Item = anyhow::Result<ReservedLine>> + Unpin),
        first: Option<ReservedLine>,
    ) -> anyhow::Result<Option<(Self, Option<ReservedLine>)>> {
        let first = match first {
            Some(line) => Some(line),
            None => lines.try_next().await?,
        };
        let Some(first) = first else { return Ok(None) };
        let mut reservation = Self {
            id: first.id.clone(),
            state: first.state.clone(),
            units: Vec::new(),
        };
        let mut line = Some(first);
        while let Some(read) = line.take_if(|line| line.id == reservation.id) {
            reservation.units.extend(read.variant_id.zip(read.quantity));
            line = lines.try_next().await?;
        }
        Ok(Some((reservation, line)))
    }
}

/// Compares an order with its units in the catalogue.
fn compare(book: Option<&Book>, reservation: Option<&Reservation>) -> Option<Breach> {
    let state = reservation.map_or("not reserved", |reservation| &reservation.state);
    let taken = ["held", "sold"].contains(&state);
    let Some(book) = book else {
        let id = &reservation?.id;
        return taken.then(|| {
            Breach::new(
                Invariant::HoldsEndOnce,
                format!("order {id}: units are {state}, and the order does not exist"),
            )
        });
    };
    let id = &book.order.id;
    match book.units() {
        Units::Moving => None,
        Units::Free => taken.then(|| {
            let now = book.order.state.name();
            Breach::new(
                Invariant::HoldsEndOnce,
                format!("order {id}: it is {now}, and its units are {state}"),
            )
        }),
        Units::Sold => {
            let bought = book.bought();
            let sold = reservation.filter(|reservation| {
                reservation.state == "sold"
                    && reservation
                        .units
                        .iter()
                        .map(|(variant, units)| (variant.as_str(), *units))
                        .eq(bought)
            });
            sold.is_none().then(|| {
                let wrong =
                    format!("order {id}: its units are {state}, or differ from those that were bought");
                Breach::new(Invariant::NoOversell, wrong)
            })
        }
    }
}

fn report(found: &Found) -> ExitCode {
    println!(
        "{} variants, {} reservations, {} orders",
        found.variants, found.reservations, found.orders
    );
    for invariant in Invariant::ALL {
        let breaches: Vec<&Breach> = found
            .breaches
            .iter()
            .filter(|breach| breach.invariant == invariant)
            .collect();
        let verdict = if breaches.is_empty() { "holds" } else { "BROKEN" };
        println!("{:<4} {verdict:<6}  {}", invariant.number(), invariant.promise());
        for breach in breaches.iter().take(SHOWN) {
            println!("     {}", breach.what);
        }
        if breaches.len() > SHOWN {
            println!("     and {} more", breaches.len() - SHOWN);
        }
    }
    if found.breaches.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
