//! Where the tests of a run keep their stores: in SQLite files, unless the run is the second one.

use std::process::Command;

use comptoir_mesh::{
    config::Secret,
    testing::{self, TestEnv},
};

use super::database::Database;

/// Set in the second run.
const POSTGRES: &str = "COMPTOIR_TEST_POSTGRES";

/// An environment whose store is empty, and what takes the store away again.
pub(crate) async fn environment() -> (TestEnv, Option<Database>) {
    let mut test = TestEnv::new();
    let Ok(server) = std::env::var(POSTGRES) else {
        return (test, None);
    };
    let database = Database::create(&server).await;
    test.env.servers.database_url = Some(Secret::new(&database.url()));
    (test, Some(database))
}

/// Runs the other tests of this executable once more, on PostgreSQL. The tests of replicas run on it anyway.
pub(crate) fn again_on_postgres(test: &str) {
    let Some(server) = testing::server("DATABASE_URL", test) else {
        return;
    };
    let executable = std::env::current_exe().expect("a test is an executable");
    let run = Command::new(executable)
        .args(["--skip", test, "--skip", "replicas::"])
        .env(POSTGRES, server)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&run.stdout);
    println!("{said}");
    assert!(run.status.success(), "on PostgreSQL:\n{said}");
}
