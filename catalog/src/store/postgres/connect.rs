//! Connects to the server, checks its version and settings, and opens the pool.

use std::{str::FromStr as _, time::Duration};

use comptoir_mesh::{
    env::ServerUrl,
    start::{Unusable, reach},
};
use sqlx::{
    Connection as _, PgConnection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

fn migrations() -> Migrator {
    comptoir_stores::migrations!("postgres": "0001_catalog", "0002_leases")
}

/// How long to wait for the server to answer at all, and for a connection of the pool.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time limits that the server enforces: for statements, for waiting for locks, and for idle transactions.
const LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "5s"),
    ("lock_timeout", "4s"),
    ("idle_in_transaction_session_timeout", "10s"),
];
/// The limit for migrations, which includes waiting for those of another replica.
const NO_LIMITS: [(&str, &str); 2] = [("statement_timeout", "0"), ("lock_timeout", "0")];
/// The first version with 64-bit transaction numbers, by which the log of changes is read.
const OLDEST: i32 = 130_000;
/// A connection that was idle longer is tested before use: the server may have been restarted.
const RESTED: Duration = Duration::from_secs(1);

/// The pool of a migrated database, and how to make the connection that listens.
pub(super) async fn connect(
    server: &ServerUrl,
    connections: u32,
) -> anyhow::Result<(PgPool, PgConnectOptions)> {
    let options = PgConnectOptions::from_str(server.url.reveal())
        .map_err(|error| anyhow::anyhow!("{}: {error}", server.setting))?
        .application_name("comptoir-catalog")
        .statement_cache_capacity(256);
    reach(&server.setting, || prepare(&options)).await?;
    let limited = options.clone().options(LIMITS);
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(connections.min(2))
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, rest| {
            Box::pin(async move {
                if rest.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(limited);
    Ok((pool, options))
}

/// Migrates the database of a server that keeps what it acknowledged.
async fn prepare(options: &PgConnectOptions) -> Result<(), Unusable> {
    let options = options.clone().options(NO_LIMITS);
    let connecting = PgConnection::connect_with(&options);
    let mut connection = match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(connected) => connected.map_err(unusable)?,
        Err(_) => {
            return Err(Unusable::Away(anyhow::anyhow!(
                "the server does not answer within {} s",
                PATIENCE.as_secs()
            )));
        }
    };
    check(&mut connection).await?;
    migrations().run(&mut connection).await.map_err(unmigrated)?;
    // The server frees its locks in any case.
    let _ = connection.close().await;
    Ok(())
}

async fn check(connection: &mut PgConnection) -> Result<(), Unusable> {
    let (version, commit): (i32, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::integer, current_setting('synchronous_commit')",
    )
    .fetch_one(connection)
    .await
    .map_err(unusable)?;
    if version < OLDEST {
        let version = version / 10_000;
        return Err(Unusable::Wrong(anyhow::anyhow!(
            "PostgreSQL 13 or newer is needed, and the server is {version}"
        )));
    }
    if commit == "off" {
        return Err(Unusable::Wrong(anyhow::anyhow!(
            "the server's synchronous_commit is off: what it acknowledged would be lost when it stops; set it to on"
        )));
    }
    Ok(())
}

fn unmigrated(error: MigrateError) -> Unusable {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => unusable(error),
        MigrateError::VersionMissing(version) => Unusable::Wrong(anyhow::anyhow!(
            "the database is newer than this program: it has migration {version}, which is not known here; \
             start the program's newer version"
        )),
        MigrateError::VersionMismatch(version) => Unusable::Wrong(anyhow::anyhow!(
            "the database was made by another program: its migration {version} is not the one known here"
        )),
        error => Unusable::Wrong(anyhow::anyhow!("the database cannot be migrated: {error}")),
    }
}

/// Whether a retry may succeed.
fn unusable(error: sqlx::Error) -> Unusable {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let passes = match (&error, code.as_deref()) {
        // Connection lost, too many connections, starting up or shutting down, a lock that was not granted.
        (_, Some(code)) => {
            matches!(&code[..2.min(code.len())], "08" | "53")
                || matches!(code, "57P01" | "57P02" | "57P03" | "40001" | "40P01" | "55P03")
        }
        (sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut, None) => true,
        _ => false,
    };
    let said = match error.as_database_error() {
        Some(refusal) => anyhow::anyhow!("the server says: {}", refusal.message()),
        None => error.into(),
    };
    if passes {
        Unusable::Away(said)
    } else {
        Unusable::Wrong(said)
    }
}
