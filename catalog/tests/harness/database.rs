//! A database of a test's own on the server of `DATABASE_URL`, which goes with it.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    pub(crate) async fn create(server: &str) -> Self {
        let database = Self {
            server: server.to_owned(),
            name: format!("comptoir_test_{:016x}", rand::random::<u64>()),
        };
        execute(server, &format!("CREATE DATABASE {}", database.name)).await;
        database
    }

    pub(crate) fn url(&self) -> String {
        let mut url = Url::parse(&self.server).expect("DATABASE_URL is a URL");
        url.set_path(&self.name);
        url.into()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server.clone();
        // In a thread of its own, as a runtime may be dropping this one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&server, &drop));
        });
        let _ = dropping.join();
    }
}

async fn execute(server: &str, sql: &str) {
    let mut connection = PgConnection::connect(server).await.expect("the server answers");
    // The name in it is our own.
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection);
    done.await.expect("the role may make databases");
}
