//! The same tests on MongoDB: each in a database of its own, which goes at the end.

use std::{cell::RefCell, sync::Arc};

use comptoir_mesh::{clock::SystemClock, ids::Ids, testing};

thread_local! {
    /// What the test that runs on this thread has opened on MongoDB; none where it runs on SQLite.
    static OPENED: RefCell<Option<Vec<Database>>> = const { RefCell::new(None) };
}

/// `COMPTOIR_ORDERS_STORE` for a service that a test starts on nothing: unset, unless the test is run by [`run`].
pub fn store() -> Option<String> {
    OPENED.with_borrow_mut(|opened| {
        let opened = opened.as_mut()?;
        let database = Database::of("a test on MongoDB")?;
        let url = database.url().to_owned();
        opened.push(database);
        Some(url)
    })
}

/// A database for one test.
pub struct Database {
    url: String,
    name: String,
}

impl Database {
    /// A database for this test; none where `MONGODB_URI` is not set.
    pub fn of(test: &str) -> Option<Self> {
        let server = testing::server("MONGODB_URI", test)?;
        let name = Ids::new(Arc::new(SystemClock)).new_id("comptoir_orders_test_");
        let url = named(&server, &name);
        Some(Self { url, name })
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        // The test's own runtime may be ending, or may be the one this runs on.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let client = mongodb::Client::with_uri_str(&url).await?;
                client.database(&name).drop().await
            })
        });
        if !matches!(removed.join(), Ok(Ok(()))) {
            eprintln!("the database {} stays", self.name);
        }
    }
}

/// The server's URL with this database in it.
fn named(server: &str, database: &str) -> String {
    let (scheme, rest) = server.split_once("://").unwrap_or(("mongodb", server));
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, login) = place.split_once('/').unwrap_or((place, ""));
    let mut options = options.to_owned();
    if hosts.contains('@') && !options.contains("authSource") {
        // The user logs in at the database of the server's own URL.
        let login = if login.is_empty() { "admin" } else { login };
        options = format!("{options}&authSource={login}");
    }
    format!(
        "{scheme}://{hosts}/{database}?{}",
        options.trim_start_matches('&')
    )
}

/// Runs a test whose services keep their stores on MongoDB.
pub fn run(name: &str, test: fn()) {
    if testing::server("MONGODB_URI", name).is_some() {
        OPENED.set(Some(Vec::new()));
        let _reset = Reset;
        test();
    }
}

/// Threads may run one test after the other, and the next one is SQLite's again.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        OPENED.take();
    }
}

/// Runs tests of this module on MongoDB once more.
#[macro_export]
macro_rules! on_mongo {
    ($($test:ident),+ $(,)?) => {
        mod on_mongo {
            $(
                #[test]
                fn $test() {
                    $crate::testing::mongo::run(concat!(module_path!(), "::", stringify!($test)), super::$test);
                }
            )+
        }
    };
}
pub use crate::on_mongo;
