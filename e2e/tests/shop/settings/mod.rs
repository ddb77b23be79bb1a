//! Wrong settings of every process: each ends it with code 78 within a second, and one line that names the variable and shows no
//! secret, before it serves. The process waits for an absent server, as docs/runbooks/run-on-servers.md says (`absent_servers`).
//! Valid settings are in `valid`.

use std::{
    collections::BTreeSet,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use comptoir_e2e::{
    databases::statement,
    process::{self, free_port},
    server,
};
use futures::StreamExt as _;
use tokio::{process::Command, time::timeout};

mod absent_servers;
mod valid;

/// The time to end on a busy machine. The promise is a second.
const SLACK: Duration = Duration::from_secs(15);
/// Processes at the same time.
const CONCURRENCY: usize = 3;
/// The secret in each setting below that has one.
const SECRET: &str = "hunter2";
/// The largest number of 64 bits.
const HUGE: &str = "18446744073709551615";

const ALL: &[&str] = &["auth", "catalog", "orders", "notifier", "gateway", "up"];
const ON_MONGO: &[&str] = &["auth", "orders", "notifier", "up"];
const ON_POSTGRES: &[&str] = &["catalog", "up"];
const CALLERS: &[&str] = &["catalog", "orders", "notifier", "gateway"];
const EDGE: &[&str] = &["gateway", "up"];

/// A setting, a wrong value, and the processes that read it.
type Wrong = (&'static str, &'static str, &'static [&'static str]);

const WRONG: &[Wrong] = &[
    // They could lose acknowledged writes.
    ("COMPTOIR_KAFKA_PROPERTIES", "sasl.password=hunter2,acks=1", ALL),
    ("COMPTOIR_KAFKA_PROPERTIES", "enable.idempotence=false", ALL),
    ("COMPTOIR_KAFKA_PROPERTIES", "enable.auto.commit=true", ALL),
    ("MONGODB_URI", "mongodb://shop:hunter2@localhost/?w=1", ON_MONGO),
    (
        "MONGODB_URI",
        "mongodb://shop:hunter2@localhost/?journal=false",
        ON_MONGO,
    ),
    (
        "MONGODB_URI",
        "mongodb://localhost/?readConcernLevel=local",
        ON_MONGO,
    ),
    (
        "COMPTOIR_AUTH_STORE",
        "mongodb://shop:hunter2@localhost/x?w=1",
        &["auth", "up"],
    ),
    (
        "COMPTOIR_ORDERS_STORE",
        "mongodb://shop:hunter2@localhost/x?w=1",
        &["orders", "up"],
    ),
    (
        "COMPTOIR_NOTIFIER_STORE",
        "mongodb://shop:hunter2@localhost/x?w=1",
        &["notifier", "up"],
    ),
    // Another scheme, or no scheme.
    ("DATABASE_URL", "mysql://shop:hunter2@localhost/shop", ON_POSTGRES),
    ("DATABASE_URL", "shop:hunter2@localhost/shop", ON_POSTGRES),
    ("DATABASE_URL", "", ON_POSTGRES),
    ("MONGODB_URI", "postgres://shop:hunter2@localhost/shop", ON_MONGO),
    ("MONGODB_URI", "shop:hunter2@localhost", ON_MONGO),
    ("MONGODB_URI", "", ON_MONGO),
    ("KAFKA_BROKERS", "kafka://localhost", ALL),
    ("KAFKA_BROKERS", "localhost:port", ALL),
    ("KAFKA_BROKERS", "", ALL),
    ("REDIS_URL", "http://shop:hunter2@localhost", EDGE),
    ("REDIS_URL", "", EDGE),
    (
        "COMPTOIR_CATALOG_STORE",
        "mongodb://shop:hunter2@localhost/shop",
        ON_POSTGRES,
    ),
    (
        "COMPTOIR_ORDERS_STORE",
        "postgres://shop:hunter2@localhost/shop",
        &["orders", "up"],
    ),
    // Invalid, with a secret in it.
    ("MONGODB_URI", "mongodb://shop:hunter2/x@localhost", ON_MONGO),
    (
        "DATABASE_URL",
        "postgres://shop:hunter2/x@localhost/shop",
        ON_POSTGRES,
    ),
    ("REDIS_URL", "redis://shop:hunter2/x@localhost", EDGE),
    ("COMPTOIR_KAFKA_PROPERTIES", "sasl.password=a,hunter2", ALL),
    ("COMPTOIR_KAFKA_PROPERTIES", "no.such.property=hunter2", ALL),
    // Where the other services are.
    ("COMPTOIR_AUTH_URL", "not an address", CALLERS),
    ("COMPTOIR_CATALOG_URL", "http://", &["orders", "gateway"]),
    // Impossible values.
    ("COMPTOIR_PROFILE", "staging", ALL),
    ("COMPTOIR_ADMIN_ADDR", "somewhere", ALL),
    ("COMPTOIR_HTTP_ADDR", "", EDGE),
    ("COMPTOIR_SHOP_FILE", "/no/such/file.toml", ALL),
    ("COMPTOIR_LOG", "a=b=c", ALL),
    ("COMPTOIR_DRAIN_DELAY", "-1", ALL),
    ("COMPTOIR_DRAIN_LIMIT", "1e300", ALL),
    ("COMPTOIR_DATABASE_POOL", "0", ON_POSTGRES),
    ("COMPTOIR_KAFKA_PARTITIONS", "0", ALL),
    ("COMPTOIR_CORS_ORIGINS", "*", EDGE),
    ("COMPTOIR_CORS_ORIGINS", "https://*.example", EDGE),
    ("COMPTOIR_HOSTS", "https://shop.example", EDGE),
    // Numbers that become a bound, a buffer or a time.
    ("COMPTOIR_LIMIT_REQUEST", HUGE, EDGE),
    ("COMPTOIR_LIMIT_CONNECTIONS", HUGE, EDGE),
    ("COMPTOIR_LIMIT_CONNECTIONS_ADDRESS", HUGE, EDGE),
    ("COMPTOIR_LIMIT_HEADERS", HUGE, EDGE),
    ("COMPTOIR_LIMIT_BODY", HUGE, EDGE),
    ("COMPTOIR_LIMIT_IDLE", "86401", EDGE),
    ("COMPTOIR_RESPONSE_CACHE_AGE", HUGE, EDGE),
    ("COMPTOIR_RESPONSE_CACHE_BYTES", HUGE, EDGE),
    ("COMPTOIR_LIMIT_PICTURE", HUGE, &["catalog", "gateway", "up"]),
    ("COMPTOIR_LIMIT_IMPORT", HUGE, &["catalog", "gateway", "up"]),
    ("COMPTOIR_LIMIT_CART_LINES", HUGE, &["orders", "up"]),
    ("COMPTOIR_LIMIT_LOGIN_ACCOUNT", "4294967295", &["auth", "up"]),
    ("COMPTOIR_NOTIFIER_SEND_RATE", "4294967295", &["notifier", "up"]),
    ("COMPTOIR_LIMIT_LIST", "4294967295", ALL),
    ("COMPTOIR_DRAIN_DELAY", "NaN", ALL),
    ("COMPTOIR_DRAIN_LIMIT", "inf", ALL),
    ("COMPTOIR_LIMIT_REQUESTS_ADDRESS", "many", EDGE),
    ("COMPTOIR_ADMIN_EMAIL", "no address", &["auth", "up"]),
    ("COMPTOIR_MAIL_FROM", "no address", &["notifier", "up"]),
    // Misspelled.
    ("COMPTOIR_KAFKA_PROPERTYS", "acks=1", ALL),
    ("COMPTOIR_PROFIL", "production", ALL),
    ("COMPTOIR_LIMIT_REQUEST_ADDRESS", "60", ALL),
];

