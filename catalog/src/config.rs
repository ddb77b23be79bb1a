//! Settings of the catalog.

use std::{net::SocketAddr, time::Duration};

use comptoir_mesh::config::{BYTES, up_to};

/// What the catalog reads beside the settings every process has.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "catalog")]
pub struct Config {
    /// Where the catalog's gRPC port listens
    #[arg(
        long = "catalog-addr",
        id = "catalog_addr",
        env = "COMPTOIR_CATALOG_ADDR",
        default_value = "127.0.0.1:50052",
        value_parser = comptoir_mesh::config::address,
        value_name = "ADDR"
    )]
    pub addr: SocketAddr,
    /// The catalog's store: sqlite://PATH or postgres://HOST/DATABASE; DATABASE_URL unless set, else a file under the data folder
    #[arg(
        long = "catalog-store",
        id = "catalog_store",
        env = "COMPTOIR_CATALOG_STORE",
        value_name = "URL",
        hide_env_values = true
    )]
    pub store: Option<String>,
    /// Connections to PostgreSQL at most; one more listens
    #[arg(
        long = "catalog-database-pool",
        id = "catalog_database_pool",
        env = "COMPTOIR_DATABASE_POOL",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=1000),
        value_name = "N"
    )]
    pub database_pool: u32,
    /// Largest picture, in bytes; 0 is no limit
    #[arg(
        long = "catalog-limit-picture",
        id = "catalog_limit_picture",
        env = "COMPTOIR_LIMIT_PICTURE",
        default_value_t = 5 * 1024 * 1024,
        value_parser = up_to::<usize>(BYTES),
        value_name = "BYTES"
    )]
    pub limit_picture: usize,
    /// Largest import file, in bytes; 0 is no limit
    #[arg(
        long = "catalog-limit-import",
        id = "catalog_limit_import",
        env = "COMPTOIR_LIMIT_IMPORT",
        default_value_t = 32 * 1024 * 1024,
        value_parser = up_to::<usize>(BYTES),
        value_name = "BYTES"
    )]
    pub limit_import: usize,
    /// Seconds until an import is answered; 0 is no limit
    #[arg(
        long = "catalog-limit-request-import",
        id = "catalog_limit_request_import",
        env = "COMPTOIR_LIMIT_REQUEST_IMPORT",
        default_value = "600",
        value_parser = comptoir_mesh::config::seconds,
        value_name = "S"
    )]
    pub limit_request_import: Duration,
    /// Longest search, in characters; 0 is no limit
    #[arg(
        long = "catalog-limit-search-query",
        id = "catalog_limit_query",
        env = "COMPTOIR_LIMIT_SEARCH_QUERY",
        default_value_t = 256,
        value_parser = up_to::<usize>(BYTES),
        value_name = "CHARACTERS"
    )]
    pub limit_query: usize,
    /// Searches that run at once; as many as there are processors unless set
    #[arg(
        long = "catalog-searches",
        id = "catalog_searches",
        env = "COMPTOIR_SEARCHES",
        value_parser = clap::value_parser!(u16).range(1..=256),
        value_name = "N"
    )]
    pub searches: Option<u16>,
    /// Searches that wait for that at most; more are refused with OVERLOADED; 0 is no limit
    #[arg(
        long = "catalog-limit-waiting-searches",
        id = "catalog_limit_waiting_searches",
        env = "COMPTOIR_LIMIT_WAITING_SEARCHES",
        default_value_t = 1000,
        value_parser = up_to::<usize>(1_000_000),
        value_name = "N"
    )]
    pub limit_waiting_searches: usize,
}

impl Config {
    /// How many searches run at once.
    pub(crate) fn searches(&self) -> usize {
        match self.searches {
            Some(searches) => searches.into(),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Default for Config {
    /// The defaults of the flags, for tests.
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            store: None,
            database_pool: 10,
            limit_picture: 5 * 1024 * 1024,
            limit_import: 32 * 1024 * 1024,
            limit_request_import: Duration::from_secs(600),
            limit_query: 256,
            searches: None,
            limit_waiting_searches: 1000,
        }
    }
}
