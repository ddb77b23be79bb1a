//! Databases and topics for one run, on servers that other runs use too.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use comptoir_e2e::databases::{beside, statement};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};

/// The services on MongoDB, a database each.
const ON_MONGO: [&str; 3] = ["auth", "orders", "notifier"];
const PATIENCE: Duration = Duration::from_secs(10);

/// Creates the PostgreSQL database, chooses a database of Redis, and prints the settings as NAME=VALUE.
pub(crate) async fn make(id: &str) -> anyhow::Result<()> {
    check(id)?;
    let postgres = variable("DATABASE_URL")?;
    statement(&postgres, format!("CREATE DATABASE {id}")).await?;
    println!("DATABASE_URL={}", beside(&postgres, id));
    let mongo = variable("MONGODB_URI")?;
    for service in ON_MONGO {
        let database = beside(&mongo, &format!("{id}_{service}"));
        println!("COMPTOIR_{}_STORE={database}", service.to_uppercase());
    }
    println!("COMPTOIR_KAFKA_PREFIX={id}.");
    println!("REDIS_URL={}", emptiest(&variable("REDIS_URL")?).await?);
    Ok(())
}

/// Drops databases and topics, and empties the database of Redis that REDIS_URL names.
pub(crate) async fn clear(id: &str) -> anyhow::Result<()> {
    check(id)?;
    let postgres = variable("DATABASE_URL")?;
    statement(&postgres, format!("DROP DATABASE IF EXISTS {id} WITH (FORCE)")).await?;
    let mongo = mongodb::Client::with_uri_str(variable("MONGODB_URI")?).await?;
    for service in ON_MONGO {
        mongo.database(&format!("{id}_{service}")).drop().await?;
    }
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", variable("KAFKA_BROKERS")?)
        .create()?;
    let metadata = admin.inner().fetch_metadata(None, PATIENCE)?;
    let prefix = format!("{id}.");
    let topics: Vec<&str> = metadata
        .topics()
        .iter()
        .map(rdkafka::metadata::MetadataTopic::name)
        .filter(|topic| topic.starts_with(&prefix))
        .collect();
    admin.delete_topics(&topics, &AdminOptions::new()).await?;
    empty(&variable("REDIS_URL")?).await
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

/// The name becomes part of SQL statements.
fn check(id: &str) -> anyhow::Result<()> {
    let word = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ensure!(word && id.starts_with("bench"), "{id} is no name of a run");
    Ok(())
}

/// The URL of the database of Redis with the fewest keys, never number 0.
async fn emptiest(url: &str) -> anyhow::Result<String> {
    let mut least = None;
    for number in 1..16 {
        let url = beside(url, &number.to_string());
        let mut connection = redis::Client::open(url.as_str())?
            .get_multiplexed_async_connection()
            .await?;
        let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await?;
        if least.as_ref().is_none_or(|(fewest, _)| keys < *fewest) {
            least = Some((keys, url));
        }
    }
    least.map(|(_, url)| url).context("Redis has no databases")
}

/// Removes the keys of gateways.
async fn empty(url: &str) -> anyhow::Result<()> {
    let mut connection = redis::Client::open(url)?
        .get_multiplexed_async_connection()
        .await?;
    let mut keys = redis::cmd("KEYS");
    let keys: Vec<String> = keys.arg("comptoir:*").query_async(&mut connection).await?;
    if !keys.is_empty() {
        redis::cmd("DEL").arg(keys).exec_async(&mut connection).await?;
    }
    Ok(())
}