/// A command of a process with its own ports and folder, without servers.
fn command(name: &str, folder: &tempfile::TempDir) -> Command {
    let mut command = match name {
        "up" => process::command("comptoir"),
        service => process::command(&format!("comptoir-{service}")),
    };
    if name == "up" {
        command.args(["up", "--no-demo"]);
    }
    for port in ["HTTP", "AUTH", "CATALOG", "ORDERS", "NOTIFIER", "ADMIN"] {
        command.env(
            format!("COMPTOIR_{port}_ADDR"),
            format!("127.0.0.1:{}", free_port()),
        );
    }
    command
        .env("COMPTOIR_DATA", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What is wrong with how a process ended, if anything.
fn complaint(output: &Output, elapsed: Duration, setting: &str) -> Option<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    // The log is JSON; the message for the operator is not.
    let messages: Vec<&str> = stderr.lines().filter(|line| !line.starts_with('{')).collect();
    let named = |line: &str| {
        line.split_once(": ")
            .is_some_and(|(_, rest)| rest.starts_with(setting))
    };
    if output.status.code() != Some(78) {
        Some(format!("ended with {:?}: {stderr}", output.status))
    } else if !matches!(messages[..], [line] if named(line)) {
        Some(format!("is not reported in one line that names it: {stderr}"))
    } else if stderr.contains(SECRET) {
        Some(format!("shows a secret: {stderr}"))
    } else if !output.stdout.is_empty() {
        Some("writes to standard output".to_owned())
    } else {
        (elapsed > SLACK).then(|| format!("takes {elapsed:?}"))
    }
}

/// Starts a process with a wrong setting; returns how long it took to end, or what was wrong with its end.
async fn refusal(name: &str, setting: &str, value: &str) -> Result<Duration, String> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(name, &folder);
    if setting == "COMPTOIR_KAFKA_PROPERTIES" {
        command.env("KAFKA_BROKERS", "127.0.0.1:9");
    }
    command.env(setting, value);
    let started = Instant::now();
    let complaint = match timeout(4 * SLACK, command.output()).await {
        Ok(output) => complaint(&output.unwrap(), started.elapsed(), setting),
        Err(_) => Some("does not end".to_owned()),
    };
    match complaint {
        Some(complaint) => Err(format!("{name} with {setting}={value}: {complaint}")),
        None => Ok(started.elapsed()),
    }
}

