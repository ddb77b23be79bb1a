//! Databases and topics of a test on servers that other tests use too.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// How long a broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Runs a statement on a PostgreSQL server. Its variable parts are names that tests make: a word and digits.
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

/// Drops a MongoDB database. Servers that only speak MongoDB's protocol may fail in the middle of it, so it is retried once.
pub async fn drop_mongo(server: &str, database: &str) -> anyhow::Result<()> {
    let client = mongodb::Client::with_uri_str(server).await?;
    let database = client.database(database);
    if database.drop().await.is_err() {
        database.drop().await?;
    }
    Ok(())
}

/// Deletes the topics whose names begin with `prefix`, and the consumer groups.
pub async fn delete_topics(brokers: &str, prefix: &str) -> anyhow::Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let names = |found: Vec<String>| -> Vec<String> {
        found
            .into_iter()
            .filter(|name| name.starts_with(prefix))
            .collect()
    };
    let metadata = admin.inner().fetch_metadata(None, ANSWER)?;
    let topics = names(
        metadata
            .topics()
            .iter()
            .map(|topic| topic.name().to_owned())
            .collect(),
    );
    let groups = admin.inner().fetch_group_list(None, ANSWER)?;
    let groups = names(
        groups
            .groups()
            .iter()
            .map(|group| group.name().to_owned())
            .collect(),
    );
    let options = AdminOptions::new().operation_timeout(Some(ANSWER));
    if !topics.is_empty() {
        admin.delete_topics(&texts(&topics), &options).await?;
    }
    if !groups.is_empty() {
        admin.delete_groups(&texts(&groups), &options).await?;
    }
    Ok(())
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
