//! The promises, on PostgreSQL; and what is this adapter's own.

#[path = "../../../tests/service/support/database.rs"]
mod database;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use comptoir_events::Outbox as _;
use comptoir_mesh::{
    config::Secret,
    env::{self, Server, ServerUrl},
    error::ErrorReason,
    testing::{self, PATIENCE, SOON, TestEnv},
};
use futures::future::join_all;
use sqlx::{Connection as _, PgConnection};

use self::database::{Database, execute, name};
use super::PostgresStore;
use crate::{
    domain::Reservation,
    store::{
        Change, ProductStore, StockStore, Store,
        contract::{contract, draft},
    },
};

const STAFF: &str = "user_staff";

/// A replica with what keeps it running.
struct Replica {
    store: PostgresStore,
    _test: TestEnv,
}

async fn database(test: &str) -> Option<Database> {
    let server = testing::server("DATABASE_URL", test)?;
    Some(Database::create(&server).await)
}

fn location(test: &mut TestEnv, url: &str) -> ServerUrl {
    test.env.servers.database_url = Some(Secret::new(url));
    match test.env.store("catalog", None, Server::Postgres).unwrap() {
        env::Store::Server(server) => server,
        env::Store::Sqlite(file) => panic!("{file}"),
    }
}

async fn open(url: &str) -> anyhow::Result<Replica> {
    let mut test = TestEnv::new();
    let server = location(&mut test, url);
    let store = PostgresStore::open(&server, 5, test.env.clock.clone(), test.env.ids.clone()).await?;
    store.follow(&test.env);
    Ok(Replica { store, _test: test })
}

async fn fresh(test: &str) -> Option<((TestEnv, Database), Arc<dyn Store>)> {
    let database = database(test).await?;
    let Replica { store, _test } = open(&database.url()).await.unwrap();
    Some(((_test, database), Arc::new(store)))
}

async fn sql(database: &Database, statement: &'static str) {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn one_replica_relays() {
    let Some(database) = database("one_replica_relays").await else {
        return;
    };
    let (first, second) = (
        open(&database.url()).await.unwrap(),
        open(&database.url()).await.unwrap(),
    );
    let lease = async |replica: &Replica, holder, length| replica.store.lease(holder, length).await.unwrap();
    let short = Duration::from_millis(200);
    assert!(lease(&first, "first", short).await);
    assert!(!lease(&second, "second", short).await);
    assert!(lease(&first, "first", short).await, "it is renewed");
    tokio::time::sleep(short).await;
    assert!(lease(&second, "second", short).await, "it ended");
    assert!(!lease(&first, "first", short).await);
    lease(&second, "second", Duration::ZERO).await;
    assert!(lease(&first, "first", short).await, "it was given up");
}

fn reservation(id: &str, variant_id: &str, ttl: Duration) -> Reservation {
    Reservation::new(id.to_owned(), &[(variant_id.to_owned(), 1)], ttl).unwrap()
}

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

