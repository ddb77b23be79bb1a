//! A place of a test's own on the server of `DATABASE_URL`, which goes with it.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

pub(crate) struct Database {
    pub(crate) server: String,
    pub(crate) url: Url,
    /// What takes it away again.
    pub(crate) drop: String,
}

impl Database {
    /// A schema in the database that the URL names: made in no time.
    pub(crate) async fn create(server: &str) -> Self {
        let name = name();
        let mut url = Url::parse(server).expect("DATABASE_URL is a URL");
        url.query_pairs_mut()
            .append_pair("options", &format!("-csearch_path={name}"));
        execute(server, &format!("CREATE SCHEMA {name}")).await;
        Self {
            server: server.to_owned(),
            url,
            drop: format!("DROP SCHEMA IF EXISTS {name} CASCADE"),
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone().into()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), self.drop.clone());
        // In a thread of its own, as a runtime may be dropping this one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&server, &drop));
        });
        let _ = dropping.join();
    }
}

pub(crate) fn name() -> String {
    format!("comptoir_test_{:016x}", rand::random::<u64>())
}

pub(crate) async fn execute(server: &str, sql: &str) {
    let mut connection = PgConnection::connect(server).await.expect("the server answers");
    // The name in it is our own.
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection);
    done.await.expect("the role may do so");
}
