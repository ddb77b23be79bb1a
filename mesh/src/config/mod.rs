//! Settings every process has. Each is a flag and a variable; nothing is bound before all are valid.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};

pub use self::kafka::{KafkaSettings, Properties, brokers};
pub use self::names::NAMES;
pub(crate) use self::names::unknown_settings;

mod kafka;
mod names;

/// Development or production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Sandbox payments, mailbox, GraphiQL, reflection, plaintext between services on one machine.
    Development,
    /// None of these.
    Production,
}

/// The settings of every process.
#[derive(Args, Debug, Clone)]
pub struct Common {
    /// development, or production: without sandbox, GraphiQL, reflection, introspection and mailbox
    #[arg(
        long,
        env = "COMPTOIR_PROFILE",
        value_enum,
        default_value = "development",
        global = true
    )]
    pub profile: Profile,
    /// Take sandbox payments in the production profile too
    #[arg(long, env = "COMPTOIR_SANDBOX_PAYMENTS", global = true)]
    pub sandbox_payments: bool,
    /// Most entries of a page of any list; 0 is no limit
    #[arg(
        long,
        env = "COMPTOIR_LIMIT_LIST",
        default_value_t = 100,
        value_parser = up_to::<u32>(i32::MAX as u64),
        value_name = "N",
        global = true
    )]
    pub limit_list: u32,
    /// Seconds until a call to a service is answered, however long its caller would wait; 0 is no limit. Imports have
    /// their own limit
    #[arg(long, env = "COMPTOIR_LIMIT_CALL", default_value = "60", value_parser = seconds, value_name = "S", global = true)]
    pub limit_call: Duration,
    /// Seconds between two messages of a stream that is sent to a service; 0 is no limit
    #[arg(long, env = "COMPTOIR_LIMIT_CALL_IDLE", default_value = "30", value_parser = seconds, value_name = "S", global = true)]
    pub limit_call_idle: Duration,
    /// Folder of the embedded stores
    #[arg(
        long,
        env = "COMPTOIR_DATA",
        default_value = "data",
        value_name = "DIR",
        global = true
    )]
    pub data: PathBuf,
    /// TOML file of the shop: name, currency, time zone, locales, countries, delivery options, tax
    #[arg(long, env = "COMPTOIR_SHOP_FILE", value_name = "FILE", global = true)]
    pub shop_file: Option<PathBuf>,
    /// What is logged to standard error: error, warn, info, debug, or as tracing's EnvFilter takes it
    #[arg(
        long,
        env = "COMPTOIR_LOG",
        default_value = "info",
        value_name = "FILTER",
        global = true
    )]
    pub log: String,
    /// Where traces are sent by OTLP over gRPC, such as http://localhost:4317; unless set, they are not sent
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", global = true)]
    pub otlp_endpoint: Option<String>,
    /// Seconds between saying "not serving" and closing the ports, for load balancers to notice
    #[arg(long, env = "COMPTOIR_DRAIN_DELAY", default_value = "2", value_parser = seconds, value_name = "S", global = true)]
    pub drain_delay: Duration,
    /// Seconds that running calls may take to end after that
    #[arg(long, env = "COMPTOIR_DRAIN_LIMIT", default_value = "25", value_parser = seconds, value_name = "S", global = true)]
    pub drain_limit: Duration,
    #[command(flatten)]
    pub servers: Servers,
}

/// The servers that services share. What is not set is embedded in the process.
#[derive(Args, Debug, Clone, Default)]
pub struct Servers {
    /// PostgreSQL, where the catalog is kept: postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    pub database_url: Option<Secret>,
    /// MongoDB, where auth, orders and notifier keep a database comptoir_SERVICE each: mongodb://HOST
    #[arg(
        long,
        env = "MONGODB_URI",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    pub mongodb_uri: Option<Secret>,
    /// Kafka, which carries events between services: HOST:PORT, several separated by commas
    #[arg(long, env = "KAFKA_BROKERS", value_name = "ADDRS", global = true)]
    pub kafka_brokers: Option<String>,
    #[command(flatten)]
    pub kafka: KafkaSettings,
}

/// Where a process finds the services it calls, each at one address or several, separated by commas. Not for `comptoir up`,
/// where they are in the same process.
#[derive(Args, Debug, Clone)]
pub struct PeerUrls {
    /// The auth service; several addresses by commas
    #[arg(
        long,
        env = "COMPTOIR_AUTH_URL",
        default_value = "http://127.0.0.1:50051",
        value_name = "URL"
    )]
    pub auth_url: String,
    /// The catalog service; several addresses by commas
    #[arg(
        long,
        env = "COMPTOIR_CATALOG_URL",
        default_value = "http://127.0.0.1:50052",
        value_name = "URL"
    )]
    pub catalog_url: String,
    /// The orders service; several addresses by commas
    #[arg(
        long,
        env = "COMPTOIR_ORDERS_URL",
        default_value = "http://127.0.0.1:50053",
        value_name = "URL"
    )]
    pub orders_url: String,
    /// The notifier service; several addresses by commas
    #[arg(
        long,
        env = "COMPTOIR_NOTIFIER_URL",
        default_value = "http://127.0.0.1:50054",
        value_name = "URL"
    )]
    pub notifier_url: String,
}

/// More bytes than any process here holds or sends.
pub const BYTES: u64 = 1 << 40;

/// Reads a whole number from 0 to `most`. Every number has a bound: one that becomes a semaphore, a buffer or a time
/// could otherwise end the process later, without naming the variable.
pub fn up_to<T: TryFrom<u64>>(most: u64) -> RangedU64ValueParser<T> {
    RangedU64ValueParser::new().range(0..=most)
}

/// Reads a number of seconds, `0.5` too.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| "is no number of seconds".to_owned())?;
    if !(0.0..=86_400.0).contains(&value) {
        return Err("is not within 0 and 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(value))
}

/// An address to listen on. `:8080` is that port on every interface.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') {
        format!("0.0.0.0{text}")
    } else {
        text.to_owned()
    };
    full.parse()
        .map_err(|_| "is not an address to listen on, such as 127.0.0.1:8080".to_owned())
}

/// A setting that is printed as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