contract!(super::fresh);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_sell_what_there_is() {
    let Some(database) = database("two_replicas_sell_what_there_is").await else {
        return;
    };
    // They also start together: one of them migrates.
    let url = database.url();
    let (one, other) = futures::join!(open(&url), open(&url));
    let (one, other) = (one.unwrap().store, other.unwrap().store);
    let lamp = one.create_product(draft("Lamp", 10), STAFF).await.unwrap();
    let lamp = lamp.variants[0].id.as_str();
    let replicas = [&one, &other];
    let buyers = (0..64_usize).map(|buyer| async move {
        let id = format!("order_{buyer}");
        let reserved = replicas[buyer % 2]
            .reserve_stock(reservation(&id, lamp, Duration::from_secs(600)))
            .await;
        match reserved {
            // The other replica goes on with what this one began.
            Ok(_) => replicas[(buyer + 1) % 2]
                .confirm_reservation(&id)
                .await
                .map(|()| true),
            Err(refusal) => {
                assert_eq!(refusal.reason(), ErrorReason::InsufficientStock);
                Ok(false)
            }
        }
    });
    let sold = join_all(buyers).await.into_iter().map(Result::unwrap);
    assert_eq!(sold.filter(|sold| *sold).count(), 10);
    let stock = other.stock(&[lamp.to_owned()]).await.unwrap();
    assert_eq!((stock[0].on_hand, stock[0].reserved), (0, 0));

    let hats = (0..20_usize).map(|number| replicas[number % 2].create_product(draft("Hat", 0), STAFF));
    let slugs: HashSet<String> = join_all(hats)
        .await
        .into_iter()
        .map(|hat| hat.unwrap().slug)
        .collect();
    assert_eq!(slugs.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweepers_of_two_replicas_end_each_hold_once() {
    let Some(database) = database("sweepers_of_two_replicas_end_each_hold_once").await else {
        return;
    };
    let (one, other) = (
        open(&database.url()).await.unwrap(),
        open(&database.url()).await.unwrap(),
    );
    let globe = one.store.create_product(draft("Globe", 40), STAFF).await.unwrap();
    let globe = globe.variants[0].id.as_str();
    for order in 0..40 {
        let reserved = one
            .store
            .reserve_stock(reservation(&format!("order_{order}"), globe, Duration::ZERO));
        reserved.await.unwrap();
    }
    let sweeps = (0..10).flat_map(|_| [&one.store, &other.store]);
    let ended: usize = join_all(sweeps.map(|store| store.expire_reservations(5)))
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    assert_eq!(ended, 40);
    let stock = one.store.stock(&[globe.to_owned()]).await.unwrap();
    assert_eq!((stock[0].on_hand, stock[0].reserved), (40, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_soon_hears_of_every_change_of_another() {
    let Some(database) = database("a_replica_soon_hears_of_every_change_of_another").await else {
        return;
    };
    let (one, other) = (
        open(&database.url()).await.unwrap(),
        open(&database.url()).await.unwrap(),
    );
    let heard: Arc<Mutex<HashSet<String>>> = Arc::default();
    let hearing = Arc::clone(&heard);
    other.store.changes().before_answer(move |change| {
        if let Change::Product(id) = change {
            hearing.lock().unwrap().insert(id.clone());
        }
    });
    // A transaction that was begun earlier and ends later than all the others keeps nothing back.
    let mut slow = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; INSERT INTO changes (step, kind, id) VALUES (1, 'product', 'prod_slow')")
        .execute(&mut slow)
        .await
        .unwrap();
    let made = join_all((0..100).map(|_| one.store.create_product(draft("Pin", 0), STAFF))).await;
    let made: HashSet<String> = made.into_iter().map(|pin| pin.unwrap().id).collect();
    let waited = eventually("all were heard of", async || heard.lock().unwrap().len() == 100).await;
    assert!(waited < SOON, "{waited:?}");
    assert_eq!(*heard.lock().unwrap(), made);
    sqlx::raw_sql("COMMIT").execute(&mut slow).await.unwrap();
    let waited = eventually("the slow one was heard of", async || {
        heard.lock().unwrap().contains("prod_slow")
    });
    assert!(waited.await < SOON);
    // The list is counted again.
    let all = crate::domain::ProductQuery {
        limit: 1,
        ..Default::default()
    };
    assert_eq!(other.store.list_products(&all).await.unwrap().total, 100);
    one.store.create_product(draft("Pin", 0), STAFF).await.unwrap();
    eventually("the count follows", async || {
        other.store.list_products(&all).await.unwrap().total == 101
    })
    .await;
}

/// As a report does, or a backup of another database of the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_transaction_does_not_make_replicas_forget_everything_at_each_look() {
    let Some(database) =
        database("a_long_transaction_does_not_make_replicas_forget_everything_at_each_look").await
    else {
        return;
    };
    let (one, other) = (
        open(&database.url()).await.unwrap(),
        open(&database.url()).await.unwrap(),
    );
    let heard: Arc<Mutex<Vec<Change>>> = Arc::default();
    let hearing = Arc::clone(&heard);
    other
        .store
        .changes()
        .before_answer(move |change| hearing.lock().unwrap().push(change.clone()));
    let mut long = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT pg_current_xact_id()")
        .execute(&mut long)
        .await
        .unwrap();
    // More than are worth looking at one by one: everything is forgotten once, and rightly.
    sql(
        &database,
        "INSERT INTO changes (step, kind, id)
         SELECT 1, 'product', 'prod_' || number FROM generate_series(1, 10001) AS number",
    )
    .await;
    eventually("an import was heard of", async || {
        heard.lock().unwrap().contains(&Change::Everything)
    })
    .await;
    heard.lock().unwrap().clear();
    let mut made = Vec::new();
    for _ in 0..4 {
        let pin = one.store.create_product(draft("Pin", 0), STAFF).await.unwrap();
        made.push(Change::Product(pin.id));
        eventually("a product was heard of by its name", async || {
            made.last()
                .is_some_and(|last| heard.lock().unwrap().contains(last))
        })
        .await;
    }
    let heard = heard.lock().unwrap().clone();
    let products: Vec<_> = heard
        .iter()
        .filter(|change| matches!(change, Change::Product(_) | Change::Everything))
        .collect();
    assert_eq!(products, made.iter().collect::<Vec<_>>());
    drop(long);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_hears_its_own_changes_once() {
    let Some(database) = database("a_replica_hears_its_own_changes_once").await else {
        return;
    };
    let one = open(&database.url()).await.unwrap();
    let heard: Arc<Mutex<Vec<Change>>> = Arc::default();
    let hearing = Arc::clone(&heard);
    one.store
        .changes()
        .before_answer(move |change| hearing.lock().unwrap().push(change.clone()));
    for _ in 0..20 {
        one.store.create_product(draft("Pin", 0), STAFF).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(heard.lock().unwrap().len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_goes_on_when_its_connections_are_cut() {
    let Some(server) = testing::server("DATABASE_URL", "a_replica_goes_on_when_its_connections_are_cut")
    else {
        return;
    };
    // A whole database, so that no other test's connections are cut.
    let name = name();
    execute(&server, &format!("CREATE DATABASE {name}")).await;
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    let database = Database { server, url, drop };
    let (one, other) = (
        open(&database.url()).await.unwrap(),
        open(&database.url()).await.unwrap(),
    );
    one.store.create_product(draft("Pin", 0), STAFF).await.unwrap();
    let heard: Arc<Mutex<usize>> = Arc::default();
    let hearing = Arc::clone(&heard);
    other
        .store
        .changes()
        .before_answer(move |_| *hearing.lock().unwrap() += 1);
    sql(
        &database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .await;
    // A write on a dead connection is retried on another.
    for _ in 0..5 {
        one.store.create_product(draft("Pin", 0), STAFF).await.unwrap();
    }
    eventually("they are heard of", async || *heard.lock().unwrap() >= 5).await;
}

#[tokio::test]
async fn entries_of_an_aggregate_wait_for_the_earlier_ones() {
    let Some(database) = database("entries_of_an_aggregate_wait_for_the_earlier_ones").await else {
        return;
    };
    let one = open(&database.url()).await.unwrap();
    let pen = one.store.create_product(draft("Pen", 100), STAFF).await.unwrap();
    let pen = pen.variants[0].id.as_str();
    let taking = async {
        let mut last = 0;
        while last < 41 {
            let records = one.store.pending(3).await.unwrap();
            for record in &records {
                assert_eq!(record.sequence, last + 1);
                last = record.sequence;
            }
            one.store.done(&records).await.unwrap();
        }
    };
    let store = &one.store;
    let orders = join_all((0..40).map(|order| async move {
        let id = format!("order_{order}");
        store
            .reserve_stock(reservation(&id, pen, Duration::from_secs(600)))
            .await
            .unwrap();
    }));
    futures::join!(taking, orders);
}

async fn refusal(url: &str) -> String {
    match open(url).await {
        Ok(_) => panic!("the store is opened"),
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn a_server_that_forgets_and_a_database_that_is_newer_are_refused() {
    let Some(database) = database("a_server_that_forgets_and_a_database_that_is_newer_are_refused").await
    else {
        return;
    };
    let url = database.url();
    let forgetting = format!("{url}%20-csynchronous_commit%3Doff");
    let said = refusal(&forgetting).await;
    assert!(
        said.contains("DATABASE_URL") && said.contains("synchronous_commit"),
        "{said}"
    );
    drop(open(&url).await.unwrap());
    sql(
        &database,
        "INSERT INTO _sqlx_migrations VALUES (9999, 'of tomorrow', now(), true, '', 0)",
    )
    .await;
    let said = refusal(&url).await;
    assert!(said.contains("DATABASE_URL: the database is newer"), "{said}");
}

#[tokio::test]
async fn wrong_credentials_end_the_start_at_once() {
    let Some(database) = database("wrong_credentials_end_the_start_at_once").await else {
        return;
    };
    let started = Instant::now();
    let mut unknown_user = url::Url::parse(&database.url()).unwrap();
    unknown_user.set_username("comptoir_unknown_user").unwrap();
    let said = refusal(unknown_user.as_str()).await;
    assert!(said.contains("DATABASE_URL"), "{said}");
    let mut nowhere = url::Url::parse(&database.url()).unwrap();
    nowhere.set_path("comptoir_nowhere");
    let said = refusal(nowhere.as_str()).await;
    assert!(said.contains("comptoir_nowhere"), "{said}");
    assert!(started.elapsed() < SOON);
}

/// A service whose clock is wrong frees no live reservation, and keeps none that has ended: the database's clock counts.
#[tokio::test]
async fn holds_end_by_the_clock_of_the_database() {
    let Some(database) = database("holds_end_by_the_clock_of_the_database").await else {
        return;
    };
    let Replica { store, _test: test } = open(&database.url()).await.unwrap();
    let globe = store.create_product(draft("Globe", 2), STAFF).await.unwrap();
    let globe = globe.variants[0].id.as_str();
    store
        .reserve_stock(reservation("order_live", globe, Duration::from_secs(600)))
        .await
        .unwrap();
    test.clock.advance(Duration::from_secs(3600));
    assert_eq!(store.expire_reservations(10).await.unwrap(), 0);
    test.clock.set("2000-01-01T00:00:00Z".parse().unwrap());
    store
        .reserve_stock(reservation("order_over", globe, Duration::ZERO))
        .await
        .unwrap();
    assert_eq!(store.expire_reservations(10).await.unwrap(), 1);
}
