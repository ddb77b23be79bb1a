//! Databases of one's own on servers that others use too.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Runs a statement on a PostgreSQL server. What of it is not a fixed text is a name of ours: a word and digits.
pub async fn statement(url: &str, statement: String) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    Ok(())
}

/// The URL of another database of the same server.
pub fn beside(url: &str, database: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, options) = rest
        .split_once('?')
        .map_or((rest, None), |(rest, options)| (rest, Some(options)));
    let server = rest.split('/').next().unwrap_or_default();
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{scheme}://{server}/{database}{options}")
}

/// Runs a command that Redis answers with OK.
pub async fn ask_redis(url: &str, command: &str) -> anyhow::Result<()> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    Ok(redis::cmd(command).exec_async(&mut connection).await?)
}