/// Starts each; reports all complaints together.
async fn all_refused(wrong: impl IntoIterator<Item = (&str, &str, &str)>) {
    let outcomes: Vec<_> = futures::stream::iter(wrong)
        .map(|(name, setting, value)| refusal(name, setting, value))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let (mut times, mut complaints) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(elapsed) => times.push(elapsed),
            Err(complaint) => complaints.push(complaint),
        }
    }
    times.sort_unstable();
    if let [first, .., last] = times[..] {
        let within = times
            .iter()
            .filter(|time| **time < Duration::from_secs(1))
            .count();
        println!(
            "{} wrong starts ended after {first:?} to {last:?}, the median after {:?}; {within} of them within a second",
            times.len(),
            times[times.len() / 2]
        );
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn a_wrong_setting_ends_every_process_that_reads_it() {
    let each = WRONG
        .iter()
        .flat_map(|(setting, value, names)| names.iter().map(move |name| (*name, *setting, *value)));
    all_refused(each).await;
}

#[tokio::test]
async fn a_postgres_that_refuses_or_would_lose_data_ends_the_catalog() {
    let Some(url) = server(
        "DATABASE_URL",
        "a_postgres_that_refuses_or_would_lose_data_ends_the_catalog",
    ) else {
        return;
    };
    let (start, database) = url.rsplit_once('/').unwrap();
    let host = start.rsplit_once('@').unwrap().1;
    let user = start.split("://").nth(1).unwrap().split(':').next().unwrap();
    let careless = format!("settings_{}", comptoir_e2e::now().as_nanos());
    for text in [
        format!("CREATE DATABASE {careless}"),
        format!("ALTER DATABASE {careless} SET synchronous_commit = off"),
    ] {
        statement(&url, text).await.unwrap();
    }
    let wrong = [
        format!("postgres://{user}:hunter2@{host}/{database}"),
        format!("postgres://no_such_user:hunter2@{host}/{database}"),
        format!("{start}/no_such_database"),
        format!("{start}/{careless}"),
    ];
    let wrong = wrong.iter().flat_map(|url| {
        let settings = ["DATABASE_URL", "COMPTOIR_CATALOG_STORE"];
        settings
            .into_iter()
            .flat_map(move |setting| ON_POSTGRES.iter().map(move |name| (*name, setting, url.as_str())))
    });
    all_refused(wrong).await;
    let drop = format!("DROP DATABASE {careless} WITH (FORCE)");
    statement(&url, drop).await.unwrap();
}

#[tokio::test]
async fn a_mongodb_or_redis_that_refuses_the_password_ends_its_clients() {
    let test = "a_mongodb_or_redis_that_refuses_the_password_ends_its_clients";
    let (Some(mongo), Some(redis)) = (server("MONGODB_URI", test), server("REDIS_URL", test)) else {
        return;
    };
    let with_password = |url: &str| url.replacen("://", "://shop:hunter2@", 1);
    let (mongo, redis) = (with_password(&mongo), with_password(&redis));
    let wrong = ON_MONGO
        .iter()
        .map(|name| (*name, "MONGODB_URI", mongo.as_str()))
        .chain(EDGE.iter().map(|name| (*name, "REDIS_URL", redis.as_str())));
    all_refused(wrong).await;
}

/// The list of known settings, by which misspelled ones are found, is that of `--help`.
#[tokio::test]
async fn every_setting_is_known_to_every_process() {
    let mut helps: Vec<Vec<&str>> = [&["up"][..], &["import"], &["audit"], &["events", "redrive"]]
        .map(|command| [&["comptoir"], command].concat())
        .into();
    let services =
        ["auth", "catalog", "orders", "notifier", "gateway"].map(|name| format!("comptoir-{name}"));
    helps.extend(services.iter().map(|service| vec![service.as_str()]));
    let mut known = BTreeSet::new();
    for help in helps {
        let output = process::command(help[0]).args(&help[1..]).arg("--help").output();
        let help = String::from_utf8(output.await.unwrap().stdout).unwrap();
        let variables = help.split("[env: ").skip(1).map(|rest| {
            let end = rest.find(['=', ']']).unwrap();
            rest[..end].to_owned()
        });
        known.extend(variables.filter(|name| name.starts_with("COMPTOIR_")));
    }
    let listed: BTreeSet<String> = comptoir_mesh::config::NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(listed, known, "mesh/src/config/names.rs and the helps differ");
}
